"""What a long-lived process keeps is passed over by the garbage collector; what it dropped is not kept by that."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from serving.memory import settle


class Cycle:
    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def thawed() -> Iterator[None]:
    yield
    gc.unfreeze()


def test_what_stands_is_passed_over_and_what_comes_later_is_not() -> None:
    settle()
    assert gc.get_freeze_count() > 1000
    gone = weakref.ref(Cycle())
    gc.collect()
    assert gone() is None


def test_what_was_kept_and_then_replaced_goes_at_the_next_call() -> None:
    kept = Cycle()
    gone = weakref.ref(kept)
    settle()
    del kept
    gc.collect()
    assert gone() is not None       # this is what passing over costs
    settle()
    assert gone() is None
