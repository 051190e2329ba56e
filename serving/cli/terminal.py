"""What a person sees: sentences on standard error, results on standard output, no traceback."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from retrieval.errors import WenshiError

INTERRUPTED = 130


def say(sentence: str) -> None:
    """One line on standard error, so that standard output stays the result alone."""
    print(sentence, file=sys.stderr, flush=True)


def print_json(value: Any) -> None:
    json.dump(value, sys.stdout, ensure_ascii=False, indent=2)
    sys.stdout.write("\n")
    sys.stdout.flush()


def printable(text: str) -> str:
    """A name or title as it may stand on a terminal: a control character in it is written out, not obeyed."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def clock(milliseconds: int) -> str:
    """`0:07`, `12:30`, `1:02:03`."""
    seconds = milliseconds // 1000
    hours, minutes, seconds = seconds // 3600, seconds // 60 % 60, seconds % 60
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


def span(start_ms: int, end_ms: int) -> str:
    """`0:02.4–0:05.1`: a moment is looked up to the tenth of a second."""
    return "–".join(f"{clock(ms)}.{ms // 100 % 10}" for ms in (start_ms, end_ms))


def run(app: Callable[[], Any]) -> None:
    """Run the command line; an error that Wenshi knows becomes one sentence and exit status 1."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")  # a path may hold any bytes
    signal.signal(signal.SIGTERM, as_interrupt)
    try:
        app()
    except WenshiError as error:
        _leave(str(error), 1)
    except SystemExit as leaving:
        if leaving.code == INTERRUPTED:  # Typer makes this of Ctrl-C
            say("wenshi: Interrupted. What was acknowledged stays; the same command goes on from there.")
        raise
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader of our output has left
        raise SystemExit(1) from None
    except OSError as error:
        if os.environ.get("WENSHI_DEBUG"):
            raise
        where = f" ({error.filename})" if error.filename else ""
        _leave(f"The system refused{where}: {error.strerror or error}.", 1)
    except Exception as error:
        if os.environ.get("WENSHI_DEBUG"):
            raise
        if isinstance(error, RuntimeError) and "home directory" in str(error):      # what pathlib says of ~NAME
            _leave("A path begins with ~ and the name of somebody who has no home here: write it out.", 1)
        _leave(f"Something unexpected went wrong: {type(error).__name__}: {error}. Set WENSHI_DEBUG=1 to see where.", 1)


def as_interrupt(number: int, frame: FrameType | None) -> None:
    """Handle a signal as Ctrl-C is handled, also where Ctrl-C is ignored, as in what a script runs in the background."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        raise KeyboardInterrupt
    signal.raise_signal(signal.SIGINT)


def _leave(sentence: str, status: int) -> None:
    say(f"wenshi: {sentence}")
    raise SystemExit(status)
