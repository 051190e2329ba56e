"""Options that several commands share."""

from __future__ import annotations

import os
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from serving.ingest.speech import SpeechSettings

DEFAULT_LIBRARY = Path(os.environ.get("WENSHI_LIBRARY", "wenshi-library"))

LibraryOption = Annotated[
    Path,
    typer.Option(
        "--library",
        "-l",
        metavar="DIR",
        help="The library's folder (or set WENSHI_LIBRARY).",
        readable=False,
        show_default=True,
    ),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print the result as JSON, and nothing else, on standard output.")
]
VectorsOption = Annotated[
    str | None,
    typer.Option(
        "--vectors",
        envvar="WENSHI_VECTORS",
        metavar="STORE",
        help="Ask this store for the nearest vectors: qdrant:URL or milvus:URL, as `wenshi library push` filled it.",
        show_envvar=False,
    ),
]
AsrOption = Annotated[
    str | None,
    typer.Option(
        "--asr",
        metavar="ENGINE",
        help="Recognise speech of what is added with openai-whisper, faster-whisper, sherpa-onnx or transformers "
        "(extra `wenshi[asr]`).",
    ),
]
AsrModelOption = Annotated[
    str | None,
    typer.Option(
        "--asr-model", metavar="NAME|DIR", help="Model of the speech engine. Default: its small one; sherpa-onnx has none."
    ),
]
AsrLanguageOption = Annotated[
    str | None,
    typer.Option("--asr-language", metavar="CODE", help="What is spoken; `auto` = the engine finds out. Default: zh."),
]
StallLimitOption = Annotated[
    float, typer.Option("--stall-limit", metavar="SECONDS", min=1, help="Without progress for so long a file is given up.")
]
MemoryLimitOption = Annotated[
    float, typer.Option("--memory-limit", metavar="GIB", min=0.25, max=2**20, help="GiB that reading one file may take.")
]
CorpusArgument = Annotated[Path, typer.Argument(metavar="CORPUS", help="The corpus's folder.", readable=False)]


def speech_asked_for(engine: str | None, model: str | None, language: str | None) -> SpeechSettings | None:
    """What the three options of speech say, None = nobody listens. InputError for an engine that nobody knows, and for a
    model or a language without an engine.
    """
    from retrieval.errors import InputError
    from serving.ingest.speech import SpeechSettings

    if engine is not None:
        return SpeechSettings(engine=engine, model=model, language=language or "zh")
    if model is not None:
        raise InputError("--asr-model names the model of a speech engine: say which engine with --asr.")
    if language is not None:
        raise InputError("--asr-language says what a speech engine hears: say which engine with --asr.")
    return None


class Fit(str, Enum):
    """How pictures of another shape become square."""

    stretch = "stretch"
    crop = "crop"
