"""`wenshi corpus`: from videos and their texts to what training reads."""

from __future__ import annotations

import typer

from serving.cli.corpus_benchmark import benchmark

app = typer.Typer(no_args_is_help=True)
app.command("benchmark")(benchmark)


@app.callback()
def corpus() -> None:
    """Turn videos and their texts into what training reads."""
