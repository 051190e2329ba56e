"""The word index beside SQLite's FTS5 alone and tantivy, over the same rows and n-grams: time, agreement, time to build.

    pip install tantivy
    python -m benchmarks.word_engines [--rows 200000 | --library DIR] [--queries 200] [--limit 60] [--without FTS5]

The rows are those of `benchmarks/library_words.py`, or of a library that is there; every engine has an index a kind of
evidence, and a question goes to each kind. All three rank by BM25 over characters and pairs of characters; FTS5
and tantivy are asked for any of the query's tokens, a pair for what it says beyond its two characters as the library has it,
and answer with numbers alone, while the library also fetches the rows. One thread, CPU time, the engines in turn.
Agreement: how many of the library's first ten the other has among its first ten.
"""

from __future__ import annotations

import argparse
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from benchmarks.library_words import fill
from retrieval.library import Library
from retrieval.library.fresh_words import BIGRAM_WEIGHT, UNIGRAM_WEIGHT, weight_of
from retrieval.text import is_pair, ngrams

Ask = Callable[[str], list[int]]


def kinds_of(library: Library) -> list[str]:
    """The kinds of which there are rows."""
    return [kind for kind, rows in library.status().evidence.items() if rows]


@contextmanager
def rows_of(library: Library, kind: str) -> Iterator[Iterable[tuple[int, str]]]:
    with library._database.reading() as db:
        yield db.execute("SELECT id, text FROM evidence WHERE kind = ? ORDER BY id", [kind])


def cut_queries(library: Library, count: int) -> list[str]:
    """Pieces of random rows, of 2 to 8 characters in turn."""
    drawn, queries = random.Random(1), []
    with library._database.reading() as db:
        last = db.execute("SELECT max(id) FROM evidence").fetchone()[0]
        while len(queries) < count:
            row = db.execute("SELECT text FROM evidence WHERE id >= ? LIMIT 1", [drawn.randint(1, last)]).fetchone()
            length = 2 + len(queries) % 7
            if len(row[0]) >= length:
                start = drawn.randint(0, len(row[0]) - length)
                queries.append(row[0][start : start + length])
    return queries


def fts5(rows: Iterable[tuple[int, str]], folder: Path, limit: int) -> Ask:
    """Two columns of one table, whose weights are those of a pair and of a character."""
    db = sqlite3.connect(folder / "fts5.sqlite")
    db.execute("CREATE VIRTUAL TABLE words USING fts5 (unigrams, bigrams, content = '', tokenize = 'unicode61')")
    for number, text in rows:
        tokens = ngrams(text)
        columns = (" ".join(t for t in tokens if not is_pair(t)), " ".join(filter(is_pair, tokens)))
        db.execute("INSERT INTO words (rowid, unigrams, bigrams) VALUES (?, ?, ?)", (number, *columns))
    db.execute("INSERT INTO words (words) VALUES ('optimize')")
    db.commit()
    sql = f"SELECT rowid FROM words WHERE words MATCH ? ORDER BY bm25(words, {UNIGRAM_WEIGHT}, {BIGRAM_WEIGHT}) LIMIT ?"

    def ask(text: str) -> list[int]:
        tokens = dict.fromkeys(ngrams(text))
        if not tokens:
            return []
        return [number for (number,) in db.execute(sql, [" OR ".join(f'"{token}"' for token in tokens), limit])]

    return ask


def tantivy(rows: Iterable[tuple[int, str]], folder: Path, limit: int) -> Ask:
    import tantivy as engine

    builder = engine.SchemaBuilder()
    builder.add_integer_field("number", stored=True, fast=True)
    builder.add_text_field("tokens", tokenizer_name="whitespace", index_option="freq")
    schema = builder.build()
    (folder / "tantivy").mkdir()
    index = engine.Index(schema, path=str(folder / "tantivy"))
    writer = index.writer(num_threads=1)
    for number, text in rows:
        writer.add_document(engine.Document(number=number, tokens=" ".join(ngrams(text))))
    writer.commit()
    writer.wait_merging_threads()
    index.reload()
    searcher = index.searcher()

    def ask(text: str) -> list[int]:
        parts = [
            (engine.Occur.Should, engine.Query.boost_query(engine.Query.term_query(schema, "tokens", token), weight_of(token)))
            for token in dict.fromkeys(ngrams(text))
        ]
        if not parts:
            return []
        hits = searcher.search(engine.Query.boolean_query(parts), limit, count=False).hits
        return [searcher.doc(address)["number"][0] for _, address in hits]

    return ask


def own(library: Library, kind: str, limit: int) -> Ask:
    """The library, with the rows fetched."""
    return lambda text: [hit.evidence_id for hit in library.search_words(kind, text, limit=limit)]


def timed(asks: dict[str, list[Ask]], queries: Sequence[str]) -> tuple[dict[str, list[float]], dict[str, list[list[int]]]]:
    """By engine: milliseconds of CPU of each query over all kinds, and the first ten of each query and kind."""
    took: dict[str, list[float]] = {name: [] for name in asks}
    found: dict[str, list[list[int]]] = {name: [] for name in asks}
    for text in queries:
        for name, of_kinds in asks.items():
            began = time.process_time()
            answers = [ask(text) for ask in of_kinds]
            took[name].append(1000 * (time.process_time() - began))
            found[name] += [answer[:10] for answer in answers]
    return took, found


def built(name: str, library: Library, kinds: Sequence[str], folder: Path, limit: int) -> list[Ask]:
    """Another engine over the rows of each kind."""
    asks = []
    began = time.process_time()
    for kind in kinds:
        own_folder = folder / name / kind
        own_folder.mkdir(parents=True)
        with rows_of(library, kind) as rows:
            asks.append({"FTS5": fts5, "tantivy": tantivy}[name](rows, own_folder, limit))
    print(f"{name}: built in {time.process_time() - began:.0f} CPU-s", flush=True)
    return asks


def filled(folder: Path, rows: int) -> Path:
    with Library.open(folder, write=True, create=True) as library:
        fill(library, rows=rows)
        began = time.process_time()
        library.rebuild_words()
        print(f"library: built in {time.process_time() - began:.0f} CPU-s", flush=True)
    return folder


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000, help="of each kind")
    parser.add_argument("--library", type=Path, help="ask this library, which is not changed")
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--limit", type=int, default=60, help="rows that are asked for, as a search does at first")
    parser.add_argument("--without", action="append", choices=("FTS5", "tantivy"), default=[])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        directory = options.library or filled(folder / "library", options.rows)
        with Library.open(directory) as library:
            kinds, queries = kinds_of(library), cut_queries(library, options.queries)
            asks = {
                name: built(name, library, kinds, folder, options.limit)
                for name in ("FTS5", "tantivy") if name not in options.without
            }  # fmt: skip
            asks["library"] = [own(library, kind, options.limit) for kind in kinds]
            timed(asks, queries[: len(queries) // 5])       # so that each has in memory what it keeps there
            took, found = timed(asks, queries)
    print(f"{len(queries)} queries, {len(kinds)} kinds each:")
    for name, values in took.items():
        same = [len(set(a) & set(b)) / len(a) for a, b in zip(found["library"], found[name], strict=True) if a]
        print(
            f"{name:8} p50 {np.median(values):6.2f} ms  p99 {np.percentile(values, 99):6.2f} ms of CPU, "
            f"agreement {100 * float(np.mean(same)):.0f} %"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
