"""Which tokens a model has learned: a vocabulary holds more than the texts that the model was trained on."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path

from retrieval.errors import ModelError

LEARNED_NAME = "learned_tokens.json"


def save_learned(directory: Path, tokens: Collection[int]) -> None:
    """Write the list of learned tokens beside a model. Raises OSError."""
    (directory / LEARNED_NAME).write_text(json.dumps({"tokens": sorted(tokens)}) + "\n", encoding="utf-8")


def load_learned(directory: Path) -> frozenset[int] | None:
    """The learned tokens of the model in a folder, none for one that is not trained; None where nobody noted them.

    Raises ModelError when the list is damaged.
    """
    path = directory / LEARNED_NAME
    if not path.is_file():
        return None
    try:
        tokens = json.loads(path.read_text(encoding="utf-8"))["tokens"]
        if type(tokens) is not list or not all(type(token) is int and token >= 0 for token in tokens):
            raise ValueError("no list of tokens")
        return frozenset(tokens)
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ModelError(
            f"The list of learned tokens {path} is damaged ({type(error).__name__}): fetch the model again."
        ) from error
