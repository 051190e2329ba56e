"""Trying again where a store had only a hiccup."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from time import sleep
from typing import TypeVar

from retrieval.errors import BackendError

Answer = TypeVar("Answer")
WRITE_PAUSES = (0.2, 0.5, 1.0, 2.0, 4.0)        # seconds before each further try
READ_PAUSES = (0.1,)                            # somebody waits, and words can answer
_INNER = re.compile(r"message=(.*?)\)?>?$")     # what pymilvus wraps in its own name and code


def retried(
    call: Callable[[], Answer], *, name: str, transient: Callable[[Exception], bool], pauses: tuple[float, ...]
) -> Answer:
    """What `call` returns; after an error that is transient it is called again, after a pause a little longer or shorter.

    Any other error, and the last one, becomes a BackendError that names the store.
    """
    for pause in (*pauses, None):
        try:
            return call()
        except BackendError:
            raise
        except Exception as error:
            if pause is None or not transient(error):
                raise BackendError(sentence(name, error, reachable=not transient(error))) from error
            sleep(pause * random.uniform(0.75, 1.25))
    raise AssertionError("the last try returns or raises")


def sentence(name: str, error: Exception, *, reachable: bool) -> str:
    """One sentence for what a client raised: the first line of it says enough."""
    reason = next(iter(str(error).strip().splitlines()), "") or type(error).__name__
    inner = _INNER.search(reason)
    reason = (inner[1] if inner else reason)[:200].rstrip(".:")
    if reachable:
        return f"{name} refused: {reason}."
    return f"{name} cannot be reached ({reason}): is it running, and is the address right?"
