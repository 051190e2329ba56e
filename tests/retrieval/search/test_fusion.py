"""Ranks of many channels become one order of videos."""

from __future__ import annotations

import pytest

from retrieval.search.channels import ranked
from retrieval.search.fusion import RANK_OFFSET, fuse
from retrieval.search.results import Match


def match(channel: str, video: str, score: float, *, start: int = 0, end: int = 1000) -> Match:
    return Match(channel=channel, video_id=video, start_ms=start, end_ms=end, score=score)


def test_ranks_start_at_one_and_equal_scores_share_the_better_rank():
    rows = ranked(
        [match("title", "c", 1.0), match("title", "a", 3.0), match("title", "b", 1.0), match("title", "d", 0.5)]
    )
    assert [(row.video_id, row.rank) for row in rows] == [("a", 1), ("c", 2), ("b", 2), ("d", 4)]


def test_score_is_the_weighted_sum_of_reciprocal_ranks():
    channels = {
        "title": ranked([match("title", "a", 2.0), match("title", "b", 1.0)]),
        "ocr": ranked([match("ocr", "b", 5.0)]),
    }
    scores = {video.video_id: video.score for video in fuse(channels)}
    assert scores["a"] == pytest.approx(1 / (RANK_OFFSET + 1))
    assert scores["b"] == pytest.approx(1 / (RANK_OFFSET + 2) + 0.7 / (RANK_OFFSET + 1))


def test_many_rows_of_one_video_take_one_place_in_its_channel():
    crowd = [match("subtitle", "a", 10.0 - i, start=i * 1000, end=i * 1000 + 900) for i in range(5)]
    fused = fuse({"subtitle": ranked([*crowd, match("subtitle", "b", 1.0)])})
    assert [video.video_id for video in fused] == ["a", "b"]
    assert fused[1].score == pytest.approx(1 / (RANK_OFFSET + 2))
    assert len(fused[0].matches) == 5


def test_agreement_of_two_channels_beats_a_first_place_in_one():
    channels = {
        "title": ranked([match("title", "a", 2.0), match("title", "b", 1.0)]),
        "subtitle": ranked([match("subtitle", "c", 2.0), match("subtitle", "b", 1.0)]),
    }
    assert fuse(channels)[0].video_id == "b"


def test_the_best_row_of_each_channel_is_named():
    channels = {"ocr": ranked([match("ocr", "a", 1.0, start=0), match("ocr", "a", 2.0, start=5000, end=6000)])}
    (video,) = fuse(channels)
    assert [(row.channel, row.start_ms, row.rank) for row in video.best] == [("ocr", 5000, 1)]
