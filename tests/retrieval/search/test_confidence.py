"""How sure a hit is, told from what unrelated queries reach."""

from __future__ import annotations

from retrieval.search.confidence import Calibration, band_of
from retrieval.search.results import Hit, Match, SearchResult

CALIBRATION = Calibration(made_with="a", clips=10, best=tuple(i / 100 for i in range(100)))


def row(**changes: object) -> Match:
    facts = {"channel": "title", "video_id": "v", "start_ms": 0, "end_ms": 1, "score": 0.0}
    return Match(**{**facts, **changes})  # type: ignore[arg-type]


def test_a_picture_is_as_sure_as_the_share_of_unrelated_queries_that_it_outdoes() -> None:
    assert CALIBRATION.outdone(0.0) == 0.0
    assert CALIBRATION.outdone(0.5) == 0.5
    assert CALIBRATION.outdone(2.0) == 1.0
    bands = [band_of([row(channel="visual", clip_id=1, score=score)], CALIBRATION) for score in (0.96, 0.6, 0.4)]
    assert bands == ["high", "medium", "low"]


def test_words_are_as_sure_as_what_they_hold_of_the_query_whatever_their_score() -> None:
    assert [band_of([row(coverage=share, score=9.0)], CALIBRATION) for share in (0.9, 0.6, 0.2)] == ["high", "medium", "low"]


def test_the_strongest_channel_decides() -> None:
    assert band_of([row(coverage=0.9), row(channel="visual", clip_id=1, score=0.0)], CALIBRATION) == "high"


def test_pictures_say_nothing_where_no_vectors_were_calibrated() -> None:
    assert band_of([row(channel="visual", clip_id=1, score=1.0)], Calibration(made_with="", clips=0, best=())) == "low"


def test_a_result_of_low_hits_alone_has_no_answer() -> None:
    def result(*bands: str | None) -> SearchResult:
        hits = tuple(
            Hit(video_id="v", path="", title="", duration_ms=1, score=0, channels=(), moments=(), confidence=band)
            for band in bands
        )
        return SearchResult(query="q", hits=hits, hidden=0)

    assert not result().answered
    assert not result("low", "low").answered
    assert result("low", "medium").answered
    assert result(None).answered
