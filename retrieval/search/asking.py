"""The frame of a request: 有没有狗的视频, 帮我找一段狗在海边跑的视频, 什么视频里有狗？ all ask for what stands inside it."""

from __future__ import annotations

import re

from retrieval.text import normalise, simplified_in_place

_SOME = r"(?:一下|一找|一[个段些点场]|几[个段]|[个段点些看])?"
_VIDEO = "视频|短视频|影片|短片|片段|录像|画面|镜头|片子|素材"
_ABOUT = "(?:有关|关于)?"
_HEAD = re.compile(
    rf"(?:请问?|麻烦你?)?(?:(?:帮我|给我|替我|请)(?:找|搜索?|查找?|放|推荐){_SOME}"
    rf"|(?:我|我们)?(?:想|要|想要)(?:看|找|搜索?){_SOME}"
    rf"|(?:找|搜索?|查)(?:一下|一找|找看)"
    rf"|(?:这里|库里)?有(?:没有|哪些|什么)"
    rf"|(?:哪[个些段]|什么)(?:{_VIDEO})(?:里面?|中)?(?:有|是|拍|讲)[到了]?){_ABOUT}"
)
_TAIL = re.compile(rf"(?:有关|相关)?(?:的(?:{_VIDEO})?)?[吗呢吧么嘛]?[\s?？。!！]*$")


def without_frame(text: str) -> str:
    """The text without the words that only ask; as it stands where it has no such head, or nothing else."""
    text = normalise(text)
    head = _HEAD.match(simplified_in_place(text))
    if head is None:
        return text
    rest = text[head.end() :]
    tail = _TAIL.search(simplified_in_place(rest))
    inside = (rest if tail is None else rest[: tail.start()]).strip(" ,，、。:：")
    return inside or text
