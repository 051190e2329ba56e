"""Scores from a NumPy file, read where they lie."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from retrieval.errors import InputError
from retrieval.evaluation.benchmarks.benchmark import Benchmark, BenchmarkQuery, BenchmarkVideo
from retrieval.evaluation.judgements import Judgements
from retrieval.evaluation.scores import ScoreMatrix

PROTOCOL = "scores from a file"


def open_scores(path: Path) -> ScoreMatrix:
    """The matrix of an `.npy` file, mapped into memory; InputError if it is no such file or no matrix of numbers."""
    try:
        values = np.load(path, mmap_mode="r", allow_pickle=False)
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror or error}): give a file that numpy.save wrote."
        ) from error
    except (ValueError, EOFError) as error:
        raise InputError(f"{path} is not a NumPy file of numbers: save the scores with numpy.save.") from error
    if not isinstance(values, np.ndarray):
        raise InputError(f"{path} holds several arrays: save the one matrix of scores with numpy.save.")
    try:
        return ScoreMatrix(values)
    except ValueError as error:
        raise InputError(f"{path}: {error}.") from error


def numbered_benchmark(judgements: Judgements) -> Benchmark:
    """Judgements alone as a benchmark: queries and videos are numbered, texts are empty."""
    entries = [slice(*judgements.offsets[query : query + 2]) for query in range(judgements.query_count)]
    return Benchmark(
        protocol=PROTOCOL,
        videos=tuple(BenchmarkVideo(id=str(column)) for column in range(judgements.item_count)),
        queries=tuple(
            BenchmarkQuery(
                id=str(query),
                text="",
                relevant={
                    str(item): float(grade)
                    for item, grade in zip(judgements.items[one], judgements.grades[one], strict=True)
                },
            )
            for query, one in enumerate(entries)
        ),
    )
