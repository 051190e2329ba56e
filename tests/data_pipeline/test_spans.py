"""Questions about many spans are answered as by going through all of them."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from data_pipeline.spans import Cover, Neighbours, Span


def drawn(random: Random, *, count: int, longest: int = 400) -> list[Span]:
    starts = [random.randrange(1_000) for _ in range(count)]
    return [(start, start + random.randrange(longest)) for start in starts]


@pytest.mark.parametrize("seed", range(30))
def test_what_spans_cover_is_what_a_count_by_the_millisecond_finds(seed: int) -> None:
    random = Random(seed)
    spans = drawn(random, count=random.randrange(8), longest=random.choice((5, 150, 400)))
    covered = np.zeros(2_000, bool)
    for start, end in spans:
        covered[start:end] = True
    cover = Cover(spans)
    for start, end in [*drawn(random, count=40), (0, 2_000), (300, 300)]:
        inside = np.flatnonzero(covered[start:end]) + start
        assert cover.share(start, end) == (covered[start:end].mean() if start < end else 0.0)
        if start < end:
            assert cover.within(start, end) == ((inside[0], inside[-1] + 1) if len(inside) else None)


@pytest.mark.parametrize("seed", range(30))
def test_neighbours_are_the_spans_that_overlap(seed: int) -> None:
    random = Random(seed)
    spans = drawn(random, count=random.randrange(20)) + [(0, 1_400)] * (seed % 2)
    random.shuffle(spans)
    neighbours = Neighbours(spans)
    for start, end in drawn(random, count=40):
        assert neighbours.of(start, end) == [n for n, (a, b) in enumerate(spans) if a < end and start < b]
