"""`wenshi search`: free text in, videos and moments out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from serving.cli.filters import (
    LongerFilter,
    PathFilter,
    ShorterFilter,
    SinceFilter,
    TagFilter,
    UntilFilter,
    VideoIdFilter,
)
from serving.cli.options import DEFAULT_LIBRARY, JsonOption, LibraryOption, VectorsOption
from serving.cli.terminal import print_json, printable, say, span
from serving.threads import one_thread_a_search

if TYPE_CHECKING:
    from retrieval.search import Hit, Match, SearchResult


def search(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="TEXT...", help="What the video shows, says or is called. After `--` if it begins with a dash."
        ),
    ],
    library: LibraryOption = DEFAULT_LIBRARY,
    count: Annotated[int, typer.Option("-k", "--count", min=1, help="How many videos.")] = 10,
    model: Annotated[
        str | None,
        typer.Option(
            "--model", "--text-encoder",
            help="Model or exported text encoder for the visual channel: a folder, a hub name, or `none`. "
            "Default: the library's own.",
        ),
    ] = None,
    sentences: Annotated[
        str | None,
        typer.Option(help="Sentence model for the meaning channel, as --model. Default: the library's own."),
    ] = None,
    channel: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Ask only these: title, tag, subtitle, asr, ocr, meaning, visual (repeatable)."),
    ] = None,
    path: PathFilter = None,
    tag: TagFilter = None,
    longer: LongerFilter = None,
    shorter: ShorterFilter = None,
    since: SinceFilter = None,
    until: UntilFilter = None,
    video: VideoIdFilter = None,
    moments: Annotated[int | None, typer.Option(min=1, help="At most so many moments a video. Default: 5.")] = None,
    diversity: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="How much results should differ; 0 = in plain order. Default: 0.3."),
    ] = None,
    all_copies: Annotated[
        bool, typer.Option("--all-copies", help="Show copies of a video, such as re-encodings, each for itself.")
    ] = False,
    rank_ms: Annotated[
        float | None, typer.Option(min=0, help="Time for comparing clips word by word, in ms. Default: as long as it takes.")
    ] = None,
    recall: Annotated[
        float | None,
        typer.Option(
            min=0.01, max=1,
            help="Share of the nearest vectors that must be found; less is faster in a large library. Default: 0.97.",
        ),
    ] = None,
    vectors: VectorsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find videos, and the moments inside them, by describing them."""
    one_thread_a_search()
    from retrieval.errors import InputError
    from retrieval.library import Library
    from retrieval.search import CHANNELS, SearchEngine, SearchSettings
    from serving.filters import video_filter, whole
    from serving.models import sentence_model_for, text_encoder_for
    from serving.vectors import search_in

    unknown = sorted(set(channel or ()) - set(CHANNELS))
    if unknown:
        raise InputError(f"There is no channel {unknown[0]!r}: choose from {', '.join(CHANNELS)}.")
    where = video_filter(
        path=whole(path), tag=tag, longer=longer, shorter=shorter, since=since, until=until, video=video
    )
    settings = SearchSettings(
        channels=frozenset(channel) if channel else None, rank_ms=rank_ms, vector_recall=recall,
        moments=SearchSettings.moments if moments is None else moments,
        diversity=SearchSettings.diversity if diversity is None else diversity, collapse=not all_copies,
    )  # fmt: skip
    with Library.open(library) as opened:
        search_in(opened, vectors)
        encoder, notice = text_encoder_for(opened, model)
        reads, other_notice = sentence_model_for(opened, sentences)
        engine = SearchEngine(opened, encoder=encoder, sentences=reads, settings=settings)
        result = engine.search(" ".join(words), count=count, where=where)
        blind = None
        if not result.hits and opened.generation() is None:
            blind = "This library holds no vectors of pictures: what is seen was not searched (`wenshi add --model` makes them)."
    for sentence in filter(None, (notice, other_notice, *result.notices, blind)):
        say(f"note: {sentence}")
    if as_json:
        print_json(result.to_json())
    else:
        print_result(result)


def print_result(result: SearchResult) -> None:
    if not result.hits:
        typer.echo("Nothing found.")
    elif result.answered is False:
        typer.echo("Nothing here seems to answer; the nearest are:")
    for place, hit in enumerate(result.hits, start=1):
        _print_hit(place, hit)
    if result.hidden:
        typer.echo(f"({result.hidden} more shared only incidental characters with the query and are hidden)")


def _print_hit(place: int, hit: Hit) -> None:
    reasons = ", ".join(f"{_place_of(match)} #{match.rank}" for match in hit.channels)
    typer.echo(f"{place:2d}. {printable(hit.title)}  [{span(hit.start_ms, hit.end_ms)}]  {reasons}")
    typer.echo(f"    {printable(hit.path)}{_copies(len(hit.copies))}")
    for match in hit.channels:
        if match.text and match.channel != "title":
            typer.echo(f"    {_place_of(match)} {span(match.start_ms, match.end_ms)}: {_shorten(match)}")


def _copies(count: int) -> str:
    return f"  +{count} {'copy' if count == 1 else 'copies'}" if count else ""


def _place_of(match: Match) -> str:
    """The channel, or what a row of it is called by its source: a text of the cover, a tag that a model gave."""
    kinds = {"cover": "cover", "tagger": "tag (seen)"}
    return kinds.get((match.source or "").partition(":")[0], match.channel)


def _shorten(match: Match, longest: int = 60) -> str:
    text = printable(match.text or "")
    return text if len(text) <= longest else text[: longest - 1] + "…"
