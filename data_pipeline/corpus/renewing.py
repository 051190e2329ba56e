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
    """`write_shards`, but shards of other rows or in another form are replaced, once all of the new ones are written.

    The new ones grow beside `directory`, where a later call goes on. Raises InputError and CorpusError as `write_shards`,
    never other_rows.
    """
    def written(place: Path) -> ShardList | None:
        """The shards there, None when they are of other rows or in another form."""
        try:
            return write_shards_alone(
                sources, place, form=form, rows_per_shard=rows_per_shard, workers=workers, progress=progress
            )
        except CorpusError as error:
            if error.kind != "other_rows":
                raise
            return None

    unfinished = directory.with_name(f".{directory.name}.part")
    with only_writer(unfinished):
        settle_directory(directory)
        with only_writer(directory):
            shards = written(directory)
        if shards is not None:
            shutil.rmtree(unfinished, ignore_errors=True)
            return shards
        shards = written(unfinished)
        if shards is None:
            empty(unfinished)
            shards = written(unfinished)
            assert shards is not None       # an empty folder holds no other rows
        replace_directory(unfinished, directory)
    return shards
