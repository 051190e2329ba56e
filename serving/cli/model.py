"""`wenshi model`: models of other projects made into folders that Wenshi loads, and text encoders for serving."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from serving.cli.terminal import printable

app = typer.Typer(help="Bring in models of other projects, and make light text encoders.", no_args_is_help=True)

_QUERIES = 200      # of the miniature world, where none are given


@app.command("import")
def import_model(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A Chinese-CLIP .pt or a CLIP4Clip pytorch_model.bin.N.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="The model folder to write.")],
    tokenizer: Annotated[
        str, typer.Option(metavar="DIR|NAME|FILE", help="A model with the same tokenizer, or its vocab.txt.")
    ],
) -> None:
    """Write a published checkpoint as a model folder; no code in it is run."""
    from retrieval.model.importing import import_checkpoint

    kind = import_checkpoint(file, output, tokenizer=tokenizer)
    typer.echo(f"{kind}: {printable(str(output))}")


@app.command("export")
def export_model(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A model folder or a hub name.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="The folder to write.")],
    int8: Annotated[bool, typer.Option("--int8", help="Weights in eight bits: faster, and a quarter of the size.")] = False,
    queries: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Queries to compare answers over, one a line. Default: made ones.")
    ] = None,
    library: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Compare over the clips of this library. Default: among the queries.")
    ] = None,
) -> None:
    """Write the text side of a model for ONNX Runtime, and print how far its answers are the model's."""
    from retrieval.encoders.onnx.exporting import export_text_encoder
    from retrieval.library import Library

    asked = _made_queries() if queries is None else _read_queries(queries)
    with ExitStack() as stack:
        opened = None if library is None else stack.enter_context(Library.open(library))
        agreement = export_text_encoder(model, output, queries=asked, int8=int8, library=opened)
    size = sum(path.stat().st_size for path in output.iterdir())
    typer.echo(f"{printable(str(output))}: {size / 1e6:.1f} MB, {agreement}")


def _made_queries() -> list[str]:
    from data_pipeline.miniature.world import generate, queries

    specs = [clip.spec for clip in generate(_QUERIES, seed=0, split="test")]
    return [query.text for detail in ("full", "short") for query in queries(specs, seed=0, count=_QUERIES // 2, detail=detail)]


def _read_queries(path: Path) -> list[str]:
    from retrieval.errors import InputError

    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"The queries in {path} cannot be read: give a text file, UTF-8, one query a line.") from error
    return [line.strip() for line in lines if line.strip()]
