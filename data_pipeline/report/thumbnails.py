"""Small pictures of moments of videos, from what a build has kept: no video is opened."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from data_pipeline.building.commits import read_commits
from data_pipeline.building.measured_tables import read_shard
from data_pipeline.building.stage_cache import cache_path, kept_pictures
from data_pipeline.corpus.measured import KeyframeRow


class StoredPictures:
    """Of a corpus. shards: the shard of each video that will be asked for."""

    def __init__(self, directory: Path, shards: Mapping[str, str]) -> None:
        self._directory = directory
        self._shards = shards
        self._commits = read_commits(directory)

    def __call__(self, video_id: str, time_ms: int) -> bytes | None:
        """A JPEG of the kept keyframe nearest to a time, None where none is stored. Raises CorpusError (unreadable)."""
        shard = self._shards[video_id]
        pictures = kept_pictures(cache_path(self._directory, shard), video_id)
        times = [
            row.time_ms for row in read_shard(self._directory, self._commits[shard], KeyframeRow)
            if row.video_id == video_id and row.dropped is None
        ] if pictures else []
        if len(times) != len(pictures):         # of other settings than the tables
            return None
        return min(zip(times, pictures, strict=True), key=lambda one: abs(one[0] - time_ms), default=(0, None))[1]
