"""How sure a hit is, told from what unrelated queries reach."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from retrieval.encoders import TextVectors, load_text_encoder
from retrieval.search.confidence import Calibration, answered, band_of, reads_nothing, unreadable_words
from retrieval.search.results import Hit, Match
from serving.demo.unseen import MODEL

CALIBRATION = Calibration(made_with="a", clips=10, best={"visual": tuple(i / 100 for i in range(100))})


def row(**changes: object) -> Match:
    facts = {"channel": "title", "video_id": "v", "start_ms": 0, "end_ms": 1, "score": 0.0}
    return Match(**{**facts, **changes})  # type: ignore[arg-type]


def picture(score: float) -> Match:
    return row(channel="visual", clip_id=1, score=score)


def test_a_picture_is_as_sure_as_the_share_of_unrelated_queries_that_it_outdoes_and_never_high() -> None:
    assert [CALIBRATION.outdone(picture(score)) for score in (0.0, 0.5, 2.0)] == [0.0, 0.5, 1.0]
    assert [band_of([picture(score)], CALIBRATION) for score in (2.0, 0.6, 0.4)] == ["medium", "medium", "low"]


def test_a_query_that_the_model_cannot_read_is_answered_by_words_alone() -> None:
    assert band_of([picture(2.0)], CALIBRATION, blind=True) == "low"
    assert band_of([picture(2.0), row(coverage=0.9)], CALIBRATION, blind=True) == "high"


def test_only_characters_that_say_something_count_as_unreadable() -> None:
    def read(*unknown: str) -> TextVectors:
        return TextVectors(
            pooled=np.ones((1, 1), np.float32), words=np.ones((1, 1, 1), np.float32), mask=np.ones((1, 1), np.bool_),
            pieces=[["x"]], unread=[0], windows=[1], unknown=[unknown],
        )  # fmt: skip

    assert unreadable_words(read("焊", "的", "，", "Docker")) == ("焊", "Docker")
    assert unreadable_words(read()) == ()


def test_a_model_reads_nothing_where_it_learned_no_word_that_says_something() -> None:
    encoder = load_text_encoder(str(MODEL), device="cpu")
    texts = ("披萨", "怎么做披萨", "红色的披萨", "红色的狗", "的")
    assert [reads_nothing(encoder.encode_texts([text])) for text in texts] == [True, True, False, False, False]


def test_a_library_of_another_size_wants_another_calibration() -> None:
    assert [CALIBRATION.fits(clips) for clips in (4, 5, 20, 21)] == [False, True, True, False]


def test_words_are_as_sure_as_what_they_hold_of_the_query_whatever_their_score() -> None:
    assert [band_of([row(coverage=share, score=9.0)], CALIBRATION) for share in (0.9, 0.6, 0.2)] == ["high", "medium", "low"]


def test_the_strongest_channel_decides() -> None:
    assert band_of([row(coverage=0.9), row(channel="visual", clip_id=1, score=0.0)], CALIBRATION) == "high"


def test_pictures_say_nothing_where_no_vectors_were_calibrated() -> None:
    assert band_of([row(channel="visual", clip_id=1, score=1.0)], Calibration(made_with="", clips=0, best={})) == "low"


def test_whether_a_query_is_answered_is_told_by_words_only() -> None:
    def of(band: str | None, *channels: Match) -> Hit:
        return Hit(
            video_id="v", path="", title="", duration_ms=1, score=0, channels=channels, moments=(), confidence=band
        )

    assert answered([], CALIBRATION) is False
    assert answered([of("low"), of("low", picture(0.4))], CALIBRATION) is False
    assert answered([of("low"), of("medium", row(coverage=0.6))], CALIBRATION) is True
    assert answered([of("medium", picture(2.0))], CALIBRATION) is None
    assert answered([of(None, row(coverage=1.0))], None) is None


def test_a_model_that_tells_little_apart_does_not_say_that_nothing_answers() -> None:
    def of(score: float) -> list[Hit]:
        return [Hit(
            video_id="v", path="", title="", duration_ms=1, score=0, channels=(picture(score),), moments=(), confidence="low"
        )]  # fmt: skip

    weak = replace(CALIBRATION, reached={"visual": 0.1})
    assert [answered(of(score), weak) for score in (0.05, 0.1, 0.4)] == [False, None, None]
    assert answered(of(0.4), weak, blind=True) is False
    assert answered(of(0.4), replace(CALIBRATION, reached={"visual": 0.9})) is False


def test_an_encoder_tells_which_characters_its_vocabulary_lacks() -> None:
    read = load_text_encoder(str(MODEL), device="cpu").encode_texts(["蓝色的狗", "焊接的狗"])
    assert read.unknown is not None
    assert read.unknown[0] == ()
    assert "焊" in read.unknown[1]
