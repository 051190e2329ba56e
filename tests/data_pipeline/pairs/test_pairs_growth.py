"""Segments grow as the published sampler grows them, with every segment as a seed."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from data_pipeline.pairs.growth import grown_spans


def slow(texts: list[str], starts: list[int], ends: list[int], min_words: int, min_time: int) -> list[tuple[int, int]]:
    """The rules one after the other, on the texts themselves."""
    found: list[tuple[int, int]] = []
    for k in range(len(texts)):
        a = b = k
        while len("".join(texts[a : b + 1])) < min_words or ends[b] - starts[a] < min_time:
            before, after = a > 0, b < len(texts) - 1
            if before and after:
                forward, backward = ends[b + 1] - starts[a], ends[b] - starts[a - 1]
                back = backward <= forward if min_time > 0 else len(texts[b + 1]) <= len(texts[a - 1])
            elif before or after:
                back = before
            else:
                break
            a, b = (a - 1, b) if back else (a, b + 1)
        if (a, b) not in found:
            found.append((a, b))
    return found


SEGMENTS = st.lists(st.tuples(st.integers(1, 8), st.integers(0, 3000), st.integers(1, 4000)), min_size=1, max_size=12)


@settings(max_examples=200, deadline=None)
@given(SEGMENTS, st.integers(0, 20), st.sampled_from([0, 1000, 5000]))
def test_growth_is_that_of_the_published_sampler(segments: list[tuple[int, int, int]], words: int, time_ms: int) -> None:
    texts, starts, ends, now = [], [], [], 0
    for length, gap, lasts in segments:
        texts.append("字" * length)
        starts.append(now + gap)
        ends.append(now := now + gap + lasts)
    lengths = [len(text) for text in texts]
    spans = grown_spans(lengths, starts, ends, min_characters=words, min_ms=time_ms)
    assert spans == slow(texts, starts, ends, words, time_ms)


def test_long_segments_stay_alone_and_a_short_video_is_one_span() -> None:
    assert grown_spans([9, 9], [0, 6000], [5000, 12000], min_characters=5, min_ms=5000) == [(0, 0), (1, 1)]
    assert grown_spans([1, 1, 1], [0, 500, 900], [400, 800, 1200], min_characters=5, min_ms=5000) == [(0, 2)]
    assert grown_spans([], [], [], min_characters=5, min_ms=5000) == []
