"""OCR engines by name."""

from __future__ import annotations

from pathlib import Path

from data_pipeline.evidence.ocr import OcrEngine, RapidOcr
from retrieval.errors import InputError

OCR_ENGINES = ("rapidocr", "easyocr")


def ocr_engine(name: str, *, threads: int = 1, model_directory: Path | None = None) -> OcrEngine:
    """The engine of a name, loaded. model_directory: for easyocr; the models of rapidocr come with its package.

    Raises InputError for an unknown name, or a folder for an engine that takes none; ModelError when the engine or its
    models are not there.
    """
    if name == "rapidocr":
        if model_directory is not None:
            raise InputError("The OCR engine rapidocr brings its models along: leave the folder of models out.")
        return RapidOcr(threads=threads)
    if name == "easyocr":
        from data_pipeline.evidence.easy_ocr import EasyOcr

        return EasyOcr(threads=threads, model_directory=model_directory)
    raise InputError(f"There is no OCR engine {name!r}: choose from {', '.join(OCR_ENGINES)}.")
