"""The results as Markdown."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.methods.job import read_finished
from benchmarks.methods.statistics import mean_of

Row = Mapping[str, Any]
_RAW = "raw"
_FIGURES = ("zero.r_sum", "tuned.r_sum", "tuned.text_to_video.r1")


def tables_of(filters: Path, runs: Path) -> str:
    """How scores order, what shares keep, what leaks, and what each arm teaches."""
    rows = [json.loads(line) for line in filters.read_text(encoding="utf-8").splitlines()] if filters.exists() else []
    return "\n\n".join((_order(rows), _filter(rows), _masking(rows), _leak(rows), _arms(runs)))


def _order(rows: Sequence[Row]) -> str:
    kinds = ("auc", "auc_mismatched", "auc_weak", "auc_lyrics", "auc_invention")
    return _table(("model", "videos", "score", "pairs", "true", *kinds), (
        [row[name] for name in ("model", "videos", "score", "pairs", "true", *kinds)] for row in rows if row["what"] == "order"
    ))  # fmt: skip


def _filter(rows: Sequence[Row]) -> str:
    return _table(("model", "score", "share kept", "pairs", "precision %", "recall %"), (
        [row["model"], row["score"], f"{row['share']:.0%}", row["kept"], _interval(row["precision"]), _interval(row["recall"])]
        for row in rows if row["what"] == "filter"
    ))  # fmt: skip


def _masking(rows: Sequence[Row]) -> str:
    return _table(("model", "score", "over", "pairs", "area under the curve", "precision"), (
        [row["model"], row["score"], row["over"], row["pairs"], *(
            f"{gain['points']:+.1f} ({gain['low']:+.1f} to {gain['high']:+.1f})"
            for gain in (row["auc_gain"], row["precision_gain"])
        )]
        for row in rows if row["what"] == "masking"
    ))  # fmt: skip


def _leak(rows: Sequence[Row]) -> str:
    return _table(("model", "net", "share kept", "pairs", "lyrics", "leak %", "true pairs kept %"), (
        [
            row["model"], row["net"], f"{row['share']:.0%}", row["kept"], row["lyrics"], _interval(row["leak"]),
            _interval(row["true_kept"]),
        ]
        for row in rows if row["what"] == "leak"
    ))  # fmt: skip


def _arms(runs: Path) -> str:
    """Means over seeds; the gain over the raw corpus is paired by seed."""
    found: dict[str, dict[int, dict[str, float]]] = {}
    for run in read_finished(runs):
        found.setdefault(run.row, {})[run.seed] = run.figures
    lines = []
    for name, seeds in found.items():
        means = [_mean(seeds.values(), figure) for figure in _FIGURES]
        shared = sorted(set(seeds) & set(found.get(_RAW, {}))) if name != _RAW else []
        gains = [
            str(mean_of([seeds[seed][figure] - found[_RAW][seed][figure] for seed in shared]))
            if shared and all(figure in seeds[seed] for seed in shared) else "-"
            for figure in _FIGURES[:2]
        ]
        lines.append([name, len(seeds), *means, *gains])
    return _table(("arm", "seeds", *_FIGURES, "zero: over raw", "tuned: over raw"), lines)


def _mean(of_seeds: Iterable[Mapping[str, float]], figure: str) -> str:
    values = [figures[figure] for figures in of_seeds if figure in figures]
    return str(mean_of(values)) if values else "-"


def _interval(share: Mapping[str, float]) -> str:
    return f"{share['percent']:.1f} ({share['low']:.1f} to {share['high']:.1f})"


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = ["| " + " | ".join(map(str, row)) + " |" for row in (head, ["---"] * len(head), *rows)]
    return "\n".join(lines)
