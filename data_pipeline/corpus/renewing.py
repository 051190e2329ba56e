"""Shards that follow their sources: other rows take the place of those that were there, in one step."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from data_pipeline.corpus.errors import CorpusError
from data_pipeline.corpus.files import empty, only_writer
from data_pipeline.corpus.samples import PictureFormat, SampleSource
from data_pipeline.corpus.shard_list import ShardList
from data_pipeline.corpus.shards import write_shards_alone
from retrieval.disk import replace_directory, settle_directory


def renew_shards(
    sources: Sequence[SampleSource], directory: Path, *, form: PictureFormat, rows_per_shard: int = 1000, workers: int = 1,
    progress: Callable[[int], None] | None = None,
) -> ShardList:
    """`write_shards`, but shards of other rows or in another form are replaced. Raises InputError and CorpusError as that
    does, never other_rows."""
    def write(place: Path) -> ShardList:
        return write_shards_alone(
            sources, place, form=form, rows_per_shard=rows_per_shard, workers=workers, progress=progress
        )

    return renewed(write, directory)


def renewed(write: Callable[[Path], ShardList], directory: Path) -> ShardList:
    """What `write` makes of a directory; where that holds other shards, new ones once all of them are written.

    write: writes shards, or goes on with those that are there, and raises CorpusError (other_rows) where they are others.
    The new ones grow in `unfinished_directory`, where a later call goes on.
    """
    unfinished = unfinished_directory(directory)
    with only_writer(unfinished):       # all along, so that no removal begins meanwhile
        settle_directory(directory)
        with only_writer(directory):
            shards = _unless_other(write, directory)
        if shards is not None:
            shutil.rmtree(unfinished, ignore_errors=True)
            return shards
        shards = _unless_other(write, unfinished)
        if shards is None:
            empty(unfinished)
            shards = write(unfinished)
        replace_directory(unfinished, directory)
    return shards


def unfinished_directory(directory: Path) -> Path:
    """Where shards grow before they take the place of others."""
    return directory.with_name(f".{directory.name}.part")


def _unless_other(write: Callable[[Path], ShardList], place: Path) -> ShardList | None:
    """The shards there, None when they are of other rows or in another form."""
    try:
        return write(place)
    except CorpusError as error:
        if error.kind != "other_rows":
            raise
        return None
