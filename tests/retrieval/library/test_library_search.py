"""Searching words and vectors in a library."""

from __future__ import annotations

import math
import re
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from library_samples import DIMENSION, clips, evidence, put, unit, video_id

import retrieval.text as text_module
from retrieval.library import Library, words
from retrieval.library.words import token_version
from retrieval.records import Clip
from retrieval.text import _folding, folding_version, ngrams


def put_texts(library: Library, texts: list[str], kind: str = "asr") -> None:
    for number, text in enumerate(texts):
        put(library, number, evidence=[evidence(kind, text)], clips=[], generation=None)  # type: ignore[arg-type]


def found(library: Library, query: str, kind: str = "asr") -> list[str]:
    return [hit.text for hit in library.search_words(kind, query, limit=50)]  # type: ignore[arg-type]


def test_chinese_is_found_by_any_part_in_either_script(library: Library) -> None:
    put_texts(library, ["一只小狗在雪地里追球", "小貓睡在沙發上", "今天的新闻"])
    assert found(library, "小狗") == ["一只小狗在雪地里追球", "小貓睡在沙發上"]
    assert found(library, "雪") == ["一只小狗在雪地里追球"]
    assert found(library, "猫") == found(library, "貓") == ["小貓睡在沙發上"]
    assert found(library, "新聞") == ["今天的新闻"]
    assert found(library, "飞机") == []


def test_the_better_match_comes_first_and_scores_fall(library: Library) -> None:
    put_texts(library, ["追球", "球在追赶别人", "狗追球", "天气很好", "下雨了"])
    hits = library.search_words("asr", "狗追球", limit=10)
    assert [hit.text for hit in hits] == ["狗追球", "追球", "球在追赶别人"]
    scores = [hit.score for hit in hits]
    assert scores == sorted(scores, reverse=True)
    assert scores[-1] > 0
    assert len(library.search_words("asr", "狗追球", limit=2)) == 2
    assert library.search_words("asr", "狗追球", limit=0) == []


def test_the_score_is_bm25_with_half_weight_for_pairs(library: Library) -> None:
    texts = ["狗追球", "狗在家里", "今天下雨", "明天天晴", "后天多云"]
    put_texts(library, texts)
    lengths = [sum(map(len, map(str.split, words.columns(text)))) for text in texts]
    mean, k1, b = sum(lengths) / len(lengths), 1.2, 0.75

    def term(row: int, frequency: float, document_count: int) -> float:
        inverse = math.log((len(texts) - document_count + 0.5) / (document_count + 0.5))
        return inverse * frequency * (k1 + 1) / (frequency + k1 * (1 - b + b * lengths[row] / mean))

    expected = term(0, 1.0, 2) + term(0, 1.0, 1) + term(0, 0.5, 1)
    assert library.search_words("asr", "狗追", limit=1)[0].score == pytest.approx(expected, rel=1e-6)


def test_latin_words_match_in_any_case_and_as_a_beginning(library: Library) -> None:
    put_texts(library, ["iPhone15 Pro 开箱", "IPHONE 发布会", "ipad", "天气", "下雨"])
    assert sorted(found(library, "iphone")) == ["IPHONE 发布会", "iPhone15 Pro 开箱"]
    assert sorted(found(library, "ipho")) == ["IPHONE 发布会", "iPhone15 Pro 开箱"]
    assert found(library, "15") == ["iPhone15 Pro 开箱"]
    assert found(library, "i") == []
    assert found(library, "ＩＰＡＤ") == ["ipad"]


def test_a_whole_word_comes_before_a_longer_one(library: Library) -> None:
    put_texts(library, ["cats", "cat", "dog", "cow", "hen"])
    assert found(library, "cat") == ["cat", "cats"]


def test_each_kind_is_searched_alone(library: Library) -> None:
    put_texts(library, ["狗"], kind="title")
    put(library, "x", evidence=[evidence("ocr", "狗")], clips=[], generation=None)
    assert [hit.kind for hit in library.search_words("title", "狗", limit=9)] == ["title"]
    assert [hit.kind for hit in library.search_words("ocr", "狗", limit=9)] == ["ocr"]
    assert found(library, "狗", "subtitle") == []


