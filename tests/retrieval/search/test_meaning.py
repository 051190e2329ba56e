"""What titles and lines mean answers beside their words: other words for the same thing are found, nothing else is lost."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from retrieval.library import Library, VideoFilter
from retrieval.records import Evidence, EvidenceKind, Location, Meanings, Video
from retrieval.search import SearchEngine, SearchSettings
from tests.sentence_models import ConceptModel

MODEL = ConceptModel()


def put(library: Library, name: str, *rows: tuple[EvidenceKind, int, int, str]) -> str:
    video_id = hashlib.sha256(name.encode()).hexdigest()
    video = Video(
        id=video_id, size_bytes=1, duration_ms=60_000, width=16, height=16, frames_per_second=25.0, container="mp4",
        codec="h264", has_audio=False,
    )  # fmt: skip
    evidence = [Evidence(kind=k, text=text, start_ms=start, end_ms=end, source="made") for k, start, end, text in rows]
    texts = [row.text for row in evidence]
    library.put(
        video, Location(path=f"/v/{name}.mp4", size_bytes=1, modified_ns=1), evidence=evidence, location_evidence=[],
        clips=[], generation=None, examined={},
        meanings=Meanings(generation=MODEL.generation, vectors=dict(zip(texts, MODEL.encode(texts).vectors, strict=True))),
    )  # fmt: skip
    return video_id


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with Library.open(tmp_path / "library", write=True, create=True) as opened:
        put(opened, "dog", ("title", 0, 60_000, "小狗追球"))
        put(opened, "street", ("title", 0, 60_000, "街景"), ("asr", 5_000, 9_000, "一辆轿车开过"))
        put(opened, "kitchen", ("title", 0, 60_000, "厨房"), ("ocr", 2_000, 4_000, "烹饪 小狗"))
        yield opened


def names(library: Library, text: str, *, where: VideoFilter | None = None, **settings: object) -> list[tuple[str, str]]:
    engine = SearchEngine(library, sentences=MODEL, settings=SearchSettings(diversity=0, **settings))  # type: ignore[arg-type]
    return [
        (Path(hit.path).stem, match.channel) for hit in engine.search(text, where=where).hits for match in hit.channels
    ]


def test_a_text_is_found_by_other_words_for_what_it_says(library: Library) -> None:
    assert names(library, "puppy") == [("dog", "meaning"), ("kitchen", "meaning")]
    assert names(library, "cooking") == [("kitchen", "meaning")]
    (hit,) = SearchEngine(library, sentences=MODEL).search("car").hits
    assert (hit.moments[0].start_ms, hit.moments[0].end_ms) == (5_000, 9_000)
    assert hit.channels[0].to_json() | {"score": 1.0} == {
        "name": "meaning", "rank": 1, "score": 1.0, "worth": pytest.approx(1.0, abs=1e-3), "text": "一辆轿车开过",
        "start_ms": 5_000, "end_ms": 9_000, "source": "made",
    }  # fmt: skip


def test_the_words_themselves_count_more_than_what_is_only_meant(library: Library) -> None:
    put(library, "words", ("title", 0, 60_000, "puppy"))
    found = names(library, "puppy")
    assert {("words", "title"), ("words", "meaning")} == set(found[:2])
    put(library, "poster", ("ocr", 0, 9_000, "rain"))
    put(library, "weather", ("title", 0, 60_000, "下雨"))
    assert names(library, "rain")[0][0] == "poster"


def test_a_row_that_means_something_else_is_no_answer(library: Library) -> None:
    assert names(library, "下雨") == []


def test_only_the_channels_that_are_asked_answer(library: Library) -> None:
    assert {channel for _, channel in names(library, "小狗", channels=frozenset({"title"}))} == {"title"}
    assert {channel for _, channel in names(library, "小狗", channels=frozenset({"meaning"}))} == {"meaning"}


def test_a_filter_holds_for_what_is_meant(library: Library) -> None:
    assert names(library, "puppy", where=VideoFilter(paths=("/v/kitchen.mp4",))) == [("kitchen", "meaning")]


def test_without_its_model_or_with_another_the_words_still_answer(library: Library) -> None:
    assert [match.channel for hit in SearchEngine(library).search("街景").hits for match in hit.channels] == ["title"]
    result = SearchEngine(library, sentences=ConceptModel("2")).search("街景")
    assert [hit.channels[0].channel for hit in result.hits] == ["title"]
    assert [notice.split(":")[0] for notice in result.notices] == ["The meaning channel is off"]
