"""The comparison as text: each row's figures over its seeds, and its paired difference from the row that it is against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.methods.rows import Row
from benchmarks.methods.statistics import Mean, mean_of

Figures = Mapping[str, Mapping[int, Mapping[str, float]]]       # row -> seed -> figure -> value

_APART = (
    ("composition.r_sum", "new combinations"), ("test.swap.attribute", "attribute"), ("test.swap.verb", "verb"),
    ("test.swap.relation", "relation"),
)  # fmt: skip


def table_of(rows: Sequence[Row], found: Figures) -> str:
    """Two Markdown tables: R@sum both ways with paired gains, and combinations and swaps apart."""
    present = [row for row in rows if found.get(row.name)]
    return "\n\n".join([_gains(present, found), _apart(present, found)])


def paired_gain(row: Row, found: Figures, figure: str) -> Mean | None:
    """The mean over shared seeds of row - what it is against; None without any."""
    if row.against is None:
        return None
    own, other = found.get(row.name, {}), found.get(row.against, {})
    shared = sorted(set(own) & set(other))
    return mean_of([own[seed][figure] - other[seed][figure] for seed in shared]) if shared else None


def _gains(rows: Sequence[Row], found: Figures) -> str:
    lines = [
        "| row | seeds | R@sum both ways | text to video R@1 | against | gain of R@sum | clear | published gain | CPU seconds |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        gain = paired_gain(row, found, "test.r_sum")
        cells = [
            row.name, str(len(found[row.name])), str(_mean(row, found, "test.r_sum")),
            str(_mean(row, found, "test.text_to_video.r1")), row.against or "-",
            "-" if gain is None else f"{'+' if gain.value >= 0 else ''}{gain}", _verdict(gain), row.published or "-",
            f"{_mean(row, found, 'cpu_seconds').value:.0f}",
        ]  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _apart(rows: Sequence[Row], found: Figures) -> str:
    lines = [
        "| row | " + " | ".join(title for _, title in _APART) + " |",
        "|---" * (len(_APART) + 1) + "|",
    ]
    for row in rows:
        cells = []
        for figure, _ in _APART:
            gain = paired_gain(row, found, figure)
            paired = "" if gain is None else f" ({'+' if gain.value >= 0 else ''}{gain})"
            cells.append(f"{_mean(row, found, figure)}{paired}")
        lines.append(f"| {row.name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _mean(row: Row, found: Figures, figure: str) -> Mean:
    return mean_of([figures[figure] for figures in found[row.name].values()])


def _verdict(gain: Mean | None) -> str:
    if gain is None or gain.n < 2:
        return "-"
    if not gain.excludes_zero:
        return "no"
    return "better" if gain.value > 0 else "worse"
