"""The comparison as text: each row's figures over its seeds, and its paired gain over the rows that it was defined against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.methods.rows import Row
from benchmarks.methods.statistics import Mean, mean_of

Figures = Mapping[str, Mapping[int, Mapping[str, float]]]       # row -> seed -> figure -> value

_APART = (
    ("composition.r_sum", "R@sum, new combinations"), ("test.swap.attribute", "attribute swaps"),
    ("test.swap.verb", "verb swaps"), ("test.swap.relation", "relation swaps"),
)  # fmt: skip


def table_of(rows: Sequence[Row], found: Figures) -> str:
    """Three Markdown tables: figures of all rows, paired gains of R@sum, and gains where one kind of fact decides."""
    present = [row for row in rows if found.get(row.name)]
    return "\n\n".join([_figures(present, found), _gains(present, found), _apart(present, found)])


def paired_gain(row: str, over: str, found: Figures, figure: str) -> Mean | None:
    """The mean over shared seeds of one row's figure minus the other's; None without any."""
    own, other = found.get(row, {}), found.get(over, {})
    shared = sorted(set(own) & set(other))
    return mean_of([own[seed][figure] - other[seed][figure] for seed in shared]) if shared else None


def _figures(rows: Sequence[Row], found: Figures) -> str:
    columns = (("test.r_sum", "R@sum both ways"), ("test.text_to_video.r1", "text to video R@1"), *_APART)
    lines = [_line(["row", "seeds", *(title for _, title in columns), "CPU seconds"]), _rule(len(columns) + 3)]
    for row in rows:
        of_row = found[row.name]
        means = [str(_mean(row, found, figure)) for figure, _ in columns]
        lines.append(_line([row.name, str(len(of_row)), *means, f"{_mean(row, found, 'cpu_seconds').value:.0f}"]))
    return "\n".join(lines)


def _gains(rows: Sequence[Row], found: Figures) -> str:
    lines = [_line(["row", "over", "gain of R@sum both ways", "beyond chance", "published gain, one way"]), _rule(5)]
    for row in rows:
        for gain in row.gains:
            ours = paired_gain(row.name, gain.over, found, "test.r_sum")
            if ours is not None:
                lines.append(_line([row.name, gain.over, _signed(ours), _verdict(ours), gain.published or "-"]))
    return "\n".join(lines)


def _apart(rows: Sequence[Row], found: Figures) -> str:
    lines = [_line(["row", "over", *(title for _, title in _APART)]), _rule(len(_APART) + 2)]
    for row in rows:
        for gain in row.gains:
            ours = [paired_gain(row.name, gain.over, found, figure) for figure, _ in _APART]
            if None not in ours:
                lines.append(_line([row.name, gain.over, *(_signed(one) for one in ours if one is not None)]))
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _rule(columns: int) -> str:
    return "|---" * columns + "|"


def _mean(row: Row, found: Figures, figure: str) -> Mean:
    return mean_of([figures[figure] for figures in found[row.name].values()])


def _signed(gain: Mean) -> str:
    return f"{'+' if gain.value >= 0 else ''}{gain}"


def _verdict(gain: Mean) -> str:
    if gain.n < 2:
        return "-"
    if not gain.excludes_zero:
        return "no"
    return "better" if gain.value > 0 else "worse"
