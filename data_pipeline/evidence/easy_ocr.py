"""EasyOCR as an engine: CRAFT finds the lines, a recurrent network reads simplified Chinese and Latin letters."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_pipeline.evidence.ocr import OcrLine, check_picture, installed_version
from data_pipeline.evidence.text_gate import grey
from retrieval.encoders.fingerprint import files_revision
from retrieval.errors import ModelError

MODEL_FILES = ("craft_mlt_25k.pth", "zh_sim_g2.pth")        # the detector, the reader
_LANGUAGES = ["ch_sim", "en"]


class EasyOcr:
    """EasyOCR from the files of its models, which are never downloaded; on the GPU where there is one.

    model_directory: where MODEL_FILES are; None = where EasyOCR itself keeps them. `threads` of torch, on the CPU.
    Raises ModelError when the package or a file is missing, or a file is not the published one.
    """

    name = "easyocr"

    def __init__(self, *, threads: int = 1, model_directory: Path | None = None) -> None:
        if threads < 1:
            raise ValueError(f"threads must be at least 1, not {threads}")
        self._threads = threads
        self._directory = model_directory or _usual_directory()
        self._reader = _load(self._directory)
        self.version = installed_version("easyocr")

    @cached_property
    def digest(self) -> str:
        return files_revision(self._directory / name for name in MODEL_FILES)

    def read(self, picture: NDArray[np.uint8]) -> list[OcrLine]:
        """Read every line, in no particular order. Raises ValueError as `check_picture`, ModelError when it fails."""
        check_picture(picture)
        import torch

        threads = torch.get_num_threads()
        torch.set_num_threads(self._threads)
        try:
            found = self._found(np.ascontiguousarray(picture))
        except Exception as error:
            raise ModelError(f"The OCR engine {self.name} {self.version} failed on a picture: {error}") from error
        finally:
            torch.set_num_threads(threads)
        return [
            OcrLine(quad=np.asarray(quad, dtype=np.float32), text=text, confidence=float(confidence))
            for quad, text, confidence in found
            if text
        ]

    def _found(self, picture: NDArray[np.uint8]) -> list[tuple[Any, str, float]]:
        # Its own `readtext` takes an array for BGR in one place and for RGB in the other.
        lying, others = self._reader.detect(picture, reformat=False)
        levels = grey(picture).round().astype(np.uint8)
        return list(self._reader.recognize(levels, lying[0], others[0], reformat=False))


def _usual_directory() -> Path:
    base = os.environ.get("EASYOCR_MODULE_PATH") or os.environ.get("MODULE_PATH") or "~/.EasyOCR"
    return Path(base).expanduser() / "model"


def _load(directory: Path) -> Any:
    try:
        import easyocr
    except Exception as error:      # a torchvision that does not fit its torch raises RuntimeError
        raise ModelError(
            f"The OCR engine easyocr cannot be imported ({error}); install it with: pip install 'wenshi[easyocr]'"
        ) from error
    missing = [name for name in MODEL_FILES if not (directory / name).is_file()]
    if missing:
        raise ModelError(
            f"The OCR engine easyocr finds no {' and no '.join(missing)} in {directory}: put the published files there, or"
            " name the folder that holds them."
        )
    try:
        return easyocr.Reader(
            _LANGUAGES, gpu=_has_gpu(), model_storage_directory=str(directory), user_network_directory=str(directory),
            download_enabled=False, verbose=False,
        )
    except Exception as error:      # it raises what torch and its own checks raise
        raise ModelError(
            f"The OCR models of easyocr in {directory} cannot be loaded ({error}): fetch them again."
        ) from error


def _has_gpu() -> bool:
    import torch

    return bool(torch.cuda.is_available())
