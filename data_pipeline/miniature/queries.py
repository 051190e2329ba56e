"""Searches that show what the miniature world can answer, each with the clip and the moment that is right."""

from __future__ import annotations

from dataclasses import dataclass

from retrieval.records import EvidenceKind


@dataclass(frozen=True, kw_only=True)
class DemoQuery:
    """A query, and what must come first. `span_ms` is set where it asks for a moment, not for a whole clip.

    `channels` are the kinds of evidence that hold the words: with "ocr" among them the clips' on-screen text must
    have been read.
    """

    text: str
    shows: str                              # what this query demonstrates, in Chinese, for people
    clip: str                               # SceneSpec.name
    channels: tuple[EvidenceKind, ...]
    span_ms: tuple[int, int] | None = None


DEMO_QUERIES: tuple[DemoQuery, ...] = (
    DemoQuery(text="新车试驾", shows="标题里的词", clip="car-test-drive", channels=("title",)),
    DemoQuery(text="人民广场", shows="画面上的字", clip="bus-old-town", channels=("ocr",), span_ms=(2000, 5000)),
    DemoQuery(text="远光灯", shows="说过的话", clip="night-driving", channels=("subtitle",), span_ms=(2800, 5400)),
    DemoQuery(text="飛往南方", shows="繁体查简体", clip="birds-sea", channels=("subtitle",), span_ms=(400, 2600)),
    DemoQuery(text="ＡＢＣ１２３", shows="全角字母和数字", clip="indoor-football", channels=("title",)),
    DemoQuery(
        text="好茶 八十五度", shows="标题和字幕各一个词", clip="good-tea", channels=("title", "subtitle"),
        span_ms=(500, 2500),
    ),
)
