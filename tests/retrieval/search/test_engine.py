"""From text to hits over a real library; the text encoder is a small table, so that every vector is known."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from retrieval.encoders import TextVectors
from retrieval.errors import InputError
from retrieval.library import Library
from retrieval.library.segments import VectorIndex
from retrieval.model import InteractionSettings
from retrieval.records import Clip, Evidence, EvidenceKind, Generation, Location, Video
from retrieval.search import Hit, SearchEngine, SearchSettings

GENERATION = Generation(encoder="table", revision="1", preprocessing="none", dimension=4)
AXES = {"狗": 0, "猫": 1, "车": 2}


class TableEncoder:
    """Each known word is an axis."""

    dimension = 4
    context_length = 8
    interaction = InteractionSettings()

    def __init__(self, generation: Generation = GENERATION, *, unread: int = 0) -> None:
        self.generation = generation
        self._unread = unread

    def encode_texts(self, texts: Sequence[str]) -> TextVectors:
        vector = np.zeros((1, 4), np.float32)
        axis = next((axis for word, axis in AXES.items() if word in texts[0]), None)
        if axis is None:
            raise InputError("The text holds nothing this model can read.")
        vector[0, axis] = 1.0
        return TextVectors(
            pooled=vector, words=vector[:, None], mask=np.ones((1, 1), bool), pieces=[["x"]], unread=[self._unread],
            windows=[1],
        )  # fmt: skip


def axis(number: int, *, tilt: float = 0.0) -> np.ndarray:
    vector = np.zeros(4, np.float32)
    vector[number], vector[3] = np.sqrt(1 - tilt**2), tilt
    return vector


def clip(start: int, end: int, number: int, *, tilts: Sequence[float] = (0.0, 0.0)) -> Clip:
    times = tuple(int(t) for t in np.linspace(start, end - 1, len(tilts)))
    return Clip(
        start_ms=start, end_ms=end, keyframe_ms=times[0], frame_times_ms=times,
        vector=axis(number, tilt=min(tilts)), frame_vectors=np.stack([axis(number, tilt=t) for t in tilts]),
    )  # fmt: skip


def put(
    library: Library, name: str, *, title: str = "", clips: Sequence[Clip] = (), duration_ms: int = 60_000,
    **lines: tuple[int, int, str],
) -> str:
    video_id = hashlib.sha256(name.encode()).hexdigest()
    video = Video(
        id=video_id, size_bytes=1, duration_ms=duration_ms, width=16, height=16, frames_per_second=25.0, container="mp4",
        codec="h264", has_audio=False,
    )  # fmt: skip
    evidence = [_evidence(kind, *line) for kind, line in lines.items()]
    titles = [_evidence("title", 0, duration_ms, title)] if title else []
    library.put(
        video, Location(path=f"/v/{name}.mp4", size_bytes=1, modified_ns=1), evidence=evidence, location_evidence=titles,
        clips=clips, generation=GENERATION if clips else None, examined={},
    )  # fmt: skip
    return video_id


def _evidence(kind: EvidenceKind, start_ms: int, end_ms: int, text: str) -> Evidence:
    return Evidence(kind=kind, text=text, start_ms=start_ms, end_ms=end_ms, source="manifest")


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with Library.open(tmp_path / "library", write=True, create=True) as library:
        yield library


def names(hits: Sequence[Hit]) -> list[str]:
    return [Path(hit.path).stem for hit in hits]


def test_an_exact_line_beats_a_title_that_shares_one_character(library):
    put(library, "brushes", title="雪后来了三位客人")
    put(library, "answers", title="坐公交逛老城", ocr=(2000, 5000, "下一站人民广场"))
    hits = SearchEngine(library).search("人民广场").hits
    assert names(hits)[0] == "answers"
    assert (hits[0].start_ms, hits[0].end_ms, hits[0].channels[0].text) == (2000, 5000, "下一站人民广场")


def test_a_line_that_shares_one_character_is_hidden_and_counted_a_single_character_query_finds_it(library):
    put(library, "line", subtitle=(0, 1000, "人不可貌相"))
    result = SearchEngine(library).search("人民广场")
    assert (result.hits, result.hidden) == ((), 1)
    assert names(SearchEngine(library).search("貌").hits) == ["line"]


def test_pictures_and_words_are_fused_and_the_moment_is_where_both_agree(library):
    put(library, "both", subtitle=(11_000, 13_000, "小狗来了"), clips=[clip(0, 10_000, 1), clip(10_000, 20_000, 0)])
    put(library, "seen", clips=[clip(0, 10_000, 0)])
    put(library, "said", subtitle=(0, 2000, "小狗来了"))
    hits = SearchEngine(library, encoder=TableEncoder()).search("小狗").hits
    assert names(hits)[0] == "both"
    assert {match.channel for match in hits[0].moments[0].matches} == {"visual", "subtitle"}
    assert hits[0].start_ms >= 10_000


def test_a_text_that_holds_the_query_stands_before_any_picture_and_one_that_brushes_it_behind(library):
    put(library, "seen", clips=[clip(0, 8000, 0)])
    put(library, "named", title="狗狗打针后的护理")
    engine = SearchEngine(library, encoder=TableEncoder())
    assert names(engine.search("狗狗打针").hits) == ["named", "seen"]
    assert names(engine.search("一只狗在公园里追着飞盘跑").hits) == ["seen", "named"]


@pytest.mark.parametrize(("title", "query"), [("Café de Paris", "cafe"), ("cafe de paris", "café"), ("Cafe\u0301", "CAFÉ")])
def test_accents_of_latin_letters_make_no_difference(library, title, query):
    put(library, "sought", title=title)
    put(library, "other", title="carafe")
    assert names(SearchEngine(library).search(query).hits) == ["sought"]


def test_only_the_channels_that_are_wanted_answer(library):
    put(library, "seen", clips=[clip(0, 8000, 0)])
    put(library, "named", title="狗狗打针")
    for channels, wanted in (({"visual"}, ["seen"]), ({"title"}, ["named"]), ({"ocr"}, [])):
        settings = SearchSettings(channels=frozenset(channels))
        assert names(SearchEngine(library, encoder=TableEncoder(), settings=settings).search("狗").hits) == wanted


def test_the_best_frame_of_the_best_clip_is_named(library):
    put(library, "v", clips=[clip(0, 8000, 0, tilts=(0.6, 0.6, 0.0, 0.6))])
    (hit,) = SearchEngine(library, encoder=TableEncoder()).search("狗").hits
    assert hit.moments[0].best_ms == clip(0, 8000, 0, tilts=(0.6, 0.6, 0.0, 0.6)).frame_times_ms[2]


def test_vectors_of_another_model_are_never_compared(library):
    put(library, "v", clips=[clip(0, 8000, 0)])
    other = Generation(encoder="table", revision="2", preprocessing="none", dimension=4)
    result = SearchEngine(library, encoder=TableEncoder(other)).search("狗")
    assert result.hits == ()
    assert "visual channel is off" in result.notices[0]


def test_a_query_the_model_cannot_read_is_still_answered_by_words(library):
    put(library, "v", title="高铁进站", clips=[clip(0, 8000, 0)])
    result = SearchEngine(library, encoder=TableEncoder()).search("高铁")
    assert names(result.hits) == ["v"]
    assert "off for this query" in result.notices[0]


def test_a_text_that_is_not_read_in_full_is_said_to_be(library):
    put(library, "v", clips=[clip(0, 8000, 0)])
    result = SearchEngine(library, encoder=TableEncoder(unread=3)).search("狗")
    assert "3 tokens" in result.notices[0]


def apart(library: Library, *, diversity: float = 0.3) -> SearchEngine:
    return SearchEngine(library, encoder=TableEncoder(), settings=SearchSettings(diversity=diversity, collapse=False))


def test_a_copy_does_not_take_the_second_place(library):
    put(library, "original", clips=[clip(0, 8000, 0, tilts=(0.0, 0.0))])
    put(library, "copy", clips=[clip(0, 8000, 0, tilts=(0.05, 0.05))])
    put(library, "other", clips=[clip(0, 8000, 0, tilts=(0.9, 0.9))])
    plain = apart(library, diversity=0).search("狗").hits
    varied = apart(library).search("狗").hits
    assert names(plain) == ["original", "copy", "other"]
    assert names(varied) == ["original", "other", "copy"]


@pytest.mark.parametrize(("text", "count"), [("", 5), ("  \u3000\u200b", 5), ("狗", 0)])
def test_an_empty_query_or_count_is_refused(library, text, count):
    with pytest.raises(InputError):
        SearchEngine(library).search(text, count=count)


@pytest.mark.parametrize("text", ['"', "NEAR(", "a* OR b", "'; DROP TABLE videos; --", "！？", "😀", "x" * 5000, "\x00狗"])
def test_any_text_is_a_query(library, text):
    put(library, "v", title="小狗")
    SearchEngine(library).search(text)


def put_series(library: Library, name: str, *, lines: int, clips: int = 0) -> None:
    """A long video whose rows all answer."""
    video_id = hashlib.sha256(name.encode()).hexdigest()
    video = Video(
        id=video_id, size_bytes=1, duration_ms=lines * 1000 + clips * 1000, width=16, height=16,
        frames_per_second=25.0, container="mp4", codec="h264", has_audio=False,
    )  # fmt: skip
    library.put(
        video, Location(path=f"/v/{name}.mp4", size_bytes=1, modified_ns=1),
        evidence=[_evidence("subtitle", i * 1000, i * 1000 + 900, "李明") for i in range(lines)], location_evidence=[],
        clips=[clip(i * 1000, i * 1000 + 1000, 0) for i in range(clips)], generation=GENERATION if clips else None,
        examined={},
    )  # fmt: skip


def test_a_series_with_hundreds_of_lines_does_not_hide_the_other_videos(library):
    put_series(library, "series", lines=300)
    for number in range(9):
        put(library, f"short-{number}", subtitle=(0, 1000, "你好李明，今天过得怎么样"))
    assert len(SearchEngine(library).search("李明").hits) == 10
    assert len(SearchEngine(library).search("李明", count=500).hits) == 10


def test_a_video_of_hundreds_of_clips_does_not_hide_the_other_videos(library):
    put_series(library, "film", lines=0, clips=300)
    for number in range(9):
        put(library, f"short-{number}", clips=[clip(0, 8000, 0, tilts=(0.5, 0.5))])
    assert len(apart(library).search("狗").hits) == 10


def test_damaged_frame_vectors_cost_the_best_frame_and_not_the_answer(library):
    put(library, "v", clips=[clip(0, 8000, 0)])
    (file,) = (library.directory / "frames").glob("*.vectors")
    file.write_bytes(file.read_bytes()[:-8] + b"damaged!")
    result = SearchEngine(library, encoder=TableEncoder()).search("狗")
    assert (names(result.hits), result.hits[0].moments[0].best_ms) == (["v"], 0)
    assert "best frame" in result.notices[0]


def test_the_best_frame_lies_inside_the_moment_though_its_clip_is_longer(library):
    put(library, "v", subtitle=(2000, 5000, "小狗来了"), clips=[clip(0, 10_000, 0, tilts=(0.6, 0.6, 0.6, 0.0))])
    put(library, "other", clips=[clip(0, 10_000, 0, tilts=(0.1, 0.1))])
    hit = SearchEngine(library, encoder=TableEncoder()).search("小狗").hits[0]
    assert (hit.start_ms, hit.end_ms, hit.moments[0].best_ms) == (2000, 5000, 3333)


def test_frames_of_all_hits_are_read_in_one_call(library, monkeypatch):
    calls = []
    read = library.frame_vectors
    monkeypatch.setattr(library, "frame_vectors", lambda clips: calls.append(clips) or read(clips))
    for number in range(5):
        put(library, f"v{number}", clips=[clip(0, 8000, 0), clip(8000, 16_000, 0)])
    assert len(apart(library).search("狗").hits) == 5
    assert [len(clips) for clips in calls] == [10]


def test_a_search_says_when_its_time_for_ranking_was_short(library):
    put_series(library, "film", lines=0, clips=300)
    for milliseconds, told in ((0, ("There was time to compare 10 of the 100 nearest clips word by word.",)), (None, ())):
        settings = SearchSettings(rank_ms=milliseconds)
        result = SearchEngine(library, encoder=TableEncoder(), settings=settings).search("狗")
        assert (result.notices, len(result.hits)) == (told, 1)


@pytest.mark.parametrize("share", [None, 0.85])
def test_the_share_of_vectors_to_be_found_is_what_the_library_is_asked_for(library, monkeypatch, share):
    asked = []
    search = library.search_clips
    monkeypatch.setattr(
        library, "search_clips", lambda *args, recall, **other: asked.append(recall) or search(*args, recall=recall, **other)
    )
    put(library, "v", clips=[clip(0, 8000, 0)])
    engine = SearchEngine(library, encoder=TableEncoder(), settings=SearchSettings(vector_recall=share))
    assert names(engine.search("狗").hits) == ["v"]
    engine.search_alike(TableEncoder().encode_texts(["狗"]).pooled)
    assert asked == [share] * len(asked)
    assert len(asked) >= 2


def test_a_search_for_words_alone_opens_no_index_over_vectors(library, monkeypatch):
    put(library, "v", title="小狗", clips=[clip(0, 8000, 0)])
    opened = []
    state = VectorIndex.state
    monkeypatch.setattr(VectorIndex, "state", lambda *args, **facts: opened.append(1) or state(*args, **facts))
    titles = SearchSettings(channels=frozenset({"title"}))
    for words in (SearchEngine(library), SearchEngine(library, encoder=TableEncoder(), settings=titles)):
        assert (names(words.search("小狗").hits), opened) == (["v"], [])
    assert names(SearchEngine(library, encoder=TableEncoder()).search("小狗").hits) == ["v"]
    assert opened
