"""What every child process does first."""

from __future__ import annotations

import os
import signal
import threading
import time


def live_and_die_with_parent() -> None:
    """Leave Ctrl-C to the parent, and end when the parent is gone, even in the middle of a call that never returns."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_watch_parent, args=(os.getppid(),), daemon=True).start()


def _watch_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(1)
