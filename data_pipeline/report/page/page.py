"""The whole page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from data_pipeline.report.page.content import evidence, words
from data_pipeline.report.page.elements import Markup, both, join, tag
from data_pipeline.report.page.overview import balance, cards, durations, funnel
from data_pipeline.report.page.relevance import scores
from data_pipeline.report.page.samples import ShownGroup, samples
from data_pipeline.report.page.work import failures, origin, stages

# Nothing is loaded and nothing runs, also when the page holds what a stranger wrote as a title.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_PARTS = (
    ("funnel", "漏斗", "Funnel"), ("scores", "相关性", "Relevance"), ("samples", "样本", "Samples"),
    ("durations", "时长", "Durations"), ("words", "用词", "Words"), ("balance", "均衡", "Balance"),
    ("evidence", "声音文字", "Evidence"), ("stages", "用时", "Time"), ("failures", "失败", "Failures"),
    ("origin", "设置", "Settings"),
)  # fmt: skip


def page(statistics: Mapping[str, Any], shown: Sequence[ShownGroup], *, name: str) -> str:
    """HTML of a report. statistics: as `statistics.json` has them; name: of the corpus."""
    style = Markup((Path(__file__).parent / "report.css").read_text(encoding="utf-8"))
    head = tag(
        "head", tag("meta", charset="utf-8"), tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"), tag("title", f"{name} · 文视语料报告"),
        tag("style", style),
    )  # fmt: skip
    body = tag("body", *_switch(), _header(name), tag("main", *_sections(statistics, shown)))
    return "<!doctype html>\n" + tag("html", head, body, lang="zh-CN") + "\n"


def _sections(statistics: Mapping[str, Any], shown: Sequence[ShownGroup]) -> list[Markup]:
    return [
        cards(statistics), funnel(statistics), scores(statistics), samples(shown), durations(statistics), words(statistics),
        balance(statistics), evidence(statistics), stages(statistics), failures(statistics), origin(statistics),
    ]  # fmt: skip


def _switch() -> tuple[Markup, ...]:
    """Which language is shown is a matter of these two buttons and the style sheet alone."""
    return (
        tag("input", type="radio", name="language", id="in-chinese", checked=True),
        tag("input", type="radio", name="language", id="in-english"),
    )


def _header(name: str) -> Markup:
    languages = tag(
        "span", tag("label", "中文", for_="in-chinese"), tag("label", "English", for_="in-english"), class_="languages"
    )
    links = join(tag("a", both(chinese, english), href=f"#{part}") for part, chinese, english in _PARTS)
    return tag("header", tag("h1", tag("small", both("语料报告", "Corpus report")), name), languages, tag("nav", links))
