"""Small pictures of moments of videos, from what a build has kept: no video is opened."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from data_pipeline.building.commits import MEASURED, read_commits
from data_pipeline.building.measured_tables import table_path
from data_pipeline.building.stage_cache import cache_path, kept_pictures
from data_pipeline.corpus.measured import KeyframeRow
from data_pipeline.corpus.tables import read_table


@dataclass(frozen=True, kw_only=True)
class _Keyframe:
    video_id: str
    time_ms: int
    dropped: str | None


class StoredPictures:
    """Of a corpus. shards: the shard of each video that will be asked for; the keyframes of each are read once.

    A shard whose pictures are being written just then is asked for no more of them.
    """

    def __init__(self, directory: Path, shards: Mapping[str, str]) -> None:
        self._directory = directory
        self._shards = shards
        self._commits = read_commits(directory)
        self._busy: set[str] = set()
        self._times: dict[str, Mapping[str, list[int]]] = {}     # in ms, by shard and video

    def __call__(self, video_id: str, time_ms: int) -> bytes | None:
        """A JPEG of the kept keyframe nearest to a time, None where none is stored. Raises CorpusError (unreadable)."""
        shard = self._shards.get(video_id)      # None: a build has measured another file meanwhile
        if shard is None or shard in self._busy:
            return None
        pictures = kept_pictures(cache_path(self._directory, shard), video_id)
        if pictures is None:
            self._busy.add(shard)
        if not pictures:
            return None
        if shard not in self._times:
            self._times[shard] = self._kept_times(shard)
        times = self._times[shard].get(video_id, ())
        if len(times) != len(pictures):         # of other settings than the tables
            return None
        return min(zip(times, pictures, strict=True), key=lambda one: abs(one[0] - time_ms))[1]

    def _kept_times(self, shard: str) -> Mapping[str, list[int]]:
        times: dict[str, list[int]] = defaultdict(list)
        table = table_path(self._directory / MEASURED / self._commits[shard].directory, KeyframeRow)
        for row in read_table(table, _Keyframe):
            if row.dropped is None and row.video_id in self._shards:
                times[row.video_id].append(row.time_ms)
        return times
