"""`wenshi corpus`: from videos and their texts to what training reads."""

from __future__ import annotations

import typer

from serving.cli.corpus_benchmark import benchmark
from serving.cli.corpus_report import report
from serving.cli.corpus_words import words

app = typer.Typer(no_args_is_help=True)
app.command("benchmark")(benchmark)
app.command("report")(report)
app.command("words")(words)


@app.callback()
def corpus() -> None:
    """Turn videos and their texts into what training reads."""
