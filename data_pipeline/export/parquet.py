"""The tables of a corpus as tables: the same three files, of the chosen rows."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from data_pipeline.corpus.rows import ClipRow, PairRow, VideoRow
from data_pipeline.corpus.tables import CLIPS, PAIRS, VIDEOS, read_table, write_table
from data_pipeline.export.chosen import Chosen


def write_tables(chosen: Chosen, directory: Path) -> None:
    """Write the three tables. Raises CorpusError (write, unreadable)."""
    write_table(directory / VIDEOS, chosen.videos.values(), VideoRow)
    write_table(directory / CLIPS, chosen.clips.values(), ClipRow)
    write_table(directory / PAIRS, (pair for pair, _, _ in chosen.pairs()), PairRow)


def forget_rows(directory: Path, video_ids: Collection[str]) -> None:
    """Take all rows of these videos out; pairs first, so that a kill leaves no row that points nowhere.

    Raises CorpusError (write, unreadable).
    """
    clips = list(read_table(directory / CLIPS, ClipRow))
    gone = {clip.clip_id for clip in clips if clip.video_id in video_ids}
    pairs = [pair for pair in read_table(directory / PAIRS, PairRow) if pair.clip_id not in gone]
    write_table(directory / PAIRS, pairs, PairRow)
    write_table(directory / CLIPS, (clip for clip in clips if clip.clip_id not in gone), ClipRow)
    videos = [video for video in read_table(directory / VIDEOS, VideoRow) if video.video_id not in video_ids]
    write_table(directory / VIDEOS, videos, VideoRow)