@pytest.mark.parametrize(
    "query", ["", "   ", "，。！", '"', "*", "AND", "NEAR(", '") OR rowid:*', "a'b", "col:x", "-", "\0", "\ud800"]
)
def test_no_query_is_a_syntax_error(library: Library, query: str) -> None:
    put_texts(library, ["狗 and 猫"])
    assert isinstance(found(library, query), list)
    if not ngrams(query):
        assert found(library, query) == []


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(min_size=1, max_size=40))
def test_any_text_is_found_by_its_own_tokens(library: Library, text: str) -> None:
    put(library, "text", evidence=[evidence("asr", text)], clips=[], generation=None)
    hits = found(library, text)
    assert bool(hits) == bool(ngrams(text))
    library.remove(video_id("text"))
    assert found(library, text) == []
    assert library.check() == []


def test_signs_are_found_as_they_are(library: Library) -> None:
    put_texts(library, ["好吃🍜", "开心🐶", "天气", "下雨", "刮风"])
    assert found(library, "🐶") == ["开心🐶"]


def test_a_page_of_text_is_a_query_too(library: Library) -> None:
    put_texts(library, ["一只小狗"])
    page = "小狗" + "".join(map(chr, range(0x4E00, 0x4E00 + 5000)))
    assert found(library, page) == ["一只小狗"]
    assert words.match_expression(page).count(" OR ") < 2 * words.LONGEST_QUERY


def test_document_frequency_counts_rows_and_not_occurrences(library: Library) -> None:
    put_texts(library, ["狗狗狗", "小狗 dog", "猫", "，"])
    rows, counts = library.document_frequency("asr", ["狗", "小狗", "dog", "do", "龙"])
    assert (rows, counts) == (4, {"狗": 2, "小狗": 1, "dog": 1, "do": 0, "龙": 0})
    assert library.document_frequency("ocr", ["狗"]) == (0, {"狗": 0})


def test_the_word_index_can_be_made_again(library: Library) -> None:
    put_texts(library, ["小狗", "小猫"])
    before = library.search_words("asr", "小狗", limit=9)
    with library._database.writing() as db:
        db.execute("INSERT INTO words_asr (words_asr) VALUES ('delete-all')")
    assert found(library, "小狗") == []
    assert [problem.where for problem in library.check()] == ["words_asr"]
    library.rebuild_words()
    library.rebuild_words()
    assert library.search_words("asr", "小狗", limit=9) == before
    assert library.check() == []


def make_words_old(directory: Path) -> None:
    """As an earlier version would have left it: other tokens, and its own token version."""
    with Library.open(directory, write=True, create=True) as library:
        put_texts(library, ["小狗"])
        with library._database.writing() as db:
            db.execute("INSERT INTO words_asr (words_asr) VALUES ('delete-all')")
            db.execute("UPDATE settings SET value = 'old' WHERE key = 'token_version'")


def test_words_made_with_other_tokens_are_made_again_by_a_writer_only(tmp_path: Path) -> None:
    make_words_old(tmp_path)
    with Library.open(tmp_path) as reader:
        assert reader.status().stale_words
        assert found(reader, "小狗") == []
        assert [problem.where for problem in reader.check()] == ["library.sqlite"]
    with Library.open(tmp_path, write=True) as library:
        assert not library.status().stale_words
        assert found(library, "小狗") == ["小狗"]
        assert library.check() == []


def test_the_token_version_changes_with_every_character_and_pattern(monkeypatch: pytest.MonkeyPatch) -> None:
    def version() -> str:
        folding_version.cache_clear()
        token_version.cache_clear()
        return token_version()

    told = [version()]
    assert version() == told[0]
    for name, value in [
        ("_folding", lambda: {**_folding(), 0x2A6C8: "x"}),       # far outside the common characters
        ("_LETTERS_OR_DIGITS", re.compile(r"\d+|[^\W\d]+")),
        ("_RUN", re.compile(text_module._RUN.pattern.replace("\ud7af", "\ud7a3"))),
    ]:
        with monkeypatch.context() as patch:
            patch.setattr(text_module, name, value)
            told.append(version())
    assert len(set(told)) == 4
    assert version() == told[0]


