"""`wenshi remove`: take paths or videos out of a library."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from serving.cli.options import DEFAULT_LIBRARY, JsonOption, LibraryOption
from serving.cli.terminal import print_json


def remove(
    targets: Annotated[list[str], typer.Argument(metavar="PATH_OR_ID...", help="Paths, folders or video ids.")],
    library: LibraryOption = DEFAULT_LIBRARY,
    as_json: JsonOption = False,
) -> None:
    """Forget paths; a video without a path left is forgotten too. The files themselves are not touched."""
    from retrieval.errors import InputError
    from retrieval.library import Library

    paths: list[str] = []
    video_ids: list[str] = []
    with Library.open(library, write=True) as opened:
        known = [location.path for location in opened.locations()]
        chosen = [name for target in targets for name in _resolve(target, known)]
        if not chosen:
            raise InputError(f"The library holds nothing under {', '.join(targets)}.")
        for name in dict.fromkeys(chosen):
            removed = opened.remove(name)
            paths += removed.paths
            video_ids += removed.video_ids
    if as_json:
        print_json({"paths": paths, "videos": video_ids})
    else:
        typer.echo(f"Removed {len(paths)} paths and {len(video_ids)} videos.")


def _resolve(target: str, known: list[str]) -> list[str]:
    """A path as the library knows it, everything below a folder, or the target itself: a video id."""
    absolute = str(Path(target).absolute())
    if absolute in known:
        return [absolute]
    below = [path for path in known if path.startswith(absolute.rstrip("/") + "/")]
    return below or [target]
