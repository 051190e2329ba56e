"""`wenshi evaluate`: how good a ranking is, and whether two rankings differ."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from serving.cli.evaluate_model import (
    BENCHMARK_HELP,
    QUERY_BANK_HELP,
    BankTemperatureOption,
    BreakdownOption,
    DataOption,
    DualSoftmaxOption,
    FramesOption,
    OutputOption,
    VideosOption,
    bank_temperature,
    model,
)
from serving.cli.options import JsonOption
from serving.cli.terminal import print_json, printable, say

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from retrieval.evaluation import Comparison, Run

app = typer.Typer(invoke_without_command=True)
app.command("model")(model)

_COLUMNS = {
    "recall_at_1": "R@1", "recall_at_5": "R@5", "recall_at_10": "R@10", "r_sum": "R@sum", "median_rank": "MdR",
    "mean_rank": "MnR",
}  # fmt: skip

_OF_A_MODEL = {"--data", "--videos", "--frames", "--breakdown"}


@app.callback()
def evaluate(
    context: typer.Context,
    similarity: Annotated[
        Path | None,
        typer.Option(metavar="S.npy", help="Scores, queries x items: a NumPy file of any float type.", readable=False),
    ] = None,
    relevance: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="A JSON list of lists of item numbers, JSON lines {query, relevant}, or `diagonal`: query i wants item i.",
        ),
    ] = None,
    benchmark: Annotated[
        str | None, typer.Option(metavar="NAME|FILE.jsonl", help=f"With --model: {BENCHMARK_HELP}")
    ] = None,
    name: Annotated[
        str | None, typer.Option("--model", metavar="MODEL", help="With --benchmark: a model folder or a hub name.")
    ] = None,
    data: DataOption = None,
    videos: VideosOption = None,
    frames: FramesOption = 12,
    dual_softmax: DualSoftmaxOption = None,
    query_bank: Annotated[
        Path | None,
        typer.Option(
            metavar="BANK.npy|TEXTS.txt",
            help=f"{QUERY_BANK_HELP} with --similarity their scores for the same items, bank x items; with --model one a line.",
            readable=False,
        ),
    ] = None,
    query_bank_temperature: BankTemperatureOption = None,
    breakdown: BreakdownOption = False,
    output: OutputOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure a ranking from its scores, a model on a benchmark (as `model` does), or compare two runs."""
    given = _given(context)
    if context.invoked_subcommand is not None:
        _refuse(given, f"{{}} has no use before `{context.invoked_subcommand}`: write the options of a command after its name")
        return
    if not given:
        typer.echo(context.get_help())
        raise typer.Exit
    if benchmark is not None or name is not None:
        if benchmark is None or name is None:
            raise typer.BadParameter("--benchmark and --model are needed together")
        if similarity is not None or relevance is not None:
            raise typer.BadParameter("give either --similarity and --relevance, or --benchmark and --model")
        model(
            name, benchmark, data=data, videos=videos, frames=frames, dual_softmax=dual_softmax, query_bank=query_bank,
            query_bank_temperature=query_bank_temperature, breakdown=breakdown, output=output, as_json=as_json,
        )  # fmt: skip
        return
    _refuse(given & _OF_A_MODEL, "{} has no use without --benchmark and --model: a file of scores holds neither videos nor texts")
    from retrieval.errors import InputError
    from retrieval.evaluation import run_as_json

    if similarity is None or relevance is None:
        raise InputError("Scores and judgements are both needed: --similarity S.npy --relevance FILE (or diagonal).")
    temperature = bank_temperature(query_bank_temperature, bank=query_bank)
    run = evaluate_scores(
        similarity, relevance, dual_softmax=dual_softmax, query_bank=query_bank, query_bank_temperature=temperature
    )
    if output is not None:
        keep(run, output)
    if as_json:
        print_json(run_as_json(run))
    else:
        print_run(run)


def _given(context: typer.Context) -> set[str]:
    """The options on the command line, by their longest name."""
    named = {parameter.name: max(parameter.opts, key=len) for parameter in context.command.params if parameter.name}
    sources = {name: context.get_parameter_source(name) for name in named}
    # By its name: newer versions of typer bring a click of their own, whose enumeration is another.
    return {named[name] for name, source in sources.items() if source is not None and source.name == "COMMANDLINE"}


def _refuse(options: Iterable[str], why: str) -> None:
    """BadParameter when there is an option that would be ignored; why: a sentence with a place for their names."""
    names = ", ".join(sorted(options))
    if names:
        raise typer.BadParameter(why.format(names))


@app.command()
def compare(
    run_a: Annotated[Path, typer.Argument(metavar="RUN_A", help="The folder of an evaluation.")],
    run_b: Annotated[Path, typer.Argument(metavar="RUN_B", help="Another, on the same benchmark.")],
    as_json: JsonOption = False,
) -> None:
    """Test whether two runs differ, query by query, on the same benchmark."""
    from retrieval.evaluation import compare_runs, read_run

    comparison = compare_runs(read_run(run_a), read_run(run_b))
    if as_json:
        print_json(asdict(comparison))
    else:
        print_comparison(comparison)


