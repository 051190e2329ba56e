"""`wenshi corpus`: from videos and their texts to what training reads."""

from __future__ import annotations

import typer

from serving.cli.corpus_audit import audit
from serving.cli.corpus_benchmark import benchmark
from serving.cli.corpus_build import build, estimate, filter_, retry, status
from serving.cli.corpus_export import card, export
from serving.cli.corpus_remove import remove
from serving.cli.corpus_report import report
from serving.cli.corpus_sources import sources
from serving.cli.corpus_words import words

app = typer.Typer(no_args_is_help=True)
app.command("build")(build)
app.command("status")(status)
app.command("retry")(retry)
app.command("filter")(filter_)
app.command("estimate")(estimate)
app.command("sources")(sources)
app.command("audit")(audit)
app.command("export")(export)
app.command("card")(card)
app.command("remove")(remove)
app.command("benchmark")(benchmark)
app.command("report")(report)
app.command("words")(words)


@app.callback()
def corpus() -> None:
    """Turn videos and their texts into what training reads."""
