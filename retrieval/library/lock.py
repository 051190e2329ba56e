"""One writer a library: a lock of the operating system, and beside it a note that says who holds it.

The kernel drops the lock when its holder dies, however it dies; the note may outlive it and is only ever read to
name the holder of a lock that is really held.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

from retrieval.errors import LibraryError
from retrieval.library.schema import now

LOCK_NAME = "writer.lock"
NOTE_NAME = "writer.json"
_COMMAND_LENGTH = 200


class WriterLock:
    """The right to change a library, held from construction to `release`; LibraryError names whoever holds it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock = FileLock(directory / LOCK_NAME, timeout=0, thread_local=False)
        try:
            self._lock.acquire()
        except Timeout:
            raise LibraryError(_held_message(directory)) from None
        except OSError as error:
            raise LibraryError(
                f"the library {directory} cannot be written ({error.strerror or error}): "
                "check its permissions and that the disk is not read-only"
            ) from error
        self._leave_note()

    def release(self) -> None:
        """Let the next writer in; calling it again does nothing."""
        if self._lock.is_locked:
            with suppress(OSError):
                (self._directory / NOTE_NAME).unlink()
            self._lock.release()

    def _leave_note(self) -> None:
        """Written whole and then renamed, so that nobody reads half of it; a full disk only costs the name."""
        note = {"pid": os.getpid(), "command": _command(), "since": now()}
        draft = self._directory / f"{NOTE_NAME}.new"
        with suppress(OSError):
            draft.write_text(json.dumps(note), encoding="utf-8")
            draft.replace(self._directory / NOTE_NAME)


def _command() -> str:
    program = Path(sys.argv[0]).name if sys.argv and sys.argv[0] else "python"
    return " ".join([program, *sys.argv[1:]])[:_COMMAND_LENGTH]


def _held_message(directory: Path) -> str:
    return f"the library {directory} is being written by {_holder(directory)}: wait until it has ended, or stop it"


def _holder(directory: Path) -> str:
    try:
        note = json.loads((directory / NOTE_NAME).read_text(encoding="utf-8"))
        return f"process {int(note['pid'])} ({note['command']}, since {note['since']})"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
