"""OCR engines: a picture in, raw lines of text out. What is worth keeping is decided elsewhere (text_policy)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as package_version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from retrieval.encoders.fingerprint import files_revision
from retrieval.errors import ModelError

# The detector looks at a picture of this longest side: a fifth of the default's work, no worse on caption-sized text.
_DETECTION_SIDE = 640
# At that size the detector often leaves out a thin first character: 一个 became 个. Long lines are read a bit wider.
_WIDENED_FROM = 4.0                 # width over height of a line
_WIDENED_BY = 0.3                   # of the line's height, at either end


@dataclass(frozen=True, kw_only=True)
class OcrLine:
    """One line of text in a picture. `quad`: float32 [4, 2], x and y of the corners, clockwise from the top left."""

    quad: NDArray[np.float32]
    text: str
    confidence: float


class OcrEngine(Protocol):
    """Reads the text of a picture: uint8 [H, W, 3], RGB. Quads are in its pixels.

    `digest`: 16 hex digits over the files of its models.
    """

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    @property
    def digest(self) -> str: ...

    def read(self, picture: NDArray[np.uint8]) -> list[OcrLine]: ...


def ocr_is_installed() -> bool:
    """Whether `RapidOcr` can be expected to load, without the seconds of importing it."""
    return find_spec("rapidocr") is not None


class RapidOcr:
    """PP-OCR for Chinese, English and Japanese through ONNX Runtime; its models come with the package: no network.

    `threads` is the number of threads of each model; one is right where several workers share a machine.
    Raises ModelError when the package is missing or its models cannot be loaded.
    """

    name = "rapidocr"

    def __init__(self, *, threads: int = 1) -> None:
        if threads < 1:
            raise ValueError(f"threads must be at least 1, not {threads}")
        self._engine = _load(threads)
        self.version = installed_version("rapidocr")

    @cached_property
    def digest(self) -> str:
        import rapidocr

        return files_revision(Path(rapidocr.__file__).parent.glob("models/*.onnx"))

    def read(self, picture: NDArray[np.uint8]) -> list[OcrLine]:
        """Read every line, best guess first in no particular order; an empty list when there is no text.

        Raises ValueError for anything but uint8 [H, W, 3], ModelError when the engine fails.
        """
        check_picture(picture)
        try:
            answer = self._engine(np.ascontiguousarray(picture[:, :, ::-1]))    # it expects BGR
        except Exception as error:
            raise ModelError(f"The OCR engine {self.name} {self.version} failed on a picture: {error}") from error
        if answer.boxes is None or answer.txts is None:
            return []
        return [
            OcrLine(quad=np.asarray(quad, dtype=np.float32), text=text, confidence=float(confidence))
            for quad, text, confidence in zip(answer.boxes, answer.txts, answer.scores, strict=True)
        ]


def _load(threads: int) -> Any:
    try:
        from rapidocr import RapidOCR
    except ImportError as error:
        raise ModelError(
            f"On-screen text needs the package rapidocr, which cannot be imported ({error});"
            " install it with: pip install 'wenshi[ocr]'"
        ) from error
    settings = {
        "Global.log_level": "error",
        "Global.use_cls": False,        # upside-down lines are not worth a third model
        "Global.max_side_len": 2000,
        "Global.text_score": 0.0,       # raw evidence: the policy decides
        "Det.limit_type": "max",
        "Det.limit_side_len": _DETECTION_SIDE,
        "EngineConfig.onnxruntime.intra_op_num_threads": threads,
        "EngineConfig.onnxruntime.inter_op_num_threads": 1,
    }

    class WideReading(RapidOCR):
        def crop_text_regions(self, img: NDArray[np.uint8], det_boxes: NDArray[np.float32]) -> list[NDArray[np.uint8]]:
            return super().crop_text_regions(img, widened(det_boxes, width=img.shape[1]))

    try:
        engine = WideReading(params=settings)
        engine(np.zeros((64, 64, 3), dtype=np.uint8))   # loads the detector now, where the failure can be named
    except Exception as error:
        raise ModelError(f"The OCR models of rapidocr cannot be loaded ({error}); reinstall it.") from error
    return engine


def widened(quads: NDArray[np.float32], *, width: int) -> NDArray[np.float32]:
    """Move both ends of long, lying lines outwards; other quads are returned as they are.

    quads: [N, 4, 2] in pixels, clockwise from the top left; x is clipped to 0..width - 1.
    """
    quads = np.array(quads, dtype=np.float32).reshape(-1, 4, 2)
    along, down = quads[:, 1] - quads[:, 0], quads[:, 3] - quads[:, 0]
    length, height = np.linalg.norm(along, axis=1), np.linalg.norm(down, axis=1)
    grows = (length >= _WIDENED_FROM * height) & (along[:, 0] > np.abs(along[:, 1]))
    step = along / np.maximum(length, 1e-6)[:, None] * (_WIDENED_BY * height * grows)[:, None]
    quads[:, [0, 3]] -= step[:, None]
    quads[:, [1, 2]] += step[:, None]
    quads[grows, :, 0] = quads[grows, :, 0].clip(0, width - 1)
    return quads


def check_picture(picture: NDArray[np.uint8]) -> None:
    """Raises ValueError for anything but uint8 [H, W, 3]."""
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or 0 in picture.shape:
        raise ValueError(f"picture must be uint8 [H, W, 3], not {picture.dtype} {list(picture.shape)}")


def installed_version(package: str) -> str:
    try:
        return package_version(package)
    except PackageNotFoundError:
        return "unknown"
