"""The package sherpa-onnx and the files of its models. It ends the process where a file is not what it expects: look first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from retrieval.errors import ModelError


def import_sherpa() -> Any:
    """The package. Raises ModelError when it is missing."""
    try:
        import sherpa_onnx
    except ImportError as error:
        raise ModelError(
            f"The package sherpa-onnx cannot be imported ({error}): install it with: pip install 'wenshi[asr]'"
        ) from error
    return sherpa_onnx


def one_file(folder: Path, pattern: str) -> Path:
    """The file that matches. Raises ModelError when there is none, or more than one."""
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise ModelError(f"The folder {folder} holds {len(found)} files {pattern}, not one: is it a model of sherpa-onnx?")
    return found[0]


def of_kind(folder: Path, pattern: str) -> Path | None:
    """The model file that matches, 8-bit weights before others; None where there is none."""
    found = sorted(folder.glob(pattern), key=lambda path: (".int8." not in path.name, path.name))
    return found[0] if found else None
