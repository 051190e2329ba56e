"""Charts whose bars stretch with the page and whose letters do not: drawings without text, labels in HTML around them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from data_pipeline.report.page.elements import Markup, number, tag

_HEIGHT = 100


@dataclass(frozen=True)
class Bin:
    """A column: what the pointer reads over it, and its count in each layer from the bottom up, by style class."""

    label: str
    layers: tuple[tuple[str, int], ...]

    @property
    def total(self) -> int:
        return sum(count for _, count in self.layers)


@dataclass(frozen=True)
class Tick:
    """A label under the axis, or a marked line through the chart; place: 0..1 of the width."""

    place: float
    label: str


@dataclass(frozen=True)
class Bar:
    """A row: its name, its value, and what stands beside the value. part: how much of the value is marked."""

    name: str
    value: float
    note: str = ""
    part: float | None = None


def columns(bins: Sequence[Bin], *, ticks: Sequence[Tick], mark: Tick | None = None, label: str) -> Markup:
    """Stacked columns over an axis; `mark` is drawn as a line."""
    most = max((one.total for one in bins), default=0) or 1
    drawing = tag(
        "svg", *(_column(place, one, most) for place, one in enumerate(bins)), viewBox=f"0 0 {max(len(bins), 1)} {_HEIGHT}",
        preserveAspectRatio="none", role="img", aria_label=label,
    )  # fmt: skip
    line = () if mark is None else (tag("div", tag("b", mark.label), class_=_side("mark", mark.place), style=_left(mark.place)),)
    axis = tag("div", *(tag("span", tick.label, style=_left(tick.place)) for tick in ticks), class_="axis")
    return tag("div", tag("div", tag("i", number(most), class_="most"), drawing, *line, class_="plot"), axis, class_="chart")


def bars(rows: Sequence[Bar], *, whole: float | None = None) -> Markup:
    """One bar a row, all to one scale. whole: what a bar of full width stands for, by default the greatest value."""
    most = whole or max((row.value for row in rows), default=0) or 1
    return tag("div", *(_bar(row, most) for row in rows), class_="bars")


def _column(place: int, one: Bin, most: int) -> Markup:
    pieces, top = [], float(_HEIGHT)
    for kind, count in one.layers:
        height = _HEIGHT * count / most
        top -= height
        if count:
            pieces.append(tag(
                "rect", x=f"{place + 0.06:g}", y=f"{top:.2f}", width="0.88", height=f"{max(height, 0.4):.2f}", class_=kind
            ))
    hover = tag("rect", x=place, y=0, width=1, height=_HEIGHT, class_="hover")
    return tag("g", tag("title", one.label), hover, *pieces)


def _bar(row: Bar, most: float) -> Markup:
    part = (tag("i", style=_width(row.part, most)),) if row.part else ()
    track = tag("span", tag("i", style=_width(row.value, most), class_="all"), *part, class_="track")
    return tag("div", tag("span", row.name, class_="name"), track, tag("span", row.note, class_="note"), class_="bar")


def _left(place: float) -> str:
    return f"left:{100 * min(max(place, 0.0), 1.0):.2f}%"


def _side(name: str, place: float) -> str:
    """A label near the right edge is written to the left of its line."""
    return f"{name} before" if place > 0.6 else name


def _width(value: float, most: float) -> str:
    return f"width:{100 * value / most:.2f}%"