def test_clips_are_ranked_by_exact_cosine(library: Library) -> None:
    told = {name: clips(4, seed=seed) for seed, name in enumerate("abcde")}
    for name, some in told.items():
        put(library, name, clips=some)
    query = unit(DIMENSION, seed=99) * 3
    everything = [(float(c.vector @ query / 3), video_id(n), c.start_ms) for n, some in told.items() for c in some]
    expected = sorted(everything, reverse=True)[:7]
    hits = library.search_clips(query, limit=7)
    assert [(hit.video_id, hit.start_ms) for hit in hits] == [(number, start) for _, number, start in expected]
    np.testing.assert_allclose([hit.score for hit in hits], [score for score, _, _ in expected], atol=1e-3)
    assert len(library.search_clips(query, limit=10_000)) == 20
    assert {hit.keyframe_ms - hit.start_ms for hit in hits} == {2000}


def test_a_library_without_vectors_has_no_nearest_clip(library: Library) -> None:
    put(library, "a", clips=[Clip(start_ms=0, end_ms=9, keyframe_ms=3, frame_times_ms=(0,))], generation=None)
    assert library.generation() is None
    assert library.search_clips(unit(DIMENSION), limit=5) == []
    assert library.clip_vectors([video_id("a")]) == {}
    assert library.frame_vectors([library.clips(video_id("a"))[0].id]) == {}


@pytest.mark.parametrize(
    "query", [unit(DIMENSION + 1), np.zeros(DIMENSION), np.full(DIMENSION, np.nan), unit(1, DIMENSION)]
)
def test_a_query_vector_that_cannot_be_compared_is_refused(library: Library, query: np.ndarray) -> None:
    put(library, "a")
    with pytest.raises(ValueError, match="the query"):
        library.search_clips(query, limit=5)


def test_an_open_reader_notices_what_a_writer_commits(library: Library) -> None:
    with Library.open(library.directory) as reader:
        assert reader.search_clips(unit(DIMENSION), limit=9) == []
        for name in "abc":
            put(library, name, clips=clips(2, seed=ord(name)))
        assert len(reader.search_clips(unit(DIMENSION), limit=9)) == 6
        library.remove(video_id("b"))
        assert {hit.video_id for hit in reader.search_clips(unit(DIMENSION), limit=9)} == {video_id("a"), video_id("c")}
        fresh = clips(2, seed=77)
        put(library, "a", clips=fresh)
        best = reader.search_clips(fresh[1].vector, limit=1)[0]
        assert (best.video_id, best.start_ms, best.score) == (video_id("a"), 5000, pytest.approx(1.0, abs=1e-3))
        library.remove(video_id("a"))
        put(library, "d", clips=clips(2, seed=4))
        assert {hit.video_id for hit in reader.search_clips(unit(DIMENSION), limit=9)} == {video_id("c"), video_id("d")}
        assert found(reader, "标题", "title") == ["标题 c", "标题 d"]


def test_threads_read_while_another_writes(library: Library) -> None:
    errors: list[BaseException] = []
    stop = threading.Event()

    def read() -> None:
        try:
            while not stop.is_set():
                hits = library.search_clips(unit(DIMENSION), limit=20)
                library.frame_vectors([hit.clip_id for hit in hits])
                library.search_words("title", "标题", limit=20)
                status = library.status()
                assert status.clips == 2 * status.videos == 2 * status.evidence["title"]
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for i in range(120):
        put(library, i % 30)
        if i % 3 == 0:
            library.remove(video_id(i % 30))
    stop.set()
    for thread in threads:
        thread.join(30)
    assert errors == []
