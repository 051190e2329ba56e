"""The sections of what is said, heard, read and seen."""

from __future__ import annotations

from collections.abc import Mapping

from data_pipeline.report.page.charts import Bar, bars
from data_pipeline.report.page.cloud import cloud
from data_pipeline.report.page.elements import Markup, both, join, number, percent, tag
from data_pipeline.report.page.labels import label
from data_pipeline.report.page.parts import Numbers, beside, counted, section, titled

_LISTED = 50


def words(numbers: Numbers) -> Markup:
    """Parts of speech, word clouds and topics of the kept texts."""
    found, topics = numbers["words"], numbers["videos"]["topics"]
    parts = [
        Bar(label(part), count, join((number(count), " · ", both("每条 ", "a text: "), f"{found['per_text'][part]:.2f}")))
        for part, count in found["parts"].items()
    ]
    clouds = [titled(label(part), cloud(found["top"][part], label=part)) for part in found["top"]]
    if topics:
        clouds.append(titled(both("话题", "Topics"), cloud(topics, label="topics")))
    listed = tag("div", *(_list(part, counts) for part, counts in found["top"].items()), class_="three")
    return section(
        "words", both("用词", "Words"), bars(parts), beside(*clouds),
        tag("details", tag("summary", both("词表", "The words as a list")), listed), lead=_size(numbers),
    )  # fmt: skip


def evidence(numbers: Numbers) -> Markup:
    """What was heard, read and seen, and how much of it is dirt."""
    found, candidates = numbers["evidence"], numbers["pairs"]["candidates"]
    segments, lines, shots = found["speech"]["segments"], found["screen"]["lines"], found["shots"]
    heard = found["audio"]["ms"]
    sounds = [
        Bar(label(name), ms, f"{ms / 3_600_000:,.2f} h · {percent(ms, sum(heard.values()))}") for name, ms in heard.items()
    ]
    return section(
        "evidence", both("声音、文字与画面", "Sound, text and picture"),
        beside(
            titled(
                both(f"语音段的疑点（共 {segments:,} 段）", f"Doubts about speech ({segments:,} segments)"),
                counted(found["speech"]["flags"], whole=segments, to_scale=True),
            ),
            titled(
                both(f"候选文本的疑点（共 {candidates:,} 条）", f"Doubts about candidates ({candidates:,})"),
                counted(numbers["pairs"]["flags"], whole=candidates, to_scale=True),
            ),
            titled(both("听到的", "What is heard"), bars(sounds)),
            titled(both(f"画面文字（{lines:,} 行）", f"On-screen text ({lines:,} lines)"), counted(found["screen"]["roles"])),
            titled(both(f"关键帧（{shots:,} 个镜头）", f"Keyframes ({shots:,} shots)"), counted(found["keyframes"])),
        ),
    )  # fmt: skip


def _size(numbers: Numbers) -> Markup:
    found, videos, pairs = numbers["words"], numbers["videos"], numbers["pairs"]
    texts = pairs["kept"] + pairs["undecided"]
    return both(
        f"词性与词频数自样本：{texts:,} 条文本中的 {found['sample_texts']:,} 条，共 {found['sample_characters']:,} 字。"
        f"话题 {videos['topics_total']:,} 个，{videos['topics_different']:,} 种。",
        f"Counted in a sample: {found['sample_texts']:,} of {texts:,} texts, {found['sample_characters']:,} characters. "
        f"{videos['topics_total']:,} topics, {videos['topics_different']:,} different ones.",
    )


def _list(part: str, counts: Mapping[str, int]) -> Markup:
    items = (tag("li", word, tag("small", f" {count:,}")) for word, count in list(counts.items())[:_LISTED])
    return titled(label(part), tag("ol", *items))
