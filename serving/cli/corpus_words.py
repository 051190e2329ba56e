"""`wenshi corpus words`: the significant words of training shards."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from serving.cli.options import JsonOption
from serving.cli.terminal import print_json, printable, say

if TYPE_CHECKING:
    from retrieval.model.word_table import WordTable


def words(
    shards: Annotated[list[Path], typer.Argument(metavar="SHARDS...", help="Folders of training shards.")],
    split: Annotated[str | None, typer.Option(help="Only the samples of this split.")] = "train",
    everything: Annotated[bool, typer.Option("--all", help="The samples of all splits.")] = False,
    top: Annotated[int, typer.Option(min=0, help="A word is significant when at most so many are more frequent.")] = 3000,
    limit: Annotated[int, typer.Option("--limit", "-k", min=0, help="Show so many words; --json gives them all.")] = 30,
    as_json: JsonOption = False,
) -> None:
    """Mine the significant words of a corpus: its most frequent nouns, verbs and attributes, as a training does."""
    from data_pipeline.corpus.errors import CorpusError
    from retrieval.model.word_table import mine_words
    from training.batches.samples import open_samples, training_texts
    from training.recipe import Split

    samples = open_samples(Split(shards=tuple(map(str, shards)), split=None if everything else split))
    bad: list[CorpusError] = []
    table = mine_words(training_texts(samples, bad=bad), top=top)
    if as_json:
        print_json({
            "samples": len(samples), "texts": table.texts,
            "unreadable": [{"shard": one.shard, "sample": one.key, "message": str(one)} for one in bad],
            "words": [{"word": word, **asdict(found)} for word, found in table.words.items()],
        })  # fmt: skip
        return
    _show(table, limit=limit)
    if bad:
        say(f"{len(bad)} of {len(samples)} samples could not be read, for one: {printable(str(bad[0]))}")


def _show(table: WordTable, *, limit: int) -> None:
    typer.echo(f"{len(table.words):,} significant words in {table.texts:,} texts")
    if not table.words or not limit:
        return
    typer.echo(f"{'rank':>6}{'count':>10}{'texts':>10}{'share':>8}  word, and what it is")
    for word, found in list(table.words.items())[:limit]:
        parts = ", ".join(f"{part} {share:.0%}" if share < 1 else part for part, share in found.parts.items())
        share = found.document_frequency / table.texts
        typer.echo(
            f"{found.rank + 1:>6,}{found.count:>10,}{found.document_frequency:>10,}{share:>8.1%}  "
            f"{printable(word)}  {parts or 'of no clear part of speech'}"
        )
    left = len(table.words) - limit
    if left > 0:
        typer.echo(f"... and {left:,} more: -k shows more, --json all")
