"""A run on disk: `run.json` for people and programs, with the rank and the answers of every query beside it."""

from __future__ import annotations

import hashlib
import io
import json
import math
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import InputError
from retrieval.evaluation.graded import GradedMetrics, PairCounts
from retrieval.evaluation.judgements import Draws
from retrieval.evaluation.metrics import RetrievalMetrics
from retrieval.evaluation.ranking import QueryRanks
from retrieval.evaluation.run import AnsweredQuery, ResultRow, Run, RunFacts

RUN, RANKS, QUERIES = "run.json", "ranks.npz", "queries.jsonl"
_FORMAT, _VERSION = "wenshi evaluation run", 2    # 2: what is drawn together
_PLAIN, _CHANGED = "results", "post_processed_results"
_SAME = 1e-9
_DRAWS = ("queries", "items")


def run_as_json(run: Run) -> dict[str, Any]:
    """What `run.json` says, without the checksums of the files beside it; plain and post-processed rows are apart."""
    rows = [(row, _row_as_json(row)) for row in run.rows]
    return {
        "format": _FORMAT,
        "version": _VERSION,
        "protocol": run.protocol,
        "split_hash": run.split_hash,
        "query_hash": run.query_hash,
        "gallery_hash": run.gallery_hash,
        "queries": len(run.queries),
        "videos": run.videos,
        "videos_without_text": run.videos_without_text,
        "facts": asdict(run.facts),
        "date": run.date,
        "notices": list(run.notices),
        _PLAIN: [figures for row, figures in rows if row.post_processing is None],
        "r_sum_both_ways": run.r_sum_both_ways(),
        "r_sum_both_ways_intervals": {score: metrics.r_sum_interval for score, metrics in run.both_ways().items()},
        _CHANGED: [figures for row, figures in rows if row.post_processing is not None],
        "breakdown": None if run.breakdown is None else {"row": run.final.key, **asdict(run.breakdown)},
    }


def write_run(run: Run, directory: Path) -> Path:
    """Write a run into a folder, which is made; returns the path of `run.json`, written last and at once."""
    directory.mkdir(parents=True, exist_ok=True)
    ranks, queries = _ranks_file(run), _queries_file(run)
    content = run_as_json(run)
    content["files"] = {RANKS: _sha256(ranks), QUERIES: _sha256(queries)}
    text = json.dumps(content, ensure_ascii=False, indent=2, allow_nan=False) + "\n"
    for name, data in ((RANKS, ranks), (QUERIES, queries), (RUN, text.encode())):
        unfinished = directory / f".{name}.unfinished"
        unfinished.write_bytes(data)
        unfinished.replace(directory / name)
    return directory / RUN


def read_run(path: Path) -> Run:
    """A run from its folder or its `run.json`.

    Figures are computed again from the ranks; InputError if they are not those that the file states, if a file is missing
    or is not the one that was written with it, or if the format is another.
    """
    file = path / RUN if path.is_dir() else path
    content = _content(file)
    try:
        return _run(file, content)
    except (KeyError, TypeError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(f"{file} is not a complete evaluation run ({error}): evaluate again.") from error


def _content(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{file} cannot be read ({error.strerror}): give the folder of an evaluation.") from error
    except ValueError as error:
        raise InputError(f"{file} is not JSON: give the folder of an evaluation.") from error
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        raise InputError(f"{file} is not an evaluation run: give the folder that `wenshi evaluate --output` wrote.")
    if content.get("version") != _VERSION:
        raise InputError(
            f"{file} is of version {content.get('version')}, this program reads {_VERSION}: evaluate again."
        )
    return content


def _run(file: Path, content: dict[str, Any]) -> Run:
    beside = {name: _verified(file.parent / name, content["files"][name]) for name in (RANKS, QUERIES)}
    with np.load(io.BytesIO(beside[RANKS]), allow_pickle=False) as archive:
        arrays = dict(archive)
    rows = tuple(_row(file, stated, arrays) for stated in (*content[_PLAIN], *content[_CHANGED]))
    queries = [json.loads(line) for line in beside[QUERIES].decode().split("\n") if line]
    return Run(
        **{name: content[name] for name in ("protocol", "split_hash", "query_hash", "gallery_hash", "videos", "date")},
        videos_without_text=content["videos_without_text"],
        facts=RunFacts(**content["facts"]),
        notices=tuple(content["notices"]),
        rows=rows,
        queries=tuple(
            AnsweredQuery(id=one["id"], text=one["text"], relevant=tuple(one["relevant"]), top=tuple(one["top"]))
            for one in queries
        ),
        draws=_draws(arrays, queries=len(queries), items=content["videos"] - content["videos_without_text"]),
    )


def _draws(arrays: dict[str, NDArray[Any]], *, queries: int, items: int) -> Draws:
    """Raises ValueError when they are not of so many queries and items, or not counted from 0."""
    draws = Draws(**{name: arrays[f"draws/{name}"].astype(np.int64) for name in _DRAWS})
    numbers = np.unique(draws.items)
    if (
        draws.queries.shape != (queries,) or draws.items.shape != (items,)
        or not np.array_equal(numbers, np.arange(len(numbers))) or not np.isin(draws.queries, numbers).all()
    ):  # fmt: skip
        raise ValueError("what is drawn together is not of its queries and videos")
    return draws


def _verified(path: Path, digest: str) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror}): it belongs to the run, copy the whole folder."
        ) from error
    if _sha256(data) != digest:
        raise InputError(f"{path} was changed after the run was written: evaluate again.")
    return data


