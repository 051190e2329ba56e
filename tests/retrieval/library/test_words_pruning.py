"""The best rows of a segment are those of a sum over every row, however many lists are left out on the way."""

from __future__ import annotations

import sqlite3

import numpy as np
import pytest

from retrieval.library import posting_scores
from retrieval.library.posting_lists import PostingList, decode, decode_together, encode
from retrieval.library.posting_scores import Allowed, Term, best_places, together

PLACES = 3000


@pytest.fixture(autouse=True)
def short_lists_are_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting_scores, "_WORTH_A_LOOK", 5)
    monkeypatch.setattr(posting_scores, "_GROWN", 2)


def drawn(random: np.random.Generator, share: float) -> np.ndarray:
    return np.flatnonzero(random.random(PLACES) < share)


def stored(places: np.ndarray) -> PostingList:
    blob = encode(np.zeros(len(places), np.int64), places, lists=1, of=PLACES)[0]
    return decode(blob, rows=len(places), of=PLACES)


def plain(lists, weights, norms, allowed, limit):  # type: ignore[no-untyped-def]
    """Place -> score of the best rows and of all that equal the last of them."""
    sums = np.zeros(PLACES)
    for places, weight in zip(lists, weights, strict=True):
        sums[places] += weight
    scores = {place: sums[place] * norms[place] for place in np.flatnonzero((sums > 0) & allowed).tolist()}
    last = sorted(scores.values(), reverse=True)[:limit]
    return {place: score for place, score in scores.items() if score >= last[-1] * (1 - 1e-6)} if last else {}


@pytest.mark.parametrize("many", [20, posting_scores._MANY], ids=["rows not noted", "rows noted"])
@pytest.mark.parametrize("seed", range(40))
def test_the_best_rows_are_those_of_a_sum_over_every_row(seed: int, many: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting_scores, "_MANY", many)
    random = np.random.default_rng(seed)
    shares = random.choice([0.001, 0.004, 0.02, 0.1, 0.5], random.integers(1, 9))
    lists = [places for share in shares if len(places := drawn(random, share))]
    weights = [float(np.log(PLACES / len(places)) + 1e-6) for places in lists]
    norms = random.choice(np.array([0.5, 1.0, 1.5], np.float32), PLACES)       # few values, so that many scores are equal
    videos = random.integers(0, 50, PLACES).astype(np.uint32)
    dead = random.random(PLACES) < 0.1 if seed % 2 else None
    selected = np.append(random.random(40) < 0.5, False) if seed % 3 == 0 else None
    allowed = np.ones(PLACES, np.bool_) if dead is None else ~dead
    if selected is not None:
        allowed &= selected[np.minimum(videos, 40)]
    limit = int(random.choice([1, 10, 100]))
    wanted = plain(lists, weights, norms, allowed, limit)
    terms = [Term(weight, stored(of_list)) for weight, of_list in zip(weights, lists, strict=True)]
    allowed_rows = Allowed(videos, dead=dead, selected=selected)
    for floor in (0.0, 0.0, 2.0):           # the second time in what the first left of the sums
        places, scores = best_places(terms, norms, greatest_norm=1.5, allowed=allowed_rows, limit=limit, floor=floor)
        above = {place: score for place, score in wanted.items() if score >= floor}
        assert dict(zip(places.tolist(), scores.tolist(), strict=True)) == pytest.approx(above, rel=1e-5)


def test_long_lists_are_not_read_when_no_row_of_theirs_can_be_among_the_best() -> None:
    class Unread(PostingList):
        @property
        def places(self) -> np.ndarray:
            raise AssertionError("a list was read that cannot matter")

    rare, common = stored(np.arange(0, 40)), stored(np.arange(0, PLACES, 2))
    terms = [Term(5.0, rare), Term(0.1, Unread(common.rows, common.sparse, common.bits))]
    anyone = Allowed(np.zeros(PLACES, np.uint32), dead=None, selected=None)
    places, scores = best_places(terms, np.ones(PLACES, np.float32), greatest_norm=1.0, allowed=anyone, limit=10, floor=0.0)
    assert sorted(places.tolist()) == list(range(0, 40, 2))
    assert scores == pytest.approx(5.1)


def test_a_row_in_several_lists_counts_once_for_each() -> None:
    terms = together([stored(np.array([1, 2, 3])), stored(np.array([2, 3])), stored(np.array([3, 9]))], 0.5)
    sums = np.zeros(10)
    for term in terms:
        sums[term.listed.places] += term.weight
    assert sums.tolist() == [0, 0.5, 1.0, 1.5, 0, 0, 0, 0, 0, 0.5]
    assert together([], 0.5) == []


@pytest.mark.parametrize("share", [0.00001, 0.001, 0.05, 0.0625, 0.5, 1.0])
def test_a_list_comes_back_as_it_was_stored(share: float) -> None:
    random, of = np.random.default_rng(1), 200_003
    lists = [np.append(np.flatnonzero(random.random(of - 1) < share), of - 1) for _ in range(3)] + [np.array([70_000])]
    numbers = np.repeat(np.arange(4), [len(places) for places in lists])
    blobs = encode(numbers, np.concatenate(lists), lists=4, of=of)
    rows = [len(places) for places in lists]
    for places, blob, n in zip(lists, blobs, rows, strict=True):
        listed = decode(blob, rows=n, of=of)
        assert listed.places.tolist() == places.tolist()
        asked = random.integers(0, of, 1000).astype(np.uint32)
        assert listed.holds(asked).tolist() == np.isin(asked, places).tolist()
    found, every = decode_together(blobs, rows, of=of)
    assert [every[found == number].tolist() for number in range(4)] == [places.tolist() for places in lists]


def read_alone(blob: bytes, rows: int, of: int) -> object:
    return decode(blob, rows=rows, of=of)


def read_together(blob: bytes, rows: int, of: int) -> object:
    return decode_together([blob], [rows], of=of)


@pytest.mark.parametrize("read", [read_alone, read_together])
@pytest.mark.parametrize("damage", ["cut", "longer", "empty", "other_rows", "chunks", "beyond", "bitmap", "count"])
def test_a_malformed_list_is_told(read, damage: str) -> None:  # type: ignore[no-untyped-def]
    places = np.array([5, 70_000, 70_001])
    blob = encode(np.zeros(3, np.int64), places, lists=1, of=100_000)[0]
    damaged, rows, of = {
        "cut": (blob[:-1], 3, 100_000), "longer": (blob + b"\1\0", 3, 100_000), "empty": (b"", 3, 100_000),
        "other_rows": (blob, 4, 100_000), "chunks": (b"\7\0" + blob[2:], 3, 100_000), "beyond": (blob, 3, 70_001),
        "bitmap": (b"\0\0\xff", 8, 7), "count": (b"\1\0\0\0\2\0\5\0", 1, 100_000),
    }[damage]  # fmt: skip
    with pytest.raises(sqlite3.DatabaseError, match="malformed"):
        read(damaged, rows, of)
