"""The word index: for each kind of evidence inverted lists of the tokens made by `retrieval.text.ngrams`.

New rows are in an SQLite FTS5 table first, at most some thousands, and in sealed segments of lists after that (`postings`).
The table keeps no text (`content=''`), so a row is deleted with the very tokens it was added with: they are made
again from the stored text, and `token_version` tells when that would give other tokens than before.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache
from itertools import chain, islice

import numpy as np
from numpy.typing import NDArray

from retrieval.library import postings
from retrieval.library.database import select_in
from retrieval.library.fresh_words import BIGRAM_WEIGHT, UNIGRAM_WEIGHT, FreshWords, inverse_frequency, weight_of
from retrieval.library.rows import WordHit
from retrieval.library.video_names import VideoNames
from retrieval.records import EVIDENCE_KINDS, EvidenceKind
from retrieval.text import fold, folding_version, is_pair, ngrams, ngrams_of_folded

MOST_FRESH = 2048                   # rows in the FTS5 table of a kind; then they become a segment
_ROWS_AT_ONCE = 65_536              # are made a segment at a rebuild; merging goes on from there
LONGEST_QUERY = 256                 # distinct tokens; also keeps FTS5's expression within its limits
_ROWS_LOOKED_AT = 100               # at once, for a stretch that their tokens may hold
_LAYOUT = 3                         # count up when `columns` divides the tokens in another way

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
    for token in _distinct_tokens(text):
        terms.append(f'"{token}"')
        if len(token) >= 2 and not is_pair(token):
            terms.append(f'"{token}"*')
    return " OR ".join(terms) or None


def _distinct_tokens(text: str) -> list[str]:
    return list(islice(dict.fromkeys(ngrams(text)), LONGEST_QUERY))


def add_words(db: sqlite3.Connection, rows: Iterable[Row]) -> None:
    """Make rows of evidence findable; from time to time the FTS5 table of a kind is moved to a segment."""
    for kind, values in _by_kind(rows).items():
        db.executemany(f"INSERT INTO words_{kind} (rowid, unigrams, bigrams) VALUES (?, ?, ?)", values)
        if _fresh_rows(db, kind) >= MOST_FRESH:
            _make_segments(db, kind, after=postings.last_id(db, kind))


def delete_words(db: sqlite3.Connection, rows: Iterable[Row]) -> None:
    """Take rows of evidence, with the text they were added with, out of the index."""
    by_kind: dict[EvidenceKind, list[tuple[int, str]]] = defaultdict(list)
    for number, kind, text in rows:
        by_kind[kind].append((number, text))
    for kind, of_kind in by_kind.items():
        last = postings.last_id(db, kind)
        postings.delete_rows(db, kind, [row for row in of_kind if row[0] <= last])
        command = f"INSERT INTO words_{kind} (words_{kind}, rowid, unigrams, bigrams) VALUES ('delete', ?, ?, ?)"
        db.executemany(command, [(number, *columns(text)) for number, text in of_kind if number > last])


def rebuild(db: sqlite3.Connection) -> None:
    """Make the whole index again from the rows of evidence, inside the caller's transaction."""
    postings.clear(db)
    for kind in EVIDENCE_KINDS:
        _make_segments(db, kind, after=0)
    db.execute("UPDATE settings SET value = ? WHERE key = 'token_version'", [token_version()])


def _make_segments(db: sqlite3.Connection, kind: EvidenceKind, *, after: int) -> None:
    """Index the rows above a number anew: segments, and in the FTS5 table the rest that is too small for one."""
    db.execute(f"INSERT INTO words_{kind} (words_{kind}) VALUES ('delete-all')")
    cursor = db.execute("SELECT id, video, text FROM evidence WHERE kind = ? AND id > ? ORDER BY id", [kind, after])
    while rows := cursor.fetchmany(_ROWS_AT_ONCE):
        if len(rows) >= MOST_FRESH:
            postings.add_segment(db, kind, rows)
        else:
            add_words(db, [(number, kind, text) for number, _, text in rows])


def is_current(db: sqlite3.Connection) -> bool:
    """Whether the index was made with the tokens that this program makes."""
    stored = db.execute("SELECT value FROM settings WHERE key = 'token_version'").fetchone()
    return stored is not None and stored[0] == token_version()


def search(
    db: sqlite3.Connection,
    kind: EvidenceKind,
    text: str,
    *,
    limit: int,
    selected: NDArray[np.bool_] | None = None,
    fresh: FreshWords | None = None,
    names: VideoNames | None = None,
) -> list[WordHit]:
    """The rows of one kind that share a token with `text`, by BM25, best first; equal scores by row number.

    selected: by number of the video, which may be found; a number beyond its end is not. All when None.
    fresh: rows in memory that spare a question to FTS5; names: ids of videos in memory.
    """
    tokens = _distinct_tokens(text)
    if not tokens or limit <= 0:
        return []
    if selected is not None:
        selected = np.append(selected, False)
    in_memory = fresh.of(db, kind) if fresh is not None else None
    if in_memory is not None:
        best = in_memory.ranked(tokens, limit=limit, selected=selected)
    else:
        best = _ranked_fresh(db, kind, text, limit=limit, selected=selected)
    if postings.last_id(db, kind):
        rows, counts = document_frequency(db, kind, tokens, fresh=fresh)
        weights = {token: weight_of(token) * inverse_frequency(counts[token], rows=rows) for token in tokens}
        best += postings.ranked(db, kind, weights, limit=limit, selected=selected)
        best = sorted(best, key=lambda hit: (-hit[1], hit[0]))[:limit]
    return hits(db, best, names=names or VideoNames())


