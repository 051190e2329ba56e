"""The language of a short text, by its script."""

from __future__ import annotations

import re

from retrieval.text import holds_chinese

KANA, _HANGUL = re.compile("[\u3040-\u30ff]"), re.compile("[\uac00-\ud7af\u1100-\u11ff]")
_LATIN = re.compile("[A-Za-z]")


def language_of(text: str, *, told: str | None = None) -> str:
    """ja, ko or zh where there is a character of it; else what was told about the text, en for Latin letters, or und."""
    if KANA.search(text):
        return "ja"
    if _HANGUL.search(text):
        return "ko"
    if holds_chinese(text):
        return "zh"
    return told or ("en" if _LATIN.search(text) else "und")
