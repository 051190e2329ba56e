"""How well text channels alone find real clips from paraphrased queries.

    python -m benchmarks.clip_queries FOLDER            # a folder with video files and manifest.jsonl

The manifest's rows have `file`, a title, and queries in columns named `query_zh_*` (never used as evidence). Every file of
the folder itself (not of folders below it) is added to a new library without a model; then each query is asked, and the
share that finds its clip first and among the first five is printed, beside plain BM25 over the titles alone.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from retrieval.library import Library
from retrieval.search import SearchEngine
from retrieval.text import ngrams
from serving.ingest.run import AddOptions, add_videos


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--library", type=Path, help="keep the library here, and use it again if it is there")
    parser.add_argument(
        "--misses", action="store_true", help="print the queries that do not find their clip in the first five"
    )
    arguments = parser.parse_args()
    rows = [json.loads(line) for line in (arguments.folder / "manifest.jsonl").read_text(encoding="utf-8").splitlines()]
    queries = [(row[name], row["file"]) for row in rows for name in row if name.startswith("query_zh_")]
    with tempfile.TemporaryDirectory() as scratch:
        directory = arguments.library or Path(scratch) / "library"
        build(directory, arguments.folder)
        with Library.open(directory) as library:
            engine = SearchEngine(library)
            answers = [[Path(hit.path).name for hit in engine.search(text, count=10).hits] for text, _ in queries]
    wanted = [file for _, file in queries]
    report("text channels", *hits(answers, wanted))
    report("titles, plain BM25", *plain_bm25([row["title_zh"] for row in rows], [row["file"] for row in rows], queries))
    if arguments.misses:
        for (text, file), found in zip(queries, answers, strict=True):
            if file not in found[:5]:
                print(f"  {file}  {text}  ->  {', '.join(found[:5]) or 'nothing'}")
    return 0


def build(directory: Path, folder: Path) -> None:
    files = sorted(path for path in folder.iterdir() if path.is_file() and path.suffix != ".jsonl")
    started = time.monotonic()
    added = add_videos(directory, files, AddOptions(model="none", manifest=folder / "manifest.jsonl"))
    print(f"{len(files)} files in {time.monotonic() - started:.0f} s: {added.counts}")
    for outcome in added.outcomes:
        if outcome.message:
            print(f"  {outcome.outcome}: {outcome.message}")
    for notice in added.notices:
        print(f"  note: {notice}")


def hits(answers: Sequence[Sequence[str]], wanted: Sequence[str]) -> tuple[float, float, int]:
    first = sum(found[:1] == [file] for found, file in zip(answers, wanted, strict=True))
    five = sum(file in found[:5] for found, file in zip(answers, wanted, strict=True))
    return first, five, len(wanted)


def plain_bm25(
    titles: Sequence[str], files: Sequence[str], queries: Sequence[tuple[str, str]]
) -> tuple[float, float, int]:
    """The peer: BM25 (k1 1.2, b 0.75) over unigrams and bigrams of the titles; ties count by their chance."""
    rows = [Counter(ngrams(title)) for title in titles]
    average = sum(sum(row.values()) for row in rows) / len(rows)
    frequency = Counter(token for row in rows for token in row)
    first = five = 0.0
    for text, file in queries:
        scores = dict.fromkeys(files, 0.0)
        for name, row in zip(files, rows, strict=True):
            norm = 1.2 * (0.25 + 0.75 * sum(row.values()) / average)
            for token in set(ngrams(text)) & row.keys():
                rarity = math.log(1 + (len(rows) - frequency[token] + 0.5) / (frequency[token] + 0.5))
                scores[name] += rarity * row[token] * 2.2 / (row[token] + norm)
        if scores[file] > 0:
            above = sum(score > scores[file] for score in scores.values())
            tied = sum(score == scores[file] for score in scores.values())
            first += max(0, min(1 - above, tied)) / tied
            five += max(0, min(5 - above, tied)) / tied
    return first, five, len(queries)


def report(name: str, first: float, five: float, count: int) -> None:
    print(f"{name:20s} first {first:5.1f} / {count}   in the first five {five:5.1f} / {count}")


if __name__ == "__main__":
    raise SystemExit(main())
