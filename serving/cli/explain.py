"""`wenshi explain`: why a model thinks that a video answers a text."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from serving.cli.options import DEFAULT_LIBRARY, JsonOption
from serving.cli.terminal import clock, print_json, printable, say, span

if TYPE_CHECKING:
    from retrieval.library import Library
    from serving.explain.explanation import Explanation


def explain(
    video: Annotated[str, typer.Argument(metavar="VIDEO", help="A path, or a video id of the library or its beginning.")],
    words: Annotated[list[str], typer.Argument(metavar="TEXT...", help="What the video is thought to show.")],
    library: Annotated[
        Path | None,
        typer.Option(
            "--library", "-l", metavar="DIR", readable=False,
            help=f"Where a video id and the model are looked up. Default: {DEFAULT_LIBRARY}, where it exists.",
        ),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="A folder or a hub name. Default: the library's own model.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE.png", readable=False,
            help="Where the picture goes, in place of a file of that name. Default: VIDEO-explain.png in this folder, "
            "numbered when that name is taken.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show why a model thinks that a video answers a text: a picture of words × frames of its best clip."""
    from serving.explain.files import check_default_folder, check_output

    text = " ".join(words)
    if output is not None:
        check_output(output)
    else:
        check_default_folder()
    with ExitStack() as stack:
        path, video_id, explanation, picture = _explained(
            video, text, model, output, library=_opened(library, stack)
        )
    if explanation.damage:
        say(f"note: {printable(path.name)} could be read only in part: {explanation.damage}")
    if as_json:
        print_json(as_mapping(explanation, video_id=video_id, path=path, picture=picture))
    else:
        print_explanation(explanation, path=path, picture=picture)


def _opened(directory: Path | None, stack: ExitStack) -> Library | None:
    """The library that was named, else the usual one where there is one."""
    from retrieval.library import Library

    if directory is None and not DEFAULT_LIBRARY.is_dir():
        return None
    return stack.enter_context(Library.open(directory or DEFAULT_LIBRARY))


def _explained(
    video: str, text: str, model: str | None, output: Path | None, *, library: Library | None
) -> tuple[Path, str, Explanation, Path]:
    """(file, video id, explanation, picture)."""
    from data_pipeline.fonts import find_cjk_font
    from serving.cli.progress import AddProgress
    from serving.explain.choosing import choose_encoder, choose_video
    from serving.explain.explanation import explain_video, thumbnails
    from serving.explain.files import write_beside, write_picture
    from serving.explain.lettering import is_plain
    from serving.explain.picture import THUMBNAIL_SIDE, draw_explanation

    path, identity = choose_video(video, library)
    encoder = choose_encoder(model, library)
    font = find_cjk_font()
    with AddProgress() as progress:
        progress.begin(1)
        found = explain_video(
            path, text, encoder, progress=lambda position, duration: progress.position(path, position, duration)
        )
    frames = thumbnails(path, found.frame_times_ms, geometry=encoder.geometry, longest_side=THUMBNAIL_SIDE)
    picture = draw_explanation(found, frames, name=path.name, font=font)
    if font is None and not is_plain(text + path.name):
        say("note: no font for Chinese was found, so the picture shows Latin letters only: name one in WENSHI_FONT.")
    written = write_picture(picture, output) if output is not None else write_beside(picture, path)
    return path, identity.video_id, found, written


def as_mapping(explanation: Explanation, *, video_id: str, path: Path, picture: Path) -> dict[str, Any]:
    """What --json prints; scores are cosines, `scores` of a word are in the order of `frame_times_ms`."""
    return {
        "video": video_id,
        "path": str(path),
        "start_ms": explanation.start_ms,
        "end_ms": explanation.end_ms,
        "pooled": explanation.pooled,
        "token_wise": explanation.token_wise,
        "combined": explanation.combined,
        "clips": explanation.clips,
        "pooled_rank": explanation.pooled_rank,
        "token_wise_rank": explanation.token_wise_rank,
        "words": [{"word": word.word, "scores": list(word.scores)} for word in explanation.words],
        "frame_times_ms": list(explanation.frame_times_ms),
        "picture": str(picture),
    }


def print_explanation(explanation: Explanation, *, path: Path, picture: Path) -> None:
    """The clip and its scores, then one line a word."""
    from rich.cells import cell_len

    clips = explanation.clips
    which = "its only clip" if clips == 1 else f"the best of its {clips} clips"
    typer.echo(f"{printable(path.name)}  [{span(explanation.start_ms, explanation.end_ms)}]  {which}")
    typer.echo(
        f"combined {explanation.combined:.3f}   pooled {explanation.pooled:.3f} (place {explanation.pooled_rank} of "
        f"{clips})   token-wise {explanation.token_wise:.3f} (place {explanation.token_wise_rank} of {clips})"
    )
    width = max(4, *(cell_len(printable(word.word)) for word in explanation.words))
    typer.echo(f"word{' ' * (width - 4)}  best frame   score")
    for word in explanation.words:
        name = printable(word.word)
        time_ms = explanation.frame_times_ms[word.best]
        time = f"{clock(time_ms)}.{time_ms // 100 % 10}"
        typer.echo(f"{name}{' ' * (width - cell_len(name))}  {time:>10}  {word.scores[word.best]:>6.3f}")
    typer.echo(f"picture: {printable(str(picture))}")
