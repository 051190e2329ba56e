"""Every stored text that holds a query is found by it, whatever script, width or alphabet it is written in."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from retrieval.library import Library
from retrieval.records import Evidence, EvidenceKind, Location, Video
from retrieval.search import SearchEngine
from retrieval.text import fold
from tests.lexical_rows import INVENTED_NAMES
from tests.lexical_suite import (
    LABELS,
    Label,
    LexicalQuery,
    is_dictionary_word,
    lexical_queries,
    lexical_rows,
    right_answers,
)

KINDS: tuple[EvidenceKind, ...] = ("title", "subtitle", "ocr")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """One video a row, as `Library.put` takes it: titles belong to the path, all else to the content."""
    directory: Path = tmp_path_factory.mktemp("lexical")
    with Library.open(directory / "library", write=True, create=True) as library:
        for index, row in enumerate(lexical_rows()):
            text = Evidence(kind=row.kind, text=row.text, start_ms=0, end_ms=4000, source="test")
            library.put(
                _video(index), Location(path=f"/videos/{index}.mp4", size_bytes=1, modified_ns=index),
                evidence=[] if row.kind == "title" else [text], location_evidence=[text] if row.kind == "title" else [],
                clips=[], generation=None, examined={},
            )  # fmt: skip
        yield library


def _video(index: int) -> Video:
    return Video(
        id=hashlib.sha256(str(index).encode()).hexdigest(), size_bytes=1, duration_ms=4000, width=320, height=180,
        frames_per_second=25.0, container="mp4", codec="h264", has_audio=False,
    )  # fmt: skip


def found(library: Library, query: LexicalQuery, *, limit: int) -> dict[EvidenceKind, list[int]]:
    """The rows that the library answers with, best first, for each kind of text."""
    numbers = {_video(index).id: index for index in range(len(lexical_rows()))}
    return {
        kind: [numbers[hit.video_id] for hit in library.search_words(kind, query.text, limit=limit)] for kind in KINDS
    }


def test_the_suite_is_as_large_and_as_varied_as_it_claims() -> None:
    counts = Counter(query.label for query in lexical_queries())
    assert len(lexical_rows()) >= 120
    assert len(lexical_queries()) >= 300
    assert set(counts) == set(LABELS)
    assert min(counts.values()) >= 15, counts
    assert len({row.text for row in lexical_rows()}) == len(lexical_rows())
    assert len({query.text for query in lexical_queries()}) == len(lexical_queries())


def test_every_query_has_the_row_it_was_made_from_among_its_targets() -> None:
    """Also says that folding undoes what OpenCC and full-width forms did to the text."""
    lost = [(query.label, query.text) for query in lexical_queries() if query.source not in query.targets]
    assert not lost


def test_targets_are_all_rows_that_hold_the_query_and_no_others() -> None:
    assert right_answers("霁川") == {index for index, row in enumerate(lexical_rows()) if "霁川" in row.text}
    assert len(right_answers("霁川")) == 3
    assert right_answers("不存在的词") == frozenset()
    assert right_answers("古镇 雨巷") == right_answers("雨巷　古镇") != frozenset()
    assert right_answers("ｉＰＨＯＮＥ") == right_answers("iphone") != frozenset()
    assert {lexical_rows()[row].text for row in right_answers("30")} == {"半决赛最后30秒绝杀！", "北京时间 20:30"}


def test_the_suite_is_the_same_on_every_run() -> None:
    before = lexical_queries()
    lexical_queries.cache_clear()
    assert lexical_queries() == before


def test_words_are_in_the_dictionary_and_names_are_not() -> None:
    assert all(is_dictionary_word(query.text) for query in lexical_queries() if query.label == "word")
    assert not [name for name in INVENTED_NAMES if is_dictionary_word(name)]
    assert all(right_answers(name) for name in INVENTED_NAMES)


def test_each_class_holds_what_its_name_says() -> None:
    of_class: dict[Label, list[str]] = defaultdict(list)
    for query in lexical_queries():
        of_class[query.label].append(query.text)
    assert all(len(text) == 1 for text in of_class["character"])
    assert all(any(c.isascii() and c.isalpha() for c in text) for text in of_class["mixed"])
    assert all(any("\u4e00" <= c <= "\u9fff" for c in text) for text in of_class["mixed"])
    assert all(any(c.isdigit() for c in text) for text in of_class["digits"])
    assert sum(fold(text) != text for text in of_class["script"]) > 20, "traditional queries"
    assert sum(fold(text) == text for text in of_class["script"]) > 5, "simplified queries for traditional rows"
    assert sum(any("\uff01" <= c <= "\uff5e" for c in text) for text in of_class["full_width"]) > 20
    assert all(len(text.split()) == 2 for text in of_class["two_words"])


@pytest.mark.parametrize("label", LABELS)
def test_right_answers_come_before_all_others(library: Library, label: Label) -> None:
    """A target behind a row that does not hold the query means that a token was lost and another one saved it."""
    late = {}
    for query in (query for query in lexical_queries() if query.label == label):
        for kind, rows in found(library, query, limit=len(lexical_rows())).items():
            wanted = {row for row in query.targets if lexical_rows()[row].kind == kind}
            if set(rows[: len(wanted)]) != wanted:
                late[query.text] = [lexical_rows()[row].text for row in rows[: len(wanted)]]
    print(f"{label}: {len(late)} queries with a wrong answer before a right one")
    assert not late


@pytest.mark.parametrize("label", LABELS)
def test_every_target_is_found(library: Library, label: Label) -> None:
    queries = [query for query in lexical_queries() if query.label == label]
    everything = len(lexical_rows())
    missed = {}
    for query in queries:
        hits = {row for rows in found(library, query, limit=everything).values() for row in rows}
        if query.targets - hits:
            missed[query.text] = [lexical_rows()[row].text for row in query.targets - hits]
    targets = sum(len(query.targets) for query in queries)
    print(f"{label}: {len(queries)} queries, {targets} targets, {len(missed)} queries with a miss")
    assert not missed


@pytest.mark.parametrize("label", LABELS)
def test_a_search_finds_every_target_and_puts_one_first(library: Library, label: Label) -> None:
    """Through the whole engine: what it admits, fuses and diversifies must not lose a row that holds the query."""
    numbers = {_video(index).id: index for index in range(len(lexical_rows()))}
    engine = SearchEngine(library)
    lost, late = {}, {}
    queries = [query for query in lexical_queries() if query.label == label]
    for query in queries:
        rows = [numbers[hit.video_id] for hit in engine.search(query.text, count=len(lexical_rows())).hits]
        if query.targets - set(rows):
            lost[query.text] = [lexical_rows()[row].text for row in query.targets - set(rows)]
        elif rows[0] not in query.targets:
            late[query.text] = lexical_rows()[rows[0]].text
    print(f"{label}: {len(queries)} queries, {len(lost)} with a lost target, {len(late)} with a wrong answer first")
    assert not lost
    assert not late
