"""Does filtering by relevance pay? Measured on a raw collection of the miniature world, whose every text has its truth.

    python -m data_pipeline.miniature.raw_collection DIR
    python -m benchmarks.relevance_filter --collection DIR --work SCRATCH [--parts build,filter,self,train] [--seeds 3]

build: a corpus by the real stages, transcripts in place of recognised speech. filter: precision and recall of the true pairs
by each score and share, and the lyrics that leak through each net. self: the same scores by a model that knows the raw corpus
alone. train: a small dual encoder for each arm (no pre-training, raw, filtered) and seed, asked about clean unseen clips.
Each part goes on where it was ended; what is committed of a corpus is what is measured. Intervals are 95 %: Wilson's of
shares, Student's t of means over seeds.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from benchmarks.relevance_filter.building import build_corpus
from benchmarks.relevance_filter.measuring import filter_figures, leak_figures, masking_figures, read_labelled
from benchmarks.relevance_filter.tables import tables_of
from data_pipeline.corpus.files import whole_file

_HERE = Path(__file__).parent
_MODEL = Path("data_pipeline/miniature/model")
_PARTS = ("build", "filter", "self", "train")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--collection", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True, help="a scratch directory, which is gone on with")
    parser.add_argument("--parts", default=",".join(_PARTS))
    parser.add_argument("--model", default=str(_MODEL), help="the relevance model")
    parser.add_argument("--no-ocr", action="store_true", help="read no on-screen text: nothing is masked, a fifth of the time")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--results", type=Path, default=_HERE, help="where filter.jsonl and runs.jsonl are")
    options = parser.parse_args()
    parts = options.parts.split(",")
    if unknown := set(parts) - set(_PARTS):
        parser.error(f"there is no part {', '.join(sorted(unknown))}: choose from {', '.join(_PARTS)}")
    corpus = options.work / ("corpus-plain" if options.no_ocr else "corpus")
    filters, runs = options.results / "filter.jsonl", options.results / "runs.jsonl"
    options.results.mkdir(parents=True, exist_ok=True)
    if "build" in parts:
        build_corpus(
            options.collection, corpus, model=options.model, workers=options.workers, say=_say,
            ocr=not options.no_ocr,
        )  # fmt: skip
    if "filter" in parts:
        _measure(options.collection, corpus, f"miniature model{_ending(options.no_ocr)}", filters)
    if "self" in parts or "train" in parts:
        _train(corpus, options, runs, filters)
    print(tables_of(filters, runs))
    return 0


def _train(corpus: Path, options: argparse.Namespace, runs: Path, filters: Path) -> None:
    from benchmarks.relevance_filter.arms import write_arms
    from benchmarks.relevance_filter.jobs import corpus_digest, run_missing, self_filter

    digest, work = corpus_digest(corpus), corpus.with_name(f"{corpus.name}-training")
    for arm, pairs in write_arms(corpus, work, workers=options.workers).items():
        print(f"{arm}: {pairs:,} pairs", file=sys.stderr)
    if "self" in options.parts:
        again = corpus.with_name(f"{corpus.name}-self")
        if not again.exists():
            unfinished = again.with_name(f"{again.name}.part")
            shutil.copytree(corpus, unfinished, dirs_exist_ok=True)
            unfinished.replace(again)
        model = str(self_filter(work))
        build_corpus(
            options.collection, again, model=model, workers=options.workers, say=_say, ocr=not options.no_ocr
        )
        _measure(options.collection, again, f"self-filter{_ending(options.no_ocr)}", filters)
    if "train" in options.parts:
        for run in run_missing(work=work, results=runs, digest=digest, seeds=options.seeds):
            print(f"{run.row}, seed {run.seed}: {run.figures}", file=sys.stderr, flush=True)


def _measure(collection: Path, corpus: Path, model: str, path: Path) -> None:
    """Replace the rows of a model in the results by those of now."""
    labelled = read_labelled(collection, corpus)
    videos = len(labelled.measured.row_of_video)
    rows: Iterable[Mapping[str, object]] = [
        *filter_figures(labelled), *masking_figures(labelled), *leak_figures(labelled),
    ]  # fmt: skip
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    kept = [line for line in lines if json.loads(line)["model"] != model]
    kept += [json.dumps({"model": model, "videos": videos, **row}, ensure_ascii=False) for row in rows]
    with whole_file(path) as file:
        file.write(("\n".join(kept) + "\n").encode())


def _ending(no_ocr: bool) -> str:
    return ", no OCR" if no_ocr else ""


def _say(done: int) -> None:
    if done % 50 == 0:
        print(f"{done:,} videos", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
