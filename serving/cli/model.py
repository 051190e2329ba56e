"""`wenshi model`: models of other projects, made into folders that Wenshi loads."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from serving.cli.terminal import printable

app = typer.Typer(help="Bring in models of other projects.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keeps `import` a command of its own while it is the only one."""


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
