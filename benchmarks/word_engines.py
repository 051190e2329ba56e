"""The word index beside SQLite's FTS5 alone and tantivy, over the same rows and n-grams: time, agreement, time to build.

    pip install tantivy
    python -m benchmarks.word_engines [--rows 200000] [--queries 200] [--limit 60]

The rows are speech of `benchmarks/library_words.py`. All three rank by BM25 over characters and pairs of characters; FTS5
and tantivy are asked for any of the query's tokens, a pair for what it says beyond its two characters as the library has it,
and answer with numbers alone, while the library also fetches the rows. One thread, CPU time, the engines in turn.
Agreement: how many of the library's first ten the other has among its first ten.
"""

from __future__ import annotations

import argparse
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.library_words import cut_queries, fill
from retrieval.library import Library
from retrieval.library.fresh_words import BIGRAM_WEIGHT, UNIGRAM_WEIGHT, weight_of
from retrieval.text import is_pair, ngrams

KIND = "asr"
Ask = Callable[[str], list[int]]


def rows_of(library: Library) -> list[tuple[int, str]]:
    with library._database.reading() as db:
        return db.execute("SELECT id, text FROM evidence WHERE kind = ? ORDER BY id", [KIND]).fetchall()


def fts5(rows: Sequence[tuple[int, str]], folder: Path, limit: int) -> Ask:
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


def tantivy(rows: Sequence[tuple[int, str]], folder: Path, limit: int) -> Ask:
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


def own(library: Library, limit: int) -> Ask:
    """The library, with the rows fetched."""
    return lambda text: [hit.evidence_id for hit in library.search_words(KIND, text, limit=limit)]


def timed(asks: dict[str, Any], queries: Sequence[str]) -> tuple[dict[str, list[float]], dict[str, list[list[int]]]]:
    took: dict[str, list[float]] = {name: [] for name in asks}
    found: dict[str, list[list[int]]] = {name: [] for name in asks}
    for text in queries:
        for name, ask in asks.items():
            began = time.process_time()
            answer = ask(text)
            took[name].append(1000 * (time.process_time() - began))
            found[name].append(answer[:10])
    return took, found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--limit", type=int, default=60, help="rows that are asked for, as a search does at first")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with Library.open(folder / "library", write=True, create=True) as library:
            fill(library, rows=options.rows)
            began = time.process_time()
            library.rebuild_words()
            print(f"library: built in {time.process_time() - began:.0f} CPU-s, four kinds")
            queries, rows = cut_queries(library, rows=options.rows, count=options.queries), rows_of(library)
        asks: dict[str, Ask] = {}
        for name, make in (("FTS5", fts5), ("tantivy", tantivy)):
            began = time.process_time()
            asks[name] = make(rows, folder, options.limit)
            print(f"{name}: built in {time.process_time() - began:.0f} CPU-s, one kind")
        with Library.open(folder / "library") as library:
            asks["library"] = own(library, options.limit)
            for ask in asks.values():
                ask("热身")
            took, found = timed(asks, queries)
    for name, values in took.items():
        same = [len(set(a) & set(b)) / len(a) for a, b in zip(found["library"], found[name], strict=True) if a]
        print(
            f"{name:8} p50 {np.median(values):6.2f} ms  p99 {np.percentile(values, 99):6.2f} ms of CPU, "
            f"agreement {100 * float(np.mean(same)):.0f} %"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
