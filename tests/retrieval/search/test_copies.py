"""Copies of a video stand with the best of them; what is only alike stands for itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from retrieval.library import Library
from retrieval.search import SearchEngine, SearchSettings
from retrieval.search.likeness import CopyDetector
from tests.retrieval.search.test_engine import TableEncoder, axis, clip, names, put


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with Library.open(tmp_path / "library", write=True, create=True) as library:
        yield library


def searched(library: Library, text: str = "狗", *, count: int = 10, collapse: bool = True):
    engine = SearchEngine(library, encoder=TableEncoder(), settings=SearchSettings(diversity=0, collapse=collapse))
    return engine.search(text, count=count).hits


def reencoded(tilt: float):
    """Pictures a little off those of the original, as a re-encoding has them."""
    return [clip(0, 8000, 0, tilts=(tilt, tilt))]


def test_copies_stand_with_the_best_of_them_and_say_what_and_where_they_are(library):
    put(library, "original", title="小狗追球", clips=reencoded(0.0))
    copy = put(library, "copy", title="搬运", clips=reencoded(0.05), duration_ms=60_040)
    put(library, "worse", clips=reencoded(0.1))
    put(library, "other", clips=[clip(0, 8000, 0, tilts=(0.9, 0.9))])
    original, other = searched(library)
    assert names([original, other]) == ["original", "other"]
    assert [(one.title, Path(one.path).name) for one in original.copies] == [("搬运", "copy.mp4"), ("", "worse.mp4")]
    assert original.copies[0].video_id == copy
    assert original.to_json()["copies"][0] == {"video": copy, "path": "/v/copy.mp4", "title": "搬运"}
    assert other.copies == ()


def test_all_are_shown_apart_where_that_is_asked_for(library):
    for name, tilt in (("original", 0.0), ("copy", 0.05)):
        put(library, name, clips=reencoded(tilt))
    hits = searched(library, collapse=False)
    assert names(hits) == ["original", "copy"]
    assert all(hit.copies == () for hit in hits)


def test_a_false_friend_stands_for_itself(library):
    """The same pictures in a video of another length, an excerpt, the same words without pictures, and a scene in common."""
    put(library, "original", title="小狗追球", clips=reencoded(0.0))
    put(library, "longer", title="小狗追球", clips=reencoded(0.05), duration_ms=61_000)
    put(library, "named alike", title="小狗追球")
    put(library, "named alike too", title="小狗追球")
    put(library, "same intro", clips=[clip(0, 8000, 0), clip(8000, 60_000, 1)])
    put(library, "alike", clips=reencoded(0.4))
    hits = searched(library)
    assert len(hits) == 6
    assert all(hit.copies == () for hit in hits)


def test_as_many_videos_are_shown_as_were_asked_for_however_many_copies_one_has(library):
    for number in range(90):
        put(library, f"copy {number}", clips=reencoded(0.01))
    for number in range(3):
        put(library, f"other {number}", clips=[clip(0, 8000, 0, tilts=(0.6, 0.6))], duration_ms=1000 * (number + 1))
    first, *others = searched(library, count=3)
    assert len(first.copies) == 89
    assert all(name.startswith("other") for name in names(others))
    assert len(others) == 2


def test_so_many_are_shown_also_where_some_are_left_out_for_a_word(library):
    put(library, "left out", title="猫", clips=reencoded(0.0), duration_ms=1000)
    for number in range(90):
        put(library, f"copy {number}", clips=reencoded(0.01))
    put(library, "other", clips=[clip(0, 8000, 0, tilts=(0.6, 0.6))])
    engine = SearchEngine(library, encoder=TableEncoder(), settings=SearchSettings(diversity=0, recall=1))
    assert [len(hit.copies) for hit in engine.search("狗，不要猫", count=2).hits] == [89, 0]


def test_a_copy_more_is_not_compared_with_all_others(library, monkeypatch):
    for number in range(60):
        put(library, f"copy {number}", clips=reencoded(0.01))
    put(library, "other", clips=[clip(0, 8000, 0, tilts=(0.6, 0.6))])
    compared = set()
    likenesses = CopyDetector._by_pictures
    monkeypatch.setattr(
        CopyDetector, "_by_pictures", lambda self, video_id: compared.add(video_id) or likenesses(self, video_id)
    )
    assert [len(hit.copies) for hit in searched(library, count=2)] == [59, 0]
    assert len(compared) <= 2


def test_what_looks_like_a_picture_is_folded_too(library):
    for number in range(60):
        put(library, f"copy {number}", clips=reencoded(0.01))
    put(library, "other", clips=[clip(0, 8000, 0, tilts=(0.9, 0.9))])
    hits = SearchEngine(library).search_alike(axis(0)[None], count=2).hits
    assert [len(hit.copies) for hit in hits] == [59, 0]


def test_a_library_without_copies_is_asked_nothing_more(library, monkeypatch):
    for number in range(3):
        put(library, str(number), clips=[clip(0, 8000, number)])
    monkeypatch.setattr(Library, "durations", lambda *_: pytest.fail("durations were read"))
    assert len(searched(library)) == 3
