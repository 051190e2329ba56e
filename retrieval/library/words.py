"""The word index: for each kind of evidence an SQLite FTS5 table of tokens made by `retrieval.text.ngrams`.

The tables keep no text (`content=''`), so a row is deleted with the very tokens it was added with: they are made
again from the stored text, and `token_version` tells when that would give other tokens than before.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections import defaultdict
from collections.abc import Collection, Iterable
from functools import lru_cache
from itertools import islice

from retrieval.library.database import select_in
from retrieval.library.rows import WordHit
from retrieval.records import EVIDENCE_KINDS, EvidenceKind
from retrieval.text import folding_version, is_pair, ngrams

UNIGRAM_WEIGHT = 1.0                # measured: better than equal weights on short Chinese texts
BIGRAM_WEIGHT = 0.5                 # a bigram repeats what its two characters already said
LONGEST_QUERY = 256                 # distinct tokens; also keeps FTS5's expression within its limits
_LAYOUT = 1                         # count up when `columns` divides the tokens in another way

Row = tuple[int, EvidenceKind, str]     # evidence id, kind, text


@lru_cache(maxsize=1)
def token_version() -> str:
    """Changes when the same text would give other tokens: other code, patterns, Unicode tables or character mapping."""
    probe = "狗在路上 iPhone15 ＡＢ Straße プール 강아지 2½ 🐶"
    code = zlib.crc32("\n".join(ngrams(probe)).encode("utf-8", "replace"))
    return f"{_LAYOUT}-{folding_version()}-{code:08x}"


def columns(text: str) -> tuple[str, str]:
    """The tokens of a text as the two columns of the index: single characters and words, pairs of characters."""
    tokens = ngrams(text)
    unigrams = (token for token in tokens if not is_pair(token))
    return " ".join(unigrams), " ".join(filter(is_pair, tokens))


def match_expression(text: str) -> str | None:
    """The FTS5 query for any text: each distinct token quoted, joined by OR; None when the text has no token.

    A word of two or more letters or digits also matches as the beginning of a longer one.
    """
    terms = []
    for token in islice(dict.fromkeys(ngrams(text)), LONGEST_QUERY):
        terms.append(f'"{token}"')
        if len(token) >= 2 and not is_pair(token):
            terms.append(f'"{token}"*')
    return " OR ".join(terms) or None


def add_words(db: sqlite3.Connection, rows: Iterable[Row]) -> None:
    """Make rows of evidence findable."""
    for kind, values in _by_kind(rows).items():
        db.executemany(f"INSERT INTO words_{kind} (rowid, unigrams, bigrams) VALUES (?, ?, ?)", values)


def delete_words(db: sqlite3.Connection, rows: Iterable[Row]) -> None:
    """Take rows of evidence, with the text they were added with, out of the index."""
    for kind, values in _by_kind(rows).items():
        command = f"INSERT INTO words_{kind} (words_{kind}, rowid, unigrams, bigrams) VALUES ('delete', ?, ?, ?)"
        db.executemany(command, values)


def rebuild(db: sqlite3.Connection) -> None:
    """Make the whole index again from the rows of evidence, inside the caller's transaction."""
    for kind in EVIDENCE_KINDS:
        db.execute(f"INSERT INTO words_{kind} (words_{kind}) VALUES ('delete-all')")
    cursor = db.execute("SELECT id, kind, text FROM evidence ORDER BY id")
    while rows := cursor.fetchmany(5000):
        add_words(db, rows)
    db.execute("UPDATE settings SET value = ? WHERE key = 'token_version'", [token_version()])


def is_current(db: sqlite3.Connection) -> bool:
    """Whether the index was made with the tokens that this program makes."""
    stored = db.execute("SELECT value FROM settings WHERE key = 'token_version'").fetchone()
    return stored is not None and stored[0] == token_version()


def search(db: sqlite3.Connection, kind: EvidenceKind, text: str, *, limit: int) -> list[WordHit]:
    """The rows of one kind that share a token with `text`, by BM25, best first; equal scores by row number."""
    expression = match_expression(text)
    if expression is None or limit <= 0:
        return []
    ranked = (
        f"SELECT rowid AS id, bm25(words_{kind}, {UNIGRAM_WEIGHT}, {BIGRAM_WEIGHT}) AS cost "
        f"FROM words_{kind} WHERE words_{kind} MATCH ? ORDER BY cost, rowid LIMIT ?"
    )
    found = db.execute(
        "SELECT e.id, v.id, e.kind, e.text, e.start_ms, e.end_ms, e.source, e.confidence, -cost "
        f"FROM ({ranked}) AS hit JOIN evidence e ON e.id = hit.id JOIN videos v ON v.number = e.video "
        "ORDER BY cost, e.id",
        [expression, limit],
    )
    names = tuple(WordHit.__dataclass_fields__)
    return [WordHit(**dict(zip(names, row, strict=True))) for row in found]


def document_frequency(
    db: sqlite3.Connection, kind: EvidenceKind, tokens: Collection[str]
) -> tuple[int, dict[str, int]]:
    """How many rows of this kind there are, and in how many of them each token occurs."""
    rows = db.execute("SELECT count(*) FROM evidence WHERE kind = ?", [kind]).fetchone()[0]
    counts = dict.fromkeys(tokens, 0)
    counts.update(select_in(db, f"SELECT term, doc FROM vocabulary_{kind} WHERE term IN {{in}}", counts))
    return rows, counts


def _by_kind(rows: Iterable[Row]) -> dict[EvidenceKind, list[tuple[int, str, str]]]:
    by_kind: dict[EvidenceKind, list[tuple[int, str, str]]] = defaultdict(list)
    for number, kind, text in rows:
        by_kind[kind].append((number, *columns(text)))
    return by_kind
