"""A library learns from its own titles what an answer by chance looks like."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest
from numpy.typing import NDArray

from retrieval.encoders import TextVectors
from retrieval.errors import InputError
from retrieval.library import Library
from retrieval.model.settings import InteractionSettings
from retrieval.notices import in_chinese
from retrieval.records import Clip, Evidence, Generation, Location, Video
from retrieval.search import SearchEngine, SearchSettings
from retrieval.search.calibrating import calibrate, piece_of
from retrieval.search.confidence import stored_calibration

DIMENSION = 32
GENERATION = Generation(encoder="axes", revision="1", preprocessing="p", dimension=DIMENSION)


class Axes:
    """Reads the text `3` as the third axis, and any other as a direction between all of them."""

    generation = GENERATION
    dimension = DIMENSION
    context_length = 8
    interaction = InteractionSettings(share=0.0)

    def encode_texts(self, texts: list[str]) -> TextVectors:
        pooled = np.stack([axis(int(text)) if text.isdecimal() else np.full(DIMENSION, DIMENSION**-0.5) for text in texts])
        count = len(texts)
        return TextVectors(
            pooled=pooled.astype(np.float32), words=np.zeros((count, 0, DIMENSION), np.float32),
            mask=np.zeros((count, 0), np.bool_), pieces=[[]] * count, unread=[0] * count, windows=[1] * count,
        )  # fmt: skip


def axis(number: int) -> NDArray[np.float32]:
    """Mostly one axis, and a little of the next."""
    vector = np.zeros(DIMENSION, dtype=np.float32)
    vector[number], vector[(number + 1) % DIMENSION] = 0.96, 0.28
    return vector


def library(directory: Path, *, videos: int) -> Library:
    opened = Library.open(directory, write=True, create=True)
    for number in range(videos):
        put(opened, number, generation=GENERATION)
    return opened


def put(opened: Library, number: int, *, generation: Generation) -> None:
    facts = Video(
        id=f"{number:064x}", size_bytes=1, duration_ms=900, width=8, height=8, frames_per_second=8.0, container="mp4",
        codec="h264", has_audio=False,
    )  # fmt: skip
    title = Evidence(kind="title", text=str(number), start_ms=0, end_ms=900, source="manifest")
    clip = Clip(start_ms=0, end_ms=900, keyframe_ms=0, frame_times_ms=(0,), vector=axis(number))
    opened.put(
        facts, Location(path=f"/{number}.mp4", size_bytes=1, modified_ns=1), evidence=[], location_evidence=[title],
        clips=[clip], generation=generation, examined={},
    )  # fmt: skip


def test_the_best_of_other_videos_is_what_chance_gives(tmp_path: Path) -> None:
    with library(tmp_path / "l", videos=30) as opened:
        found = calibrate(opened, Axes())
        assert len(found.best["visual"]) == 30
        assert max(found.best["visual"]) < 0.3        # 0.27 with the neighbour; its own clip would give 1


def test_what_the_librarys_own_titles_reach_says_how_much_the_model_tells_apart(tmp_path: Path) -> None:
    class Blurred(Axes):
        """Reads every text as the same direction between all axes."""

        def encode_texts(self, texts: list[str]) -> TextVectors:
            return super().encode_texts(["什么都像"] * len(texts))

    with library(tmp_path / "l", videos=30) as opened:
        assert calibrate(opened, Axes()).reached == {"visual": 1.0}
        calibrate(opened, Blurred()).save(opened)
        found = stored_calibration(opened)
        assert found is not None
        assert found.reached["visual"] < 0.5
        engine = SearchEngine(opened, encoder=Blurred(), settings=SearchSettings(channels=frozenset({"visual"})))
        assert engine.search("7").hits[0].confidence == "low"
        assert engine.search("7").answered is None


def test_pictures_are_searched_only_for_what_the_model_has_learned_some_of(tmp_path: Path) -> None:
    class Unlearned(Axes):
        """Has learned no 焊 and no 披."""

        def encode_texts(self, texts: list[str]) -> TextVectors:
            read = super().encode_texts(texts)
            unknown = [tuple(character for character in text if character in "焊披") for text in texts]
            return replace(read, pieces=[list(text) for text in texts], unknown=unknown)

    with library(tmp_path / "l", videos=30) as opened:
        engine = SearchEngine(opened, encoder=Unlearned())
        some, none = engine.search("焊狗"), engine.search("焊披")
        assert some.hits
        assert some.notices == ("The model has not learned 焊: what is seen cannot answer that.",)
        assert none.hits == ()
        assert none.answered is False
        assert none.notices == ("The model has not learned 焊、披: pictures were not searched.",)
        assert in_chinese(none.notices[0]) == "模型没有学过“焊、披”，所以没有查画面。"


def test_a_piece_of_a_title_stands_in_it_and_is_short() -> None:
    for seed in range(50):
        piece = piece_of("雪地里，两只小狗在奔跑", Random(seed))
        assert piece in "雪地里，两只小狗在奔跑"
        assert 2 <= len(piece) <= 4
        assert 2 <= len(piece_of("two small dogs, running in the snow", Random(seed)).split()) <= 4
    assert {piece_of(title, Random(0)) for title in ("狗", "…")} == {"狗", "…"}


def test_hits_say_how_sure_they_are_once_a_library_is_calibrated(tmp_path: Path) -> None:
    with library(tmp_path / "l", videos=30) as opened:
        engine = SearchEngine(opened, encoder=Axes(), settings=SearchSettings(channels=frozenset({"visual"})))
        assert {hit.confidence for hit in engine.search("7").hits} == {None}
        calibrate(opened, Axes()).save(opened)
        assert engine.search("7").answered is None
        assert engine.search("7").hits[0].confidence == "medium"
        nothing = engine.search("什么都像")
        assert nothing.hits
        assert nothing.answered is False


def test_a_calibration_ends_with_the_vectors_that_it_was_made_with(tmp_path: Path) -> None:
    with library(tmp_path / "l", videos=30) as opened:
        calibrate(opened, Axes()).save(opened)
        assert stored_calibration(opened) is not None
        other = Generation(encoder="axes", revision="2", preprocessing="p", dimension=DIMENSION)
        put(opened, 0, generation=other)
        opened.activate(other)
        assert stored_calibration(opened) is None


def test_a_handful_of_titles_is_too_few(tmp_path: Path) -> None:
    with library(tmp_path / "l", videos=5) as opened, pytest.raises(InputError, match="20 videos"):
        calibrate(opened, Axes())


def test_what_looks_like_a_clip_is_no_surer_for_what_texts_reach(tmp_path: Path) -> None:
    with library(tmp_path / "l", videos=30) as opened:
        calibrate(opened, Axes()).save(opened)
        result = SearchEngine(opened, encoder=Axes()).search_alike(axis(7)[None])
        assert result.hits
        assert {hit.confidence for hit in result.hits} == {None}
        assert result.answered is None
