"""`wenshi`: find videos, and the moments inside them, by describing them."""

from __future__ import annotations

import os
from importlib.metadata import version
from typing import Annotated

# Must stand before anything starts OpenMP threads: they would spin while waiting and starve the other processes.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import typer

from serving.cli import (
    add,
    corpus,
    demo,
    evaluate,
    explain,
    fine_tune,
    library,
    mcp,
    model,
    remove,
    search,
    serve,
    train,
)
from serving.cli.terminal import run

app = typer.Typer(
    name="wenshi",
    help="Find videos, and the moments inside them, by describing them. Chinese first.\n\n用一句话找到视频，以及视频里的那一刻。",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"wenshi {version('wenshi')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    pass


app.command("add")(add.add)
app.command("search")(search.search)
app.command("explain")(explain.explain)
app.command("remove")(remove.remove)
app.command("serve")(serve.serve)
app.add_typer(serve.keys, name="key")
app.command("mcp")(mcp.mcp)
app.add_typer(library.app, name="library")
app.add_typer(evaluate.app, name="evaluate")
app.add_typer(corpus.app, name="corpus")
app.command("train")(train.train)
app.command("fine-tune")(fine_tune.fine_tune)
app.add_typer(model.app, name="model")
app.command("demo")(demo.demo)


def main() -> None:
    """Entry point: exit status 0 done, 1 an error that was explained, 2 wrong usage, 130 interrupted."""
    run(app)


if __name__ == "__main__":
    main()
