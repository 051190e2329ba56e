"""Segments of speech grown to a minimum length and time."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate


def grown_spans(
    lengths: Sequence[int], starts_ms: Sequence[int], ends_ms: Sequence[int], *, min_characters: int, min_ms: int
) -> list[tuple[int, int]]:
    """Grow every segment until its text and time are long enough; the distinct spans of first and last segment, in order.

    lengths: characters of each segment. While a span holds fewer than `min_characters` or lasts less than `min_ms`, it
    takes the neighbour that keeps it shorter in time, without a minimum of time the one with more characters; the earlier
    one where both are equal. At an end it grows the other way; a span of everything stops. Source: the ASR sampler of
    AntMMF (CNVid-3.5M), with every segment as a seed in place of random draws.
    """
    until = [0, *accumulate(lengths)]
    spans: dict[tuple[int, int], None] = {}
    for seed in range(len(lengths)):
        first = last = seed
        while until[last + 1] - until[first] < min_characters or ends_ms[last] - starts_ms[first] < min_ms:
            if first == 0 and last == len(lengths) - 1:
                break
            if last == len(lengths) - 1 or (first > 0 and _earlier(lengths, starts_ms, ends_ms, first, last, min_ms)):
                first -= 1
            else:
                last += 1
        spans[first, last] = None
    return list(spans)


def _earlier(
    lengths: Sequence[int], starts_ms: Sequence[int], ends_ms: Sequence[int], first: int, last: int, min_ms: int
) -> bool:
    """Whether the neighbour before is to be taken, where there is one on both sides."""
    if min_ms > 0:
        return ends_ms[last] - starts_ms[first - 1] <= ends_ms[last + 1] - starts_ms[first]
    return lengths[last + 1] <= lengths[first - 1]
