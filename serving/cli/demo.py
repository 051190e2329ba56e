"""`wenshi demo`: a small world of videos, rendered, added and searched on this machine, without a network or a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from serving.cli.terminal import say

if TYPE_CHECKING:
    from data_pipeline.miniature.queries import DemoQuery
    from retrieval.search import SearchResult


def demo(
    directory: Annotated[Path, typer.Option(help="Where the clips and their library go.")] = Path("wenshi-demo"),
) -> None:
    """Render a few dozen clips, add them to a library, ask six questions in Chinese and print the answers."""
    from data_pipeline.miniature.queries import DEMO_QUERIES
    from data_pipeline.miniature.render import render_all
    from data_pipeline.miniature.scenes import SCENES
    from retrieval.library import Library
    from retrieval.search import SearchEngine
    from serving.cli.progress import AddProgress
    from serving.cli.search import print_result
    from serving.ingest.run import AddOptions, add_videos

    clips = directory / "clips"
    typer.echo(f"Rendering {len(SCENES)} clips into {clips} ...")
    rendered = render_all(clips)
    if any(clip.text_left_out for clip in rendered):
        say("note: no font with Chinese characters was found, so the text in the pictures is drawn in Latin letters.")
    typer.echo("Adding them to a library: pictures are cut into clips, subtitles and on-screen text are read ...")
    options = AddOptions(model="none", manifest=clips / "manifest.jsonl")
    with AddProgress() as progress:
        report = add_videos(directory / "library", [clips], options, progress=progress)
    for sentence in report.notices:
        say(f"note: {sentence}")
    typer.echo(f"{directory / 'library'}: " + ", ".join(f"{count} {name}" for name, count in report.counts.items()))
    found = 0
    with Library.open(directory / "library") as library:
        engine = SearchEngine(library)
        for query in DEMO_QUERIES:
            result = engine.search(query.text, count=3)
            found += _answers(query, result)
            typer.echo(f"\n$ wenshi search {query.text!r}    # {query.shows}")
            print_result(result)
    typer.echo(
        f"\n{found} of {len(DEMO_QUERIES)} queries found the expected clip first"
        " (and its moment, where the query is about one)."
    )
    typer.echo(
        f'Now yours:  wenshi add YOUR_FOLDER   then   wenshi search "…"   (this library: -l {directory / "library"})'
    )
    if found < len(DEMO_QUERIES) or report.interrupted:
        raise typer.Exit(1)


def _answers(query: DemoQuery, result: SearchResult) -> bool:
    """Whether the expected clip stands first and, where the query is about a moment, the right moment is the first one."""
    if not result.hits or Path(result.hits[0].path).stem != query.clip:
        return False
    if query.span_ms is None:
        return True
    start, end = query.span_ms
    return min(result.hits[0].end_ms, end) > max(result.hits[0].start_ms, start)
