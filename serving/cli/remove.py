"""`wenshi remove`: take paths or videos out of a library."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from data_pipeline.sources.files import plain_path
from serving.cli.options import DEFAULT_LIBRARY, JsonOption, LibraryOption
from serving.cli.terminal import print_json


def remove(
    targets: Annotated[list[str], typer.Argument(metavar="PATH_OR_ID...", help="Paths, folders or video ids.")],
    library: LibraryOption = DEFAULT_LIBRARY,
    as_json: JsonOption = False,
) -> None:
    """Forget paths; a video without a path left is forgotten too. The files themselves are not touched."""
    from retrieval.library import Library

    paths: list[str] = []
    video_ids: list[str] = []
    with Library.open(library, write=True) as opened:
        known = {row.path for row in opened.locations()} | {row.path for row in opened.failures()}
        ids = opened.video_ids()
        # Every target is understood before the first is forgotten.
        chosen = dict.fromkeys(name for target in targets for name in _resolve(target, known, ids))
        for name in chosen:
            removed = opened.remove(name)
            paths += removed.paths
            video_ids += removed.video_ids
    if as_json:
        print_json({"paths": paths, "videos": video_ids})
    else:
        typer.echo(f"Removed {len(paths)} paths and {len(video_ids)} videos.")


def _resolve(target: str, known: set[str], ids: list[str]) -> list[str]:
    """A path as the library knows it, everything below a folder, or a video id or its beginning. Raises InputError."""
    from retrieval.errors import InputError

    if not target.strip():
        raise InputError("An empty name stands among what to remove (an unset variable?); nothing was removed.")
    path = str(plain_path(target))
    if path in known:
        return [path]
    below = sorted(name for name in known if name.startswith(path.rstrip(os.sep) + os.sep))
    if below:
        return below
    if len(target) >= 8 and sum(video_id.startswith(target.lower()) for video_id in ids) == 1:
        return [target]
    raise InputError(
        f"The library holds nothing under {target}: give a path, a folder or a video id; nothing was removed."
    )
