"""Options that several commands share."""

from __future__ import annotations

import os
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

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
CorpusArgument = Annotated[Path, typer.Argument(metavar="CORPUS", help="The corpus's folder.", readable=False)]


class Fit(str, Enum):
    """How pictures of another shape become square."""

    stretch = "stretch"
    crop = "crop"
