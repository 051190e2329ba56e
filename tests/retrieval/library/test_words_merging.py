"""Small segments of the word index become large ones, and nothing that was findable is lost or comes back."""

from __future__ import annotations

from itertools import pairwise

import pytest
from library_samples import put_lines as put

from retrieval.library import Library, postings, postings_merging, words
from retrieval.library.segments import merging

TEXTS = [f"{'狗猫书山水火'[i % 6]}在{'草地街道海边'[i % 3 * 2 : i % 3 * 2 + 2]}上{i} {'的' * (i % 4)}" for i in range(240)]


@pytest.fixture
def library(tmp_path, monkeypatch):
    monkeypatch.setattr(words, "MOST_FRESH", 20)
    postings.forget()
    with Library.open(tmp_path / "library", write=True, create=True) as library:
        for video in range(24):
            put(library, video, TEXTS[10 * video : 10 * video + 10])
        yield library


def segments(library):
    with library._database.reading() as db:
        return postings.sizes(db, "asr")


def found(library, query):
    return {hit.text for hit in library.search_words("asr", query, limit=1000)}


QUERIES = ("狗", "草地", "狗在草地", "的", "7", "海边上", "没有")


def test_compact_leaves_one_segment_in_which_everything_is_found(library):
    before = {query: found(library, query) for query in QUERIES}
    counts = library.document_frequency("asr", ["狗", "草地", "的"])
    assert len(segments(library)) > 5
    library.compact()
    assert len(segments(library)) == 1
    assert {query: found(library, query) for query in QUERIES} == before
    assert library.document_frequency("asr", ["狗", "草地", "的"]) == counts
    assert library.check() == []


def test_what_was_removed_before_stays_away_and_what_is_removed_after_goes(library):
    library.remove("/v/3.mp4")
    library.compact()
    gone = set(TEXTS[30:40])
    assert not gone & found(library, "狗") | gone & found(library, "草地")
    library.remove("/v/4.mp4")
    gone |= set(TEXTS[40:50])
    assert found(library, "上") == set(TEXTS) - gone
    assert library.check() == []


def test_only_neighbours_that_fit_into_one_segment_are_merged(library, monkeypatch):
    monkeypatch.setattr(postings_merging, "ROWS_OF_SEGMENT", 60)
    library.compact()
    places = [size for _, size, _ in segments(library)]
    assert all(size <= 60 for size in places)
    assert all(one + other > 60 for one, other in pairwise(places))
    assert found(library, "上") == set(TEXTS)


def test_a_merge_that_is_interrupted_changes_nothing(library, monkeypatch):
    before, listed = segments(library), {query: found(library, query) for query in QUERIES}

    def full(*args, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(postings, "publish", full)
    with pytest.raises(Exception, match="disk is full"):
        library.compact()
    assert segments(library) == before
    assert {query: found(library, query) for query in QUERIES} == listed


def test_a_writer_merges_by_itself_when_there_are_many(library, monkeypatch):
    monkeypatch.setattr(postings_merging, "MOST_SMALL", 3)
    monkeypatch.setattr(merging, "MOST_FRESH", 10)
    before = len(segments(library))
    for video in range(24, 30):
        put(library, video, [text.replace("狗", "猪") for text in TEXTS[:10]])
    library.close()
    with Library.open(library.directory) as again:
        assert len(segments(again)) < before
        assert found(again, "狗") == {text for text in TEXTS if "狗" in text}
        assert again.check() == []
