"""What the sections of the page are made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from data_pipeline.report.page.charts import Bar, bars
from data_pipeline.report.page.elements import Markup, join, number, percent, tag
from data_pipeline.report.page.labels import label

Numbers = Mapping[str, Any]
KEPT_KEY = tag("small", tag("i", class_="key kept"), label("kept"), class_="kept-key")
"""What the marked part of a bar stands for."""


def section(name: str, title: Markup, *children: str, lead: Markup | None = None) -> Markup:
    """A part of the page under a heading that can be linked to."""
    above = (tag("p", lead, class_="lead"),) if lead else ()
    return tag("section", tag("h2", title), *above, *children, id=name)


def titled(title: Markup, *children: str) -> Markup:
    """A chart or table on a card of its own."""
    return tag("figure", tag("figcaption", title), *children)


def beside(*figures: Markup) -> Markup:
    """Figures in two columns where there is room."""
    return tag("div", *figures, class_="two")


def table(heads: Sequence[Markup], rows: Iterable[Sequence[str]]) -> Markup:
    """A table that scrolls by itself where the page is narrow."""
    body = (tag("tr", *(tag("td", cell) for cell in row)) for row in rows)
    head = tag("thead", tag("tr", *(tag("th", head) for head in heads)))
    return tag("div", tag("table", head, tag("tbody", *body)), class_="wide")


def quiet(text: str) -> Markup:
    return tag("p", text, class_="quiet")


def share(count: float, whole: float) -> str:
    """A count with its share of the whole."""
    return f"{number(count)} · {percent(count, whole)}"


def counted(counts: Mapping[str, int], *, whole: int | None = None, to_scale: bool = False) -> Markup:
    """A bar for each word of the tables. whole: what shares are of, by default the sum; to_scale: it fills a bar, too."""
    total = sum(counts.values()) if whole is None else whole
    rows = [Bar(label(name), count, share(count, total)) for name, count in counts.items()]
    return bars(rows, whole=(total or None) if to_scale else None)


def kept_of(counts: Mapping[str, Mapping[str, int]], *, all_of: str, most: int) -> Markup:
    """A bar for each word of the tables with the kept part marked. all_of: the key of the whole beside `kept`."""
    rows = [
        Bar(label(name), entry[all_of], f"{entry['kept']:,} / {entry[all_of]:,}", part=entry["kept"])
        for name, entry in list(counts.items())[:most]
    ]
    left = len(counts) - len(rows)
    return join((bars(rows), quiet(f"+ {left:,}") if left > 0 else Markup("")))
