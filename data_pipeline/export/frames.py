"""Webdataset shards of frames with their times: what training reads."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from data_pipeline.corpus.errors import CorpusError
from data_pipeline.corpus.files import empty, only_writer
from data_pipeline.corpus.samples import PictureFormat, SampleText
from data_pipeline.corpus.shard_list import ShardList
from data_pipeline.corpus.shards import write_shards_alone
from data_pipeline.corpus.video_clips import ClipFit, VideoClip
from data_pipeline.export.chosen import Chosen
from retrieval.disk import replace_directory, settle_directory


@dataclass(frozen=True, kw_only=True)
class FrameOptions:
    """count: frames a clip, evenly spread; side: pixels of the square pictures; fit: how others become square."""

    count: int = 8
    side: int = 224
    quality: int = 90
    fit: ClipFit = "stretch"
    rows_per_shard: int = 1000


def write_frames(
    chosen: Chosen, directory: Path, *, options: FrameOptions, workers: int = 1,
    progress: Callable[[int, int], None] = lambda done, total: None, prepare: Callable[[Path], None] = lambda place: None,
) -> ShardList:
    """Decode every chosen clip once. Run again with the same rows it goes on; with others, new shards replace the old.

    prepare: called with a directory before shards are written there. Clips whose file cannot be read, or is not the one that
    was measured, are failures of the list. Raises CorpusError and InputError as `write_shards`.
    """
    def written(place: Path) -> ShardList:
        prepare(place)
        return write_shards_alone(
            _clips(chosen, options, threads=0 if workers == 1 else 1), place,
            form=PictureFormat(height=options.side, width=options.side, quality=options.quality),
            rows_per_shard=options.rows_per_shard, workers=workers, progress=lambda done: progress(done, len(chosen.clips)),
        )

    unfinished = unfinished_directory(directory)
    with only_writer(unfinished):       # all along, so that no removal begins meanwhile
        settle_directory(directory)
        with only_writer(directory):
            shards = _unless_other(written, directory)
        if shards is None:
            shards = _unless_other(written, unfinished)     # what an earlier run began there goes on
            if shards is None:
                empty(unfinished)
                shards = written(unfinished)
            replace_directory(unfinished, directory)
        else:
            shutil.rmtree(unfinished, ignore_errors=True)
    return shards


def unfinished_directory(directory: Path) -> Path:
    """Where an export grows before it takes the place of another."""
    return directory.with_name(f".{directory.name}.part")


def clips_of(chosen: Chosen, options: FrameOptions) -> Iterator[VideoClip]:
    """What the samples are made from, in order."""
    return _clips(chosen, options, threads=1)


def _unless_other(written: Callable[[Path], ShardList], place: Path) -> ShardList | None:
    """The shards there, None when they were made from other rows or in another form."""
    try:
        return written(place)
    except CorpusError as error:
        if error.kind != "other_rows":
            raise
        return None


def _clips(chosen: Chosen, options: FrameOptions, *, threads: int) -> Iterator[VideoClip]:
    texts: dict[str, list[SampleText]] = defaultdict(list)
    for pair, _, _ in chosen.pairs():
        texts[pair.clip_id].append(SampleText(text=pair.text, language=pair.language, detail=pair.detail, kind=pair.kind))
    for clip in chosen.clips.values():
        if clip.clip_id in texts:
            yield VideoClip(
                id=clip.clip_id, path=chosen.videos[clip.video_id].path, video=clip.video_id, split=clip.split,
                texts=tuple(texts[clip.clip_id]), count=options.count, start_ms=clip.start_ms, end_ms=clip.end_ms,
                threads=threads, fit=options.fit, check_content=True,
            )
