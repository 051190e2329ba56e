"""Typed errors. The message of each is one sentence for the person who meets it: what, where, what to do."""

from __future__ import annotations


class WenshiError(Exception):
    """Base of every error that Wenshi raises on purpose; its text can be shown to a user as it is."""


class VideoError(WenshiError):
    """A file that cannot be used as a video. `kind` is a stable word for accounting.

    Kinds: missing, empty, not_a_file, not_a_video, no_video_stream, no_frames, corrupt, timeout, memory, crashed,
    changed, permission, no_audio.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind

    def __reduce__(self) -> tuple[type[VideoError], tuple[str, str]]:
        return type(self), (self.kind, str(self))


class LibraryError(WenshiError):
    """A library directory that cannot be opened, is locked, damaged or of an unknown version."""


class ModelError(WenshiError):
    """A model that cannot be loaded or used."""


class InputError(WenshiError):
    """An argument, a manifest row or a query that cannot be used."""


class BackendError(WenshiError):
    """A vector store outside the library that cannot be reached, refuses, or cannot be used as named."""