def _row(file: Path, stated: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> ResultRow:
    names = {name: stated[name] for name in ("score", "direction", "post_processing", "note")}
    bare = ResultRow(**names, metrics=RetrievalMetrics.of(_unit_ranks()))
    ranks = QueryRanks(
        **{name: arrays[f"{bare.key}/{name}"].astype(np.int64) for name in ("ahead", "tied", "relevant_tied")}
    )
    graded = _graded(bare.key, stated["graded"], arrays) if stated.get("graded") else None
    row = ResultRow(**names, metrics=RetrievalMetrics.of(ranks), graded=graded)
    figures = _row_as_json(row, intervals=False)
    pairs = [(stated["metrics"], figures["metrics"])]
    if graded is not None:
        pairs.append((stated["graded"]["metrics"], figures["graded"]["metrics"]))
    for said, true in pairs:
        wrong = next((name for name, value in true.items() if not _same(said[name], value)), None)
        if wrong is not None:
            raise InputError(
                f"{file} says that {wrong} of {row.key} is {said[wrong]}, but its ranks give {true[wrong]}: do not use it."
            )
    return row


def _same(said: float | None, true: float | None) -> bool:
    return said == true or (said is not None and true is not None and math.isclose(said, true, abs_tol=_SAME))


def _unit_ranks() -> QueryRanks:
    one = np.ones(1, dtype=np.int64)
    return QueryRanks(ahead=one, tied=one, relevant_tied=one)


def _graded(key: str, stated: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> GradedMetrics:
    return GradedMetrics(
        cutoff=stated["cutoff"],
        gain=stated["gain"],
        among=stated.get("among", "all"),     # runs of before had no other
        pairs=PairCounts(**stated["pairs"]),
        **{name: arrays[f"{key}/{name}"] for name in ("ndcg", "precision", "average_precision")},
    )


def _row_as_json(row: ResultRow, *, intervals: bool = True) -> dict[str, Any]:
    figures: dict[str, Any] = {
        "score": row.score,
        "post_processing": row.post_processing,
        "direction": row.direction,
        "note": row.note,
        "queries": row.metrics.queries,
        "metrics": row.metrics.figures(),
    }
    if row.graded is not None:
        graded = {name: None if value == math.inf else value for name, value in row.graded.figures().items()}
        figures["graded"] = {
            "cutoff": row.graded.cutoff, "gain": row.graded.gain, "among": row.graded.among, "metrics": graded,
            "pairs": asdict(row.graded.pairs),
        }  # fmt: skip
    if intervals:
        figures["intervals"] = row.metrics.intervals
        if row.graded is not None:
            figures["graded"]["intervals"] = row.graded.intervals
    return figures


def _ranks_file(run: Run) -> bytes:
    arrays: dict[str, NDArray[Any]] = {f"draws/{name}": getattr(run.draws, name).astype(np.int32) for name in _DRAWS}
    for row in run.rows:
        ranks = row.metrics.ranks
        for name in ("ahead", "tied", "relevant_tied"):
            arrays[f"{row.key}/{name}"] = getattr(ranks, name).astype(np.int32)
        if row.graded is not None:
            for name in ("ndcg", "precision", "average_precision"):
                arrays[f"{row.key}/{name}"] = getattr(row.graded, name)
    memory = io.BytesIO()
    np.savez_compressed(memory, **arrays)  # type: ignore[arg-type]
    return memory.getvalue()


def _queries_file(run: Run) -> bytes:
    return "".join(json.dumps(asdict(query), ensure_ascii=False) + "\n" for query in run.queries).encode(
        "utf-8", "backslashreplace"
    )


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
