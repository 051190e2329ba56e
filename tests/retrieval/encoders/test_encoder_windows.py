from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.encoders.windows import split_windows


@given(length=st.integers(0, 400), capacity=st.integers(1, 60), data=st.data())
def test_every_token_is_owned_once_by_a_window_that_read_it(length: int, capacity: int, data: st.DataObject) -> None:
    overlap = data.draw(st.integers(0, capacity - 1))
    windows = split_windows(length, capacity=capacity, overlap=overlap)

    owned = [token for window in windows for token in range(window.own_start, window.own_stop)]
    assert owned == list(range(length))
    for window in windows:
        assert window.start <= window.own_start <= window.own_stop <= window.stop
        assert window.stop - window.start <= capacity
        assert window.owned > 0 or length == 0


@given(length=st.integers(0, 400), capacity=st.integers(1, 60), data=st.data())
def test_neighbours_overlap_as_asked_and_long_texts_fill_every_window(
    length: int, capacity: int, data: st.DataObject
) -> None:
    overlap = data.draw(st.integers(0, capacity - 1))
    windows = split_windows(length, capacity=capacity, overlap=overlap)

    assert len(windows) == 1 if length <= capacity else all(w.stop - w.start == capacity for w in windows)
    assert all(left.stop - right.start >= overlap for left, right in pairwise(windows))


def test_a_token_near_a_border_is_taken_from_the_window_that_sees_more_around_it() -> None:
    first, second = split_windows(14, capacity=8, overlap=2)

    assert (first.start, first.stop, second.start, second.stop) == (0, 8, 6, 14)
    assert (first.own_stop, second.own_start) == (7, 7)


@pytest.mark.parametrize("overlap", [-1, 8, 9])
def test_an_overlap_that_never_gets_on_is_refused(overlap: int) -> None:
    with pytest.raises(ValueError, match="overlap must be from 0 to capacity - 1 = 7"):
        split_windows(20, capacity=8, overlap=overlap)
