"""The part of a finished corpus that is asked for: by licence, and by split."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from pathlib import Path

from data_pipeline.corpus.rows import ClipRow, PairRow, VideoRow
from data_pipeline.corpus.tables import CLIPS, PAIRS, VIDEOS, read_table
from data_pipeline.sources.licences import allows, is_filter
from retrieval.errors import InputError

_DIGITS = 32


@dataclass(frozen=True, kw_only=True)
class Held:
    """What an export holds of one video; sha256: over its pairs, 32 hex digits."""

    video_id: str
    split: str
    license_code: str | None
    duration_ms: int
    clips: int
    pairs: int
    kinds: dict[str, int]
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """Videos and clips by id, in the order of their tables; pairs are read from the table whenever they are asked for."""

    directory: Path
    videos: dict[str, VideoRow]
    clips: dict[str, ClipRow]

    def pairs(self) -> Iterator[tuple[PairRow, ClipRow, VideoRow]]:
        """Every chosen pair with its clip and its video, in order of the table."""
        for pair in read_table(self.directory / PAIRS, PairRow):
            clip = self.clips.get(pair.clip_id)
            if clip is not None:
                yield pair, clip, self.videos[clip.video_id]

    def held(self) -> list[Held]:
        """What there is of each video that has a pair."""
        kinds: dict[str, Counter[str]] = defaultdict(Counter)
        digests = {video: hashlib.sha256() for video in self.videos}
        for pair, clip, video in self.pairs():
            kinds[video.video_id][pair.kind] += 1
            digests[video.video_id].update(json.dumps([astuple(pair), astuple(clip)]).encode())
        clips = Counter(clip.video_id for clip in self.clips.values())
        return [
            Held(
                video_id=video.video_id, split=video.split, license_code=video.license_code, duration_ms=video.duration_ms,
                clips=clips[video.video_id], pairs=kinds[video.video_id].total(),
                kinds=dict(sorted(kinds[video.video_id].items())), sha256=digests[video.video_id].hexdigest()[:_DIGITS],
            )
            for video in self.videos.values() if video.video_id in kinds
        ]


def choose(directory: Path, *, license_filter: str | None = None, split: str | None = None) -> Chosen:
    """The videos that pass, with their clips. license_filter: commercial-ok, derivatives-ok, or one licence.

    Raises InputError for a filter that is not known, or that nothing passes; CorpusError (unreadable).
    """
    if license_filter is not None and not is_filter(license_filter):
        raise InputError(
            f"{license_filter!r} is no licence filter: use commercial-ok, derivatives-ok or a code such as CC-BY-4.0."
        )
    every = list(read_table(directory / VIDEOS, VideoRow))
    videos = {
        video.video_id: video for video in every
        if (split is None or video.split == split)
        and (license_filter is None or allows(video.license_code, license_filter))
    }  # fmt: skip
    if not videos:
        splits = ", ".join(sorted({video.split for video in every})) or "none"
        raise InputError(f"None of the {len(every):,} videos in {directory} passes: its splits are {splits}; ask for less.")
    clips = {clip.clip_id: clip for clip in read_table(directory / CLIPS, ClipRow) if clip.video_id in videos}
    return Chosen(directory=directory, videos=videos, clips=clips)
