"""What a long-lived process tells the garbage collector."""

from __future__ import annotations

import gc


def settle() -> None:
    """Let the collector pass over all that stands now, models and routes: looking through half a million objects that stay
    took a sixth of a search. Call it again when some of them were replaced: what has gone is collected then.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