def holds(
    db: sqlite3.Connection, kind: EvidenceKind, stretches: Sequence[str], *, fresh: FreshWords | None = None
) -> bool:
    """Whether a row of this kind holds all of these folded stretches of characters of an unspaced script as they stand."""
    tokens = list(dict.fromkeys(token for stretch in stretches for token in ngrams_of_folded(stretch)))
    telling = [token for token in tokens if is_pair(token)] or tokens       # pairs hold their characters
    if not telling:
        return False
    in_memory = fresh.of(db, kind) if fresh is not None else None
    if in_memory is not None:
        of_fresh = in_memory.holding(telling)
    else:
        expression = " AND ".join(f'"{token}"' for token in telling)
        found = db.execute(f"SELECT rowid FROM words_{kind} WHERE words_{kind} MATCH ?", [expression])
        of_fresh = [row for (row,) in found]
    rows = chain(of_fresh, postings.holding(db, kind, telling))
    while part := list(islice(rows, _ROWS_LOOKED_AT)):
        texts = select_in(db, "SELECT text FROM evidence WHERE id IN {in}", part)
        if any(all(stretch in text for stretch in stretches) for text in (fold(text) for (text,) in texts)):
            return True
    return False


def document_frequency(
    db: sqlite3.Connection, kind: EvidenceKind, tokens: Collection[str], *, fresh: FreshWords | None = None
) -> tuple[int, dict[str, int]]:
    """How many rows of this kind there are, and in how many of them each token occurs; fresh: as in `search`."""
    rows, in_segments = postings.counts(db, kind, tokens)
    in_memory = fresh.of(db, kind) if fresh is not None else None
    if in_memory is not None:
        return rows + len(in_memory.ids), {token: in_memory.count(token) + in_segments[token] for token in tokens}
    counts = dict.fromkeys(tokens, 0)
    counts.update(select_in(db, f"SELECT term, doc FROM vocabulary_{kind} WHERE term IN {{in}}", counts))
    return rows + _fresh_rows(db, kind), {token: n + in_segments[token] for token, n in counts.items()}


def _ranked_fresh(
    db: sqlite3.Connection, kind: EvidenceKind, text: str, *, limit: int, selected: NDArray[np.bool_] | None
) -> list[tuple[int, float]]:
    """Evidence ids and scores of the best rows that stand in no segment yet."""
    cost = f"bm25(words_{kind}, {UNIGRAM_WEIGHT}, {BIGRAM_WEIGHT})"
    ranked = f"SELECT rowid AS id, -{cost} AS score FROM words_{kind} WHERE words_{kind} MATCH ? ORDER BY {cost}, rowid"
    expression = match_expression(text)
    if selected is None:
        return db.execute(f"{ranked} LIMIT ?", [expression, limit]).fetchall()
    sql = f"SELECT hit.id, hit.score, e.video FROM ({ranked}) AS hit CROSS JOIN evidence e ON e.id = hit.id"
    rows = db.execute(sql, [expression])
    chosen = ((number, score) for number, score, video in rows if selected[min(video, len(selected) - 1)])
    return sorted(chosen, key=lambda hit: (-hit[1], hit[0]))[:limit]


def hits(db: sqlite3.Connection, best: Sequence[tuple[int, float]], *, names: VideoNames) -> list[WordHit]:
    """The rows of evidence with these numbers and scores, in their order."""
    sql = "SELECT id, video, kind, text, start_ms, end_ms, source, confidence FROM evidence WHERE id IN {in}"
    rows = {row[0]: row[1:] for row in select_in(db, sql, [number for number, _ in best])}
    ids = names.of(db, [video for video, *_ in rows.values()])
    found = []
    for number, score in best:
        if number in rows and rows[number][0] in ids:
            video, kind, text, start_ms, end_ms, source, confidence = rows[number]
            found.append(WordHit(
                evidence_id=number, video_id=ids[video], kind=kind, text=text, start_ms=start_ms, end_ms=end_ms,
                source=source, confidence=confidence, score=score,
            ))  # fmt: skip
    return found


def _fresh_rows(db: sqlite3.Connection, kind: EvidenceKind) -> int:
    return int(db.execute(f"SELECT count(*) FROM words_{kind}_docsize").fetchone()[0])


def _by_kind(rows: Iterable[Row]) -> dict[EvidenceKind, list[tuple[int, str, str]]]:
    by_kind: dict[EvidenceKind, list[tuple[int, str, str]]] = defaultdict(list)
    for number, kind, text in rows:
        by_kind[kind].append((number, *columns(text)))
    return by_kind
