"""Which bytes a `Range` header asks for."""

from __future__ import annotations

import re

_SINGLE = re.compile(r"bytes=(\d{0,19})-(\d{0,19})", re.ASCII)


class Unsatisfiable(ValueError):
    """The range lies behind the end of the file."""


def parse_range(header: str | None, size: int) -> tuple[int, int] | None:
    """[start, end) of a file of `size` bytes; None = all of it: no header, several ranges, or one that is no range.

    Raises Unsatisfiable. Source: RFC 9110, section 14.
    """
    match = _SINGLE.fullmatch((header or "").strip().lower().replace(" ", ""))
    if match is None or match.group(1) == match.group(2) == "":
        return None
    first, last = match.groups()
    if not first:       # the last so many bytes
        start, end = max(size - int(last), 0), size
    else:
        start, end = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < start:
            return None
    if start >= end:
        raise Unsatisfiable
    return start, end
