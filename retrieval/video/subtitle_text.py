"""Subtitle lines and the cleaning of their text."""

from __future__ import annotations

import re
from dataclasses import dataclass

_STYLING = re.compile(r"\{[^{}\\]*\\[^{}]*\}|</?(?:[a-zA-Z][^<>]{0,100}|\d{2}:[\d:.]+)?>")
_BREAKS = re.compile(r"\\[Nnh]|\s+")
_ENTITIES = {"&amp;": "&", "&lt;": "<", "&gt;": ">", "&nbsp;": " ", "&quot;": '"', "&lrm;": "", "&rlm;": ""}
_ENTITY = re.compile("|".join(_ENTITIES))


@dataclass(frozen=True)
class SubtitleLine:
    """One text and when it is shown, [start_ms, end_ms)."""

    start_ms: int
    end_ms: int
    text: str


def plain_text(text: str) -> str:
    """Without styling (`{\\\\an8}`, `<i>`, karaoke stamps), entities resolved, line breaks as single spaces."""
    text = _STYLING.sub("", text)
    text = _ENTITY.sub(lambda found: _ENTITIES[found.group()], text)
    return _BREAKS.sub(" ", text).strip()
