"""A text encoder on disk: text.onnx, tokenizer.json, and what else it takes to read texts with them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from retrieval.errors import ModelError
from retrieval.model.settings import InteractionSettings
from retrieval.records import Generation

MANIFEST_NAME, GRAPH_NAME, TOKENIZER_NAME = "text_encoder.json", "text.onnx", "tokenizer.json"
_FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """generation: of the clip vectors that the texts are compared with. precision: "fp32" or "int8".

    words: whether the graph gives the vectors of tokens too; a model whose token-wise score has no share does not need
    them. The rest is as in `tokenizing.FramedTokens`; pads_to_context: the padding is read.
    """

    generation: Generation
    interaction: InteractionSettings
    precision: str
    words: bool
    context_length: int
    prefix: list[int]
    suffix: list[int]
    pad_id: int
    pads_left: bool
    pads_to_context: bool
    lower_case: bool

    def write(self, directory: Path) -> None:
        """Raises OSError."""
        content = json.dumps({"format": _FORMAT, **asdict(self)}, ensure_ascii=False, indent=1)
        (directory / MANIFEST_NAME).write_text(content + "\n", encoding="utf-8")


def is_text_encoder(directory: Path) -> bool:
    """Whether a folder holds an exported text encoder."""
    return (directory / MANIFEST_NAME).is_file()


def read_manifest(directory: Path) -> Manifest:
    """What the folder says. Raises ModelError when it is unreadable or of a newer format."""
    path = directory / MANIFEST_NAME
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        found = content.pop("format")
        if found != _FORMAT:
            raise ModelError(f"The text encoder in {directory} is of format {found}, not {_FORMAT}: export it again.")
        interaction = InteractionSettings.read(content.pop("interaction"))
        return Manifest(generation=Generation(**content.pop("generation")), interaction=interaction, **content)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{path} cannot be read ({type(error).__name__}): export the text encoder again.") from error
