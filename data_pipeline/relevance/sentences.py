"""A text as its sentences."""

from __future__ import annotations

import re

_MARKS, _QUOTES = "。！？!?；;\n…", "”’」』"
_END = re.compile(
    rf"(?<=[{_MARKS}])(?![{_MARKS}{_QUOTES}])|(?<=[{_MARKS}][{_QUOTES}])(?![{_MARKS}{_QUOTES}])|(?<=\.)(?=\s)"
)


def sentences(text: str) -> list[str]:
    """The sentences in order, each with its closing mark; one without a letter or digit is joined to that before it."""
    found: list[str] = []
    for part in _END.split(text):
        if found and not any(c.isalnum() for c in part):
            found[-1] += part
        else:
            found.append(part)
    return [part.strip() for part in found if part.strip()]
