"""Whether the word index holds exactly what the rows of evidence say: tokens, places, lengths and sums."""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator

from retrieval.library import postings, words
from retrieval.library.rows import Problem
from retrieval.records import EVIDENCE_KINDS, EvidenceKind
from retrieval.text import ngrams

_REBUILD = "run `wenshi library rebuild`"
_COLUMNS = ("unigrams", "bigrams")
_SUMS = 1                               # the row of an FTS5 table's data that holds how many rows and tokens there are


def problems(db: sqlite3.Connection) -> Iterator[Problem]:
    """Everything in the index that differs from the rows, in both directions."""
    if not words.is_current(db):
        what = "the word index was made by another version of Wenshi"
        yield Problem(what=what, where="library.sqlite", how_to_mend=_REBUILD)
        return
    for kind in EVIDENCE_KINDS:
        try:
            found = list(_of_kind(db, kind))
        except (sqlite3.Error, TypeError, ValueError, OverflowError) as error:
            found = [f"the word index is damaged ({error})"]
        for what in found:
            yield Problem(what=what, where=f"words_{kind}", how_to_mend=_REBUILD)
    for what in postings.contradictions(db):
        yield Problem(what=what, where="table word_parts", how_to_mend=_REBUILD)


def _of_kind(db: sqlite3.Connection, kind: EvidenceKind) -> Iterator[str]:
    wrong = _wrong_rows(db, kind)
    if wrong:
        some = ", ".join(map(str, sorted(wrong)[:5]))
        yield f"the word index differs from {len(wrong)} rows of evidence ({some})"
    if not _sums_are_right(db, kind):
        yield "the word index counts its rows or tokens wrongly"
    lost = _terms_not_found(db, kind)
    if lost:
        yield f"the word index does not find {len(lost)} of its words ({', '.join(sorted(lost)[:5])})"


def _wrong_rows(db: sqlite3.Connection, kind: EvidenceKind) -> set[int]:
    """Row numbers that are in one of evidence and index only, or with other tokens. One pass over each."""
    indexed: dict[int, int] = defaultdict(int)
    for number, sizes in db.execute(f"SELECT id, sz FROM words_{kind}_docsize"):
        indexed[number] = hash(tuple(_varints(sizes)))
    for found in db.execute(f"SELECT doc, term, col, offset FROM instances_{kind}"):
        indexed[found[0]] += hash(found[1:])        # a sum, because an index has no order of its own
    for key, numbers in postings.listed(db, kind):
        for number in numbers.tolist():
            indexed[number] += hash(key)
    last = postings.last_id(db, kind)
    wrong = set(indexed)
    for number, text in db.execute("SELECT id, text FROM evidence WHERE kind = ?", [kind]):
        in_segment = number <= last     # where a row without a token leaves no trace
        known = number in wrong or in_segment
        if known and indexed.get(number, 0) == _expected(text, in_segment=in_segment):
            wrong.discard(number)
        else:
            wrong.add(number)
    return wrong


def _expected(text: str, *, in_segment: bool) -> int:
    """The sum of what the index should hold of a row."""
    if in_segment:
        return sum(map(hash, postings.keys(ngrams(text))))
    columns = [column.split(" ") if column else [] for column in words.columns(text)]
    total = hash(tuple(map(len, columns)))
    for name, terms in zip(_COLUMNS, columns, strict=True):
        total += sum(hash((term, name, place)) for place, term in enumerate(terms))
    return total


def _sums_are_right(db: sqlite3.Connection, kind: EvidenceKind) -> bool:
    """Whether the numbers that BM25 starts from are those of the rows."""
    rows = [_varints(sizes) for (sizes,) in db.execute(f"SELECT sz FROM words_{kind}_docsize")]
    wanted = [len(rows), *(sum(row[place] for row in rows) for place in range(len(_COLUMNS)))]
    stored = db.execute(f"SELECT block FROM words_{kind}_data WHERE id = {_SUMS}").fetchone()
    found = _varints(stored[0]) if stored is not None else []
    return found == wanted or (not found and not rows)


def _terms_not_found(db: sqlite3.Connection, kind: EvidenceKind) -> set[str]:
    """Terms that a full pass meets, and a search by the term does not, or in another number of rows."""
    met: Counter[str] = Counter()
    for term, number in db.execute(f"SELECT term, doc FROM vocabulary_{kind}"):
        met[term] = number
    by_name = f"SELECT doc FROM vocabulary_{kind} WHERE term = ?"
    return {term for term, number in met.items() if db.execute(by_name, [term]).fetchone() != (number,)}


def _varints(block: bytes) -> list[int]:
    """The numbers of a block of SQLite's varints: 7 bits a byte, high ones first."""
    numbers, number = [], 0
    for byte in block:
        number = number << 7 | byte & 127
        if byte < 128:
            numbers.append(number)
            number = 0
    if block and block[-1] >= 128:
        raise ValueError("a number has no end")
    return numbers
