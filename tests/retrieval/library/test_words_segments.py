"""Rows in segments are found, ranked, filtered, counted and deleted as rows in the FTS5 table are."""

from __future__ import annotations

import math
import random
import sqlite3
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest
from library_samples import put_lines as put
from library_samples import random_lines

from retrieval.errors import LibraryError
from retrieval.library import Library, postings, word_checks, words
from retrieval.text import is_pair, ngrams


@pytest.fixture
def library(tmp_path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Library]:
    monkeypatch.setattr(words, "MOST_FRESH", 50)
    postings.forget()
    with Library.open(tmp_path / "library", write=True, create=True) as library:
        yield library


def made(seed: int, count: int) -> list[str]:
    return random_lines(seed, count, shortest=3, endings=["", "", " iphone15", " 2024", "，"])


def holds(text: str, query: str) -> bool:
    tokens = ngrams(text)
    return any(
        token in tokens or (len(token) > 1 and token.isascii() and any(t.startswith(token) for t in tokens))
        for token in ngrams(query)
    )


def texts_of(library: Library, query: str, **options) -> list[str]:  # type: ignore[no-untyped-def]
    return [hit.text for hit in library_search(library, query, **options)]


def library_search(library: Library, query: str, *, limit: int = 10_000, selected=None):  # type: ignore[no-untyped-def]
    with library._database.reading() as db:
        return words.search(db, "asr", query, limit=limit, selected=selected)


def fresh_rows(library: Library) -> int:
    with library._database.reading() as db:
        return words._fresh_rows(db, "asr")


QUERIES = ["的", "狗", "我们", "狗猫", "中国人", "书山水火", "的一是", "iphone", "20", "20 狗", "iphone15的", "龙", "，"]


@pytest.mark.parametrize("query", QUERIES)
def test_every_row_that_holds_a_token_is_found_before_and_after_it_moves(library: Library, query: str) -> None:
    every = []
    for video in range(6):
        texts = made(video, 30)
        put(library, video, texts)
        every += texts
        assert sorted(texts_of(library, query)) == sorted(text for text in every if holds(text, query))
    assert fresh_rows(library) < 50


def plain_score(text: str, query: str, *, frequency: dict[str, int], rows: int, mean: float) -> float:
    """BM25 (k1 = 1.2, b = 0.75) term by term, where a second occurrence counts and a longer word counts half."""
    held = Counter(ngrams(text))
    total = 0.0
    for token in dict.fromkeys(ngrams(query)):
        inverse = max(math.log((rows - frequency[token] + 0.5) / (frequency[token] + 0.5)), 1e-6)
        longer = sum(t.startswith(token) and t != token for t in held) if token.isascii() and len(token) > 1 else 0
        times = (held[token] > 0) + 0.375 * (held[token] > 1) + 0.5 * longer
        total += (0.5 if is_pair(token) else 1.0) * inverse * times
    return total * 2.2 / (1 + 1.2 * (0.25 + 0.75 * sum(held.values()) / mean))


@pytest.mark.parametrize("query", QUERIES)
def test_the_order_is_that_of_a_plain_sum_over_every_row(library: Library, query: str) -> None:
    texts = made(1, 500)
    put(library, 0, texts)
    assert fresh_rows(library) == 0
    mean = sum(len(ngrams(text)) for text in texts) / len(texts)
    frequency = {token: sum(token in ngrams(text) for text in texts) for token in ngrams(query)}
    plain = [plain_score(text, query, frequency=frequency, rows=len(texts), mean=mean) for text in texts]
    for limit in (1, 10, 100, 1000):
        wanted = sorted((score for score in plain if score > 0), reverse=True)[:limit]
        assert [hit.score for hit in library_search(library, query, limit=limit)] == pytest.approx(wanted, rel=1e-4)


def test_a_row_counts_once_and_no_longer_when_it_is_removed(library: Library) -> None:
    put(library, 0, ["狗狗狗", "小狗 dog", "猫", "，"] * 15)
    put(library, 1, ["狗"] * 3)
    assert library.document_frequency("asr", ["狗", "dog", "do"]) == (63, {"狗": 33, "dog": 15, "do": 0})
    library.remove("/v/0.mp4")
    assert library.document_frequency("asr", ["狗", "dog", "do"]) == (3, {"狗": 3, "dog": 0, "do": 0})
    assert texts_of(library, "狗") == ["狗"] * 3
    assert texts_of(library, "猫") == []
    assert library.check() == []


def test_random_changes_leave_what_a_list_of_rows_would(library: Library) -> None:
    generator = random.Random(3)
    rows: dict[int, list[str]] = {}
    for step in range(60):
        video = generator.randrange(12)
        if video in rows and generator.random() < 0.4:
            library.remove(f"/v/{video}.mp4")
            del rows[video]
        else:
            rows[video] = made(step, generator.randint(1, 40))
            put(library, video, rows[video])
        query = generator.choice(QUERIES)
        wanted = sorted(text for texts in rows.values() for text in texts if holds(text, query))
        assert sorted(texts_of(library, query)) == wanted
    assert library.check() == []
    assert library.document_frequency("asr", [])[0] == sum(map(len, rows.values()))


def test_a_filter_fills_the_limit_from_the_videos_it_leaves(library: Library) -> None:
    for video in range(40):
        put(library, video, made(video, 8))
    selected = np.zeros(30, np.bool_)
    selected[[3, 29]] = True            # numbers of videos; the newest stand beyond its end
    allowed = {f"{2:064x}", f"{28:064x}"}
    hits = library_search(library, "的一是我", limit=12, selected=selected)
    assert len(hits) == 12
    assert {hit.video_id for hit in hits} == allowed
    assert library_search(library, "的", selected=np.zeros(0, np.bool_)) == []


def test_a_changed_byte_of_a_segment_is_told(library: Library) -> None:
    put(library, 0, made(0, 60))
    assert library.check() == []
    for sql in (
        "UPDATE word_lists SET places = CAST(x'fe00' || substr(places, 3) AS BLOB) WHERE token = '猫'",
        "UPDATE word_lists SET rows = rows + 1 WHERE token = '猫'",
        "UPDATE word_arrays SET videos = CAST(x'ffffffff' || substr(videos, 5) AS BLOB)",
        "DELETE FROM word_lists WHERE token = '狗'",
    ):
        with library._database.writing() as db:
            db.execute(sql)
        with library._database.reading() as db:
            assert [problem.where for problem in word_checks.problems(db)] == ["words_asr"], sql
        library.rebuild_words()
        with library._database.reading() as db:
            assert list(word_checks.problems(db)) == []


def test_an_index_that_cannot_be_read_is_a_sentence(library: Library) -> None:
    put(library, 0, made(0, 60))
    with library._database.writing() as db:
        db.execute("UPDATE word_arrays SET lengths = x'00'")
    postings.forget()
    with pytest.raises(LibraryError, match="wenshi library check"):
        library.search_words("asr", "狗", limit=5)


def test_a_library_without_segments_is_read_as_it_is(library: Library) -> None:
    put(library, 0, ["小狗"])
    with library._database.writing() as db:
        db.execute("DROP TABLE IF EXISTS word_parts")
    assert [hit.text for hit in library.search_words("asr", "狗", limit=5)] == ["小狗"]
    assert library.document_frequency("asr", ["狗"]) == (1, {"狗": 1})


def test_an_interrupted_rebuild_changes_nothing(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    put(library, 0, made(0, 60))
    before = library_search(library, "的狗")

    def fail(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(postings, "add_segment", fail)
    with pytest.raises(LibraryError, match="the disk is full"):
        library.rebuild_words()
    assert library_search(library, "的狗") == before
