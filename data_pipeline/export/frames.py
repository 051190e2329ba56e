"""Webdataset shards of frames with their times: what training reads."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from data_pipeline.corpus.renewing import renewed
from data_pipeline.corpus.samples import PictureFormat, SampleText
from data_pipeline.corpus.shard_list import ShardList
from data_pipeline.corpus.shards import write_shards_alone
from data_pipeline.corpus.video_clips import ClipFit, VideoClip
from data_pipeline.export.chosen import Chosen


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

    return renewed(written, directory)


def clips_of(chosen: Chosen, options: FrameOptions) -> Iterator[VideoClip]:
    """What the samples are made from, in order."""
    return _clips(chosen, options, threads=1)


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
