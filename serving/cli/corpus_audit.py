"""`wenshi corpus audit`: a person judges a sample of pairs, and the corpus learns its precision and its threshold."""

from __future__ import annotations

from dataclasses import asdict
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from serving.cli.options import CorpusArgument, JsonOption
from serving.cli.terminal import print_json, printable, say

if TYPE_CHECKING:
    from data_pipeline.audit.precision import Estimate, Findings

_FIRST = 5
_MOST_THRESHOLDS = 12


class ScoreName(str, Enum):
    """By which score pairs are drawn, and thresholds are told."""

    relevance_mean = "relevance_mean"
    relevance_max = "relevance_max"
    relevance_top3 = "relevance_top3"
    masked_mean = "masked_mean"
    masked_max = "masked_max"
    masked_top3 = "masked_top3"


def audit(
    corpus: CorpusArgument,
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="How many pairs to look at.")] = 200,
    score: Annotated[
        ScoreName | None, typer.Option(help="The score that the sample is spread over. Default: selection.score of the corpus.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Another seed draws other pairs.")] = 0,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="DIR", help="Where audit.html and audit.csv go. Default: the corpus.")
    ] = None,
    read: Annotated[
        Path | None, typer.Option("--read", metavar="FILE", help="A sheet with verdicts: print what it says.", readable=False)
    ] = None,
    precision: Annotated[
        float, typer.Option(min=0.01, max=1.0, help="--read: the precision to find a threshold for.")
    ] = 0.9,
    as_json: JsonOption = False,
) -> None:
    """Write an audit sheet, or read one that was filled in."""
    if read is None:
        wanted = _score_of(corpus) if score is None else score.value
        _write(corpus, output or corpus, count=count, score=wanted, seed=seed, as_json=as_json)
        return
    from data_pipeline.audit.precision import findings
    from data_pipeline.audit.sheet import read_sheet

    found = findings(read_sheet(read), wanted=precision)
    if as_json:
        print_json({**asdict(found), "wanted": precision})
    else:
        _show(found, wanted=precision)


def _score_of(corpus: Path) -> str:
    """The score that a threshold of the corpus is held against."""
    from data_pipeline.building.settings import saved_settings
    from retrieval.errors import InputError, WenshiError

    try:
        return saved_settings(corpus).selection.score
    except WenshiError as error:
        raise InputError(f"Which score selects the pairs of {corpus} is not known, so name one with --score: {error}") from error


def _write(corpus: Path, folder: Path, *, count: int, score: str, seed: int, as_json: bool) -> None:
    from data_pipeline.audit.page import write_page
    from data_pipeline.audit.sampling import draw
    from data_pipeline.audit.sheet import read_sheet, write_sheet
    from retrieval.errors import InputError
    from serving.cli.progress import counted

    page, sheet = folder / "audit.html", folder / "audit.csv"
    if sheet.exists() and read_sheet(sheet):
        raise InputError(f"{sheet} holds verdicts already: read it with --read, move it away, or give another folder with -o.")
    drawn = draw(corpus, count, score=score, seed=seed)
    folder.mkdir(parents=True, exist_ok=True)
    with counted("pairs") as progress:
        problems = write_page(page, corpus, drawn, progress=progress)
    write_sheet(sheet, drawn)
    if as_json:
        print_json({
            "pairs": len(drawn), "score": score, "page": str(page.absolute()), "sheet": str(sheet.absolute()),
            "problems": problems,
        })  # fmt: skip
        return
    for problem in problems[:_FIRST]:
        say(printable(problem))
    if len(problems) > _FIRST:
        say(f"and {len(problems) - _FIRST:,} more pairs are without pictures")
    typer.echo(f"{len(drawn):,} pairs to look at, spread over {score}")
    typer.echo(f"Open {printable(str(page))}, press y, n or ?, then s to save audit.csv")
    typer.echo(f"Then: wenshi corpus audit {printable(str(corpus))} --read audit.csv")


def _show(found: Findings, *, wanted: float) -> None:
    typer.echo(f"{found.everything.answered} pairs judged, {found.undecided} undecided; intervals are 95 %")
    if found.kept is not None:
        typer.echo(f"pairs that are kept now   {_told(found.kept)}")
    typer.echo(f"all pairs with a score    {_told(found.everything)}")
    of_score = f" for {found.score}" if found.score else ""
    width = len("  threshold") + len(of_score)
    if found.above:
        typer.echo(f"{'threshold' + of_score:>{width}}{'precision':>11}{'interval':>16}{'judged':>8}{'of all':>8}")
    step = max(1, -(-len(found.above) // _MOST_THRESHOLDS))
    for one in found.above[::step]:
        typer.echo(
            f"{one.threshold:>{width}.4f}{one.precision:>11.1%}{f'{one.low:.1%}–{one.high:.1%}':>16}{one.answered:>8}"
            f"{one.share:>8.1%}"
        )
    for estimate, what in ((found.reached, "is reached"), (found.sure, "is reached with its whole interval")):
        if estimate is None:
            typer.echo(f"No threshold is known by which a precision of {wanted:.0%} {what}.")
        else:
            from_threshold = f"from a threshold of {estimate.threshold:.4f}{of_score}"
            typer.echo(f"A precision of {wanted:.0%} {what} {from_threshold}: {_told(estimate)}")


def _told(one: Estimate) -> str:
    return f"{one.precision:.1%} fit ({one.low:.1%}–{one.high:.1%}; {one.answered} judged, {one.share:.0%} of all)"
