"""A model's files: where they are, and what its config.json says."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retrieval.encoders.families import FAMILIES, Family
from retrieval.errors import ModelError

TOKENIZER_FILES = (
    "tokenizer.json", "vocab.txt", "vocab.json", "merges.txt", "spiece.model", "tokenizer.model",
    "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
)
PROCESSOR_FILES = ("preprocessor_config.json", "processor_config.json")
_VOCABULARIES = (
    ("tokenizer.json",), ("vocab.txt",), ("vocab.json", "merges.txt"), ("spiece.model",), ("tokenizer.model",),
)
_WEIGHTS = ("model.safetensors", "pytorch_model.bin")


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A directory with a model. `commit` is the hub's, None for a directory of one's own."""

    name: str
    directory: Path
    commit: str | None
    config: dict[str, Any]
    family: Family


def open_checkpoint(directory: Path, *, name: str | None = None, commit: str | None = None) -> Checkpoint:
    """Read what `directory` holds; `name`: None = the directory's own.

    A directory inside the hub's cache goes by its hub name and commit. Raises ModelError when it is missing, is no
    model directory, or holds a kind of model that is not supported.
    """
    if not directory.is_dir():
        raise ModelError(f"There is no model folder {directory}: check the path, or give a hub name (owner/model).")
    config = _read_config(directory)
    kind = config.get("model_type")
    if kind not in FAMILIES:
        raise ModelError(
            f"The model in {directory} is of type {kind!r}, which is not supported: use one of {', '.join(FAMILIES)}."
        )
    if name is None:
        name, commit = _names(directory.resolve())
    return Checkpoint(name=name, directory=directory, commit=commit, config=config, family=FAMILIES[kind])


def weight_files(directory: Path) -> list[Path]:
    """The files that hold the weights, safetensors before pickles; empty when one of them is not there."""
    for single in _WEIGHTS:
        if (directory / single).is_file():
            return [directory / single]
        index = directory / f"{single}.index.json"
        if index.is_file():
            shards = [directory / shard for shard in sorted(set(read_json(index).get("weight_map", {}).values()))]
            return shards if all(shard.is_file() for shard in shards) else []
    return []


def require_weights(directory: Path) -> list[Path]:
    """The weight files; ModelError when they are not all there."""
    files = weight_files(directory)
    if not files:
        raise ModelError(
            f"The model in {directory} has no weights: model.safetensors or pytorch_model.bin is not there in full."
        )
    return files


def require_files(checkpoint: Checkpoint) -> None:
    """Raise ModelError when weights, tokenizer or picture settings are not all there."""
    directory = checkpoint.directory
    require_weights(directory)
    if not any(all((directory / part).is_file() for part in parts) for parts in _VOCABULARIES):
        raise ModelError(
            f"The model in {directory} has no tokenizer: put its vocab.txt, tokenizer.json or spiece.model there."
        )
    if not any((directory / file).is_file() for file in PROCESSOR_FILES):
        raise ModelError(
            f"The model in {directory} has no preprocessor_config.json: copy it from where the model came from."
        )


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file; ModelError when it cannot be read or is not an object."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} cannot be read ({_first_line(error)}): fetch the model again.") from error
    if not isinstance(content, dict):
        raise ModelError(f"{path} does not hold a JSON object: fetch the model again.")
    return content


def _read_config(directory: Path) -> dict[str, Any]:
    path = directory / "config.json"
    if not path.is_file():
        raise ModelError(f"{directory} is not a model folder: it has no config.json.")
    return read_json(path)


def _names(directory: Path) -> tuple[str, str | None]:
    cache = directory.parent.parent
    if directory.parent.name == "snapshots" and cache.name.startswith("models--"):
        return cache.name.removeprefix("models--").replace("--", "/"), directory.name
    return directory.name, None


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