def evaluate_scores(
    similarity: Path, relevance: str, *, dual_softmax: float | None, query_bank: Path | None, query_bank_temperature: float
) -> Run:
    """The run of a file of scores; InputError if scores or judgements cannot be used."""
    from retrieval.errors import InputError
    from retrieval.evaluation.relevance_file import read_judgements
    from retrieval.evaluation.run import RunFacts, run_evaluation
    from retrieval.evaluation.score_file import numbered_benchmark, open_scores

    scores = open_scores(similarity)
    judgements = read_judgements(relevance, scores.shape)
    bank = None if query_bank is None else open_scores(query_bank)
    try:
        return run_evaluation(
            numbered_benchmark(judgements),
            pooled=scores.source,
            facts=RunFacts(model=similarity.name),
            dual_softmax_temperature=dual_softmax,
            bank=bank,
            bank_temperature=query_bank_temperature,
        )
    except ValueError as error:
        raise InputError(f"{similarity}: {error}.") from error


def keep(run: Run, directory: Path, *, thumbnails: Mapping[str, bytes] | None = None) -> None:
    """Write the run and its page into a folder, and say where. thumbnails: a JPEG for each video id."""
    from retrieval.evaluation import write_run
    from retrieval.evaluation.report import write_report

    written = write_run(run, directory)
    page = write_report(run, directory, thumbnail=None if thumbnails is None else thumbnails.get)
    say(f"{printable(str(written))}, {printable(str(page))}")


def print_run(run: Run) -> None:
    """Figures as a table; notices on standard error."""
    for notice in run.notices:
        say(f"note: {printable(notice)}")
    typer.echo(f"{printable(run.protocol)}: {len(run.queries):,} queries, {run.videos:,} videos")
    width = max(len(row.key) for row in run.rows)
    typer.echo(" " * width + "".join(f"{name:>9}" for name in _COLUMNS.values()) + "   R@1, 95 % of resamples")
    for row in run.rows:
        figures = row.metrics.figures()
        low, high = row.metrics.intervals["recall_at_1"]
        cells = "".join(f"{figures[name]:9.1f}" for name in _COLUMNS)
        typer.echo(f"{row.key:<{width}}{cells}   {low:.1f} to {high:.1f}")
    for row in run.rows:
        if row.graded is not None:
            means = ", ".join(
                f"{name} {'-' if v is None else format(v, '.2f')}" for name, v in row.graded.figures().items()
            )
            typer.echo(f"{row.key}: {means}")
    for score, metrics in run.both_ways().items():
        low, high = metrics.r_sum_interval
        typer.echo(f"R@sum both ways, {score}: {metrics.r_sum:.1f} of 600   {low:.1f} to {high:.1f}")
    for row in run.rows:
        if row.note:
            typer.echo(f"{row.key}: {row.note}")
    if run.videos_without_text:
        typer.echo(f"{run.videos_without_text:,} videos answer no query and are left out of video to text")


def print_breakdown(run: Run) -> None:
    """Figures of groups of queries, the name of the group last: names are of any width."""
    if run.breakdown is None:
        say("note: no breakdown, since no query has a text")
        return
    by_word = {f"by {part}": groups for part, groups in run.breakdown.by_word.items()}
    tables = {"by length": run.breakdown.by_length, "by what the text has": run.breakdown.by_part, **by_word}
    for title, groups in tables.items():
        if groups:
            typer.echo(f"{run.final.key} {title}\n  queries     R@1    R@10      MnR")
        for one in groups:
            figures = f"{one.queries:9,}{one.recall_at_1:8.1f}{one.recall_at_10:8.1f}{one.mean_rank:9.1f}"
            typer.echo(f"{figures}  {printable(one.name)}")


def print_comparison(comparison: Comparison) -> None:
    """One line a figure: both values, the difference with its interval, the p-value."""
    typer.echo(
        f"{printable(comparison.protocol)}: difference B - A, 95 % paired bootstrap interval, p of 10,000 sign flips, of the "
        "median rank of 1,000 exchanges of A and B; a lower rank is better"
    )
    for one in comparison.figures:
        test = one.test
        digits = 4 if one.figure == "mean_reciprocal_rank" else 2
        typer.echo(
            f"{one.row + ' ' + one.figure:<48} {test.a:9.{digits}f} {test.b:9.{digits}f} {test.difference:+9.{digits}f} "
            f"[{test.low:+.{digits}f}, {test.high:+.{digits}f}]  p = {test.p_value:.4f}  "
            f"({test.changed:,} of {test.queries:,} changed)"
        )
    for name in comparison.only_in_one:
        typer.echo(f"{name} is in one run only")
