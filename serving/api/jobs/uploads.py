"""Uploaded videos: where they are kept, and what they may be."""

from __future__ import annotations

import secrets
import shutil
import unicodedata
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from retrieval.disk import sync_file, sync_folder
from retrieval.errors import InputError
from retrieval.library import Library
from serving.api.errors import ApiError
from serving.api.jobs.store import JobStore
from serving.api.settings import ServeSettings
from serving.media import pictures
from serving.media.files import named
from serving.media.sandbox import Sandbox

FOLDER = "uploads"
_NAME_BYTES = 180
_SPARE_BYTES = 1 << 30      # of the disk that an upload must leave
_ABANDONED_SECONDS = 3600.0     # after which an upload that no job names is nobody's: longer than the writing of it takes


class Uploads:
    """Files that came over HTTP, each in a folder of its own inside the library, under the name that it came with."""

    def __init__(
        self, directory: Path, library: Library, store: JobStore, settings: ServeSettings, sandbox: Sandbox
    ) -> None:
        self._folder = directory / FOLDER
        self._library = library
        self._store = store
        self._settings = settings
        self._sandbox = sandbox

    def keep(self, name: str, content: BinaryIO, size: int) -> Path:
        """Write an upload to the disk, where a power cut leaves it, and look at it in the sandbox.

        ApiError 507 without space; InputError or VideoError for what is no video or too large, and then nothing is kept.
        """
        self._refuse_without_space(size)
        path = self._folder / secrets.token_hex(8) / safe_name(name)
        self._store.expect_upload(str(path))
        path.parent.mkdir(mode=0o700, parents=True)
        try:
            with path.open("xb") as file:
                shutil.copyfileobj(content, file, 1 << 20)
                sync_file(file)
            for folder in (path.parent, self._folder, self._folder.parent):
                sync_folder(folder)
            self._examine(path)
        except BaseException:
            self.drop(path)
            self._store.forget_uploads([str(path)])
            raise
        return path

    def drop(self, path: Path) -> None:
        """Delete an uploaded file; any other path is left alone."""
        if path.parent.parent == self._folder:
            shutil.rmtree(path.parent, ignore_errors=True)

    def settle(self, paths: Collection[str]) -> None:
        """Delete those of these uploads that did not become a video of the library; no job needs them any more."""
        for path in paths:
            if self._library.location(path) is None:
                self.drop(Path(path))
        if paths:
            self._store.forget_uploads(paths)

    def settle_abandoned(self) -> None:
        """The same for what was killed before a job was asked for, or after its job had ended. Other files stay: the library
        may have been restored to a time before them."""
        self.settle(self._store.abandoned_uploads(seconds=_ABANDONED_SECONDS))

    def _examine(self, path: Path) -> None:
        with named(path, path.name):
            probed = self._sandbox.run(pictures.examine, str(path))
        if probed.is_picture:
            raise InputError(f"{path.name} is a still picture: only videos can be added.")
        if probed.duration_ms > 1000 * self._settings.upload_seconds:
            raise InputError(f"{path.name} lasts longer than {self._settings.upload_seconds:g} s.")
        if probed.width * probed.height > self._settings.upload_pixels:
            raise InputError(f"{path.name} has pictures of {probed.width} x {probed.height}: scale it down.")

    def _refuse_without_space(self, size: int) -> None:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        held = 0
        for path in self._folder.rglob("*"):
            with suppress(OSError):
                held += path.stat().st_size
        if held + size > self._settings.upload_space_bytes or shutil.disk_usage(self._folder).free < size + _SPARE_BYTES:
            raise ApiError(507, "no_space", "There is no space left for uploads.")


def safe_name(name: str) -> str:
    """The last part of a file name, without what a file system or a terminal takes amiss; its suffix stays."""
    name = unicodedata.normalize("NFC", name).replace("\\", "/").rsplit("/", 1)[-1]
    name = "".join(c if c.isprintable() and c not in ':*?"<>|' else "_" for c in name).strip(". ")
    name = name.encode("utf-8", "replace").decode()
    stem, dot, suffix = name.rpartition(".")
    stem, suffix = (stem, dot + suffix[:10]) if dot else (name, "")
    kept = stem.encode()[: _NAME_BYTES - len(suffix.encode())].decode("utf-8", "ignore").strip(". ")
    return (kept or "video") + suffix
