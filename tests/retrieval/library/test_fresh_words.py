"""Fresh rows of the word index in memory answer as the FTS5 table of the same rows does, and follow every change."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from library_samples import ALPHABET, random_lines
from library_samples import put_lines as put

from retrieval.library import Library, fresh_words, postings, words
from retrieval.library.fresh_words import FreshWords
from retrieval.library.video_names import VideoNames
from retrieval.text import fold, ngrams

QUERIES = ["的", "狗", "我们", "狗猫", "中国人", "书山水火的", "iphone", "ipho", "20", "20 狗", "iphone15的", "龙", "，"]


@pytest.fixture
def library(tmp_path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Library]:
    monkeypatch.setattr(words, "MOST_FRESH", 60)
    monkeypatch.setattr(fresh_words, "_FEW_ASKINGS", 0)
    postings.forget()
    with Library.open(tmp_path / "library", write=True, create=True) as library:
        yield library


def made(seed: int, count: int) -> list[str]:
    """Lines with words of which some are in those of every seed, and one is in those of this seed alone."""
    endings = ["", "", " iphone15 iphones", " 2024", "，", " iphone", f" iphone{seed}x"]
    return random_lines(seed, count, shortest=1, endings=endings)


def assert_as_fts5(library: Library, fresh: FreshWords) -> None:
    with library._database.reading() as db:
        some = np.random.default_rng(0).random(200) < 0.5
        for query in QUERIES:
            for selected in (None, some):
                for limit in (3, 1000):
                    found, wanted = (
                        words.search(db, "asr", query, limit=limit, selected=selected, fresh=one) for one in (fresh, None)
                    )
                    assert found == wanted
            counted, wanted_counts = (words.document_frequency(db, "asr", ngrams(query), fresh=one) for one in (fresh, None))
            assert counted == wanted_counts
            if set(query) <= set(ALPHABET + "龙"):
                held = any(fold(query) in fold(text) for (text,) in db.execute("SELECT text FROM evidence WHERE kind = 'asr'"))
                assert [words.holds(db, "asr", [fold(query)], fresh=one) for one in (fresh, None)] == [held, held]


def test_the_same_rows_scores_and_counts_come_out_of_memory_through_every_change(library: Library) -> None:
    fresh = FreshWords()
    for number in range(8):         # the third and the sixth make segments, and leave few or no fresh rows
        put(library, number, made(number, 25))
        assert_as_fts5(library, fresh)
    for number in (7, 0):
        library.remove(f"/v/{number}.mp4")
        assert_as_fts5(library, fresh)


def test_a_view_of_an_earlier_state_stays_as_it_was(library: Library) -> None:
    fresh = FreshWords()
    put(library, 1, ["狗和猫"])
    with library._database.reading() as db:
        before = fresh.of(db, "asr")
        put(library, 2, ["狗和书"])
        with library._database.reading() as later:
            after = fresh.of(later, "asr")
        assert before is not None
        assert after is not None
        assert (before.count("狗"), after.count("狗")) == (1, 2)
        again = fresh.of(db, "asr")
        assert again is not None
        assert again.count("书") == 0


def test_the_first_questions_and_a_large_table_are_left_to_fts5(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    put(library, 1, ["狗和猫", "书"])
    monkeypatch.setattr(fresh_words, "_FEW_ASKINGS", 1)
    fresh = FreshWords()
    with library._database.reading() as db:
        assert [fresh.of(db, "asr") is None for _ in range(3)] == [True, False, False]
        monkeypatch.setattr(fresh_words, "MOST_ROWS", 1)
        monkeypatch.setattr(fresh_words, "_FEW_ASKINGS", 0)
        assert FreshWords().of(db, "asr") is None


def test_names_and_rows_in_memory_are_those_of_the_library_that_is_open_now(library: Library, tmp_path) -> None:
    names, fresh = VideoNames(), FreshWords()
    put(library, 1, ["狗"])
    with Library.open(tmp_path / "other", write=True, create=True) as other:
        put(other, 2, ["猫"])
        for one, number, text in ((library, 1, "狗"), (other, 2, "猫"), (library, 1, "狗")):
            with one._database.reading() as db:
                assert names.of(db, [1, 99]) == {1: f"{number:064x}"}
                rows = fresh.of(db, "asr")
                assert rows is not None
                assert (rows.count("狗"), rows.count("猫")) == ((1, 0) if text == "狗" else (0, 1))
