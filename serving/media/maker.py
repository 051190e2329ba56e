"""Posters, strips and clips of the library's videos, made in the sandbox and kept in the cache."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, BinaryIO

from retrieval.library import StoredVideo
from serving.media import cutting, pictures
from serving.media.cache import DiskCache
from serving.media.files import named, opened
from serving.media.sandbox import Sandbox

POSTER_WIDTHS = (160, 320, 640, 1280)


class MediaMaker:
    """Everything is named by the video's content, so a cached picture is right wherever the file lies now.

    admitted: entered for the time in which something is made; it may send away whoever asks.
    All calls raise VideoError (missing, changed) when the video's file cannot be had, with no folder in the sentence.
    """

    def __init__(
        self, sandbox: Sandbox, cache: DiskCache, *, admitted: Callable[[], AbstractContextManager[None]]
    ) -> None:
        self._sandbox = sandbox
        self._cache = cache
        self._admitted = admitted

    def poster(self, video: StoredVideo, time_ms: int, width: int) -> BinaryIO:
        """The picture on screen at a time; its width is that asked for or the next larger of `POSTER_WIDTHS`."""
        time_ms = min(max(time_ms, 0), max(video.video.duration_ms - 1, 0))
        width = next((known for known in POSTER_WIDTHS if known >= width), POSTER_WIDTHS[-1])
        return self._made(video, f"poster {time_ms} {width}", ".jpg", _written(pictures.poster), time_ms, width)

    def strip(self, video: StoredVideo) -> BinaryIO:
        """Ten pictures side by side, from the beginning to the end."""
        return self._made(video, "strip", ".jpg", _written(pictures.strip), video.video.duration_ms)

    def clip(self, video: StoredVideo, start_ms: int, end_ms: int, *, seconds: float) -> BinaryIO:
        """[start_ms, end_ms) as an MP4, made in at most `seconds`."""

        def cut(path: str, target: Path) -> None:
            self._sandbox.run(cutting.cut, path, start_ms, end_ms, str(target), seconds=seconds)

        return self._get(video, f"clip {start_ms} {end_ms}", ".mp4", cut)

    def _made(
        self, video: StoredVideo, what: str, suffix: str, write: Callable[..., None], *arguments: Any
    ) -> BinaryIO:
        return self._get(video, what, suffix, lambda path, target: write(self._sandbox, path, target, *arguments))

    def _get(self, video: StoredVideo, what: str, suffix: str, make: Callable[[str, Path], None]) -> BinaryIO:
        """A video whose file is gone or changed has no pictures either, also where some are still in the cache."""
        with opened(video) as media, named(media.path, media.path.name):
            name = hashlib.sha256(f"{video.video.id} {what}".encode()).hexdigest() + suffix
            return self._cache.get(name, lambda target: make(str(media.path), target), admitted=self._admitted)


def _written(function: Callable[..., bytes]) -> Callable[..., None]:
    def write(sandbox: Sandbox, path: str, target: Path, *arguments: Any) -> None:
        target.write_bytes(sandbox.run(function, path, *arguments))

    return write
