"""Samples of pairs with a picture of their moment: what was kept, and for each reason some of what was not."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from data_pipeline.report.page.elements import Markup, both, join, tag
from data_pipeline.report.page.labels import label
from data_pipeline.report.page.parts import section

_LONGEST_TEXT = 160
_OPEN = 3


@dataclass(frozen=True, kw_only=True)
class ShownPair:
    """A pair as it is shown. picture: a JPEG, None where there is none; score: the deciding one."""

    text: str
    kind: str
    start_ms: int
    end_ms: int
    score: float | None
    masked: float | None
    flags: tuple[str, ...]
    picture: bytes | None


@dataclass(frozen=True, kw_only=True)
class ShownGroup:
    """Some of `total` pairs of which the same became: `outcome`, kept or a reason."""

    outcome: str
    total: int
    pairs: tuple[ShownPair, ...]


def samples(groups: Sequence[ShownGroup]) -> Markup:
    """The section; the first groups are open, the others a click away."""
    folded = (_group(group, is_open=place < _OPEN) for place, group in enumerate(groups))
    lead = both(
        "随机抽取，重新生成时不变；每组按得分从高到低。",
        "Drawn at random, and the same ones again next time; each group from the highest score down.",
    )
    return section("samples", both("样本", "Samples"), *folded, lead=lead)


def _group(group: ShownGroup, *, is_open: bool) -> Markup:
    title = tag("summary", label(group.outcome), tag("small", f" {len(group.pairs)} / {group.total:,}"))
    cards = tag("div", *map(_card, group.pairs), class_="pairs")
    return tag("details", title, cards, open=True if is_open else None)


def _card(pair: ShownPair) -> Markup:
    text = pair.text if len(pair.text) <= _LONGEST_TEXT else pair.text[:_LONGEST_TEXT] + "…"
    span = f"{pair.start_ms / 1000:.1f}–{pair.end_ms / 1000:.1f} s"
    chips = [tag("span", label(pair.kind), class_="chip"), tag("span", span, class_="chip")]
    if pair.score is not None:
        chips.append(tag("span", f"{pair.score:.3f}", class_="chip strong"))
    if pair.masked is not None:
        chips.append(tag("span", both("遮字 ", "masked "), f"{pair.masked:.3f}", class_="chip"))
    chips += [tag("span", label(flag), class_="chip doubt") for flag in pair.flags]
    return tag("article", _picture(pair.picture), tag("p", text), tag("div", join(chips), class_="chips"))


def _picture(data: bytes | None) -> Markup:
    if data is None:
        return tag("div", both("无画面", "no picture"), class_="nothing")
    return tag("img", src=f"data:image/jpeg;base64,{base64.b64encode(data).decode()}", alt="", loading="lazy")
