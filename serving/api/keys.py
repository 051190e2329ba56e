"""API keys: shown once, kept as hashes beside the library."""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from retrieval.disk import sync_file, sync_folder
from retrieval.errors import InputError, LibraryError
from retrieval.library.database import database_errors
from retrieval.library.schema import now
from serving.api.exposure import exposure_looked_at

Role = Literal["read", "admin"]
KEYS_NAME = "keys.json"
LOCK_NAME = "keys.lock"
_PREFIX = "wenshi"


@dataclass(frozen=True)
class Key:
    """`digest`: SHA-256 of the secret, in hex. The secret has 256 random bits: a slow hash would add nothing."""

    id: str
    role: Role
    name: str
    digest: str
    created_at: str


class Keys:
    """The keys of one library, read again when their file changes."""

    def __init__(self, library: Path) -> None:
        self._path = library / KEYS_NAME
        self._read: tuple[tuple[int, int, int] | None, dict[str, Key]] = (None, {})

    def all(self) -> list[Key]:
        """Every key. LibraryError when the file cannot be understood: then nobody is let in."""
        return list(self._current().values())

    def add(self, role: Role, name: str = "") -> tuple[Key, str]:
        """A new key and the text that its owner has to show; it cannot be had again."""
        secret = secrets.token_urlsafe(32)
        key = Key(id=secrets.token_hex(4), role=role, name=name, digest=_digest(secret), created_at=now())
        with self._changing() as kept:
            self._write([*kept.values(), key])
        return key, f"{_PREFIX}_{key.id}_{secret}"

    def remove(self, key_id: str) -> Key:
        """Forget a key. InputError when there is none with this id, or when it is the last of an administrator while a
        service is open to others: then nobody would rule it, or everybody."""
        with self._changing() as kept, exposure_looked_at(self._path.parent) as is_exposed:
            if key_id not in kept:
                raise InputError(f"There is no key {key_id}: `wenshi key list` names them.")
            removed = kept.pop(key_id)
            is_last = not kept or (removed.role == "admin" and all(key.role != "admin" for key in kept.values()))
            if is_exposed and is_last:
                raise InputError(
                    f"{key_id} is the last {removed.role} key of a service that others can reach: make another one first, or "
                    "end the service."
                )
            self._write(list(kept.values()))
        return removed

    def check(self, shown: str) -> Key | None:
        """The key that was shown, None when it is none of these. Takes the same time for a wrong secret of any length."""
        prefix, _, rest = shown.partition("_")
        key_id, _, secret = rest.partition("_")
        key = self._current().get(key_id)
        expected = key.digest if key is not None else _NOBODY
        right = hmac.compare_digest(_digest(secret), expected)
        return key if right and prefix == _PREFIX else None

    @contextmanager
    def _changing(self) -> Iterator[dict[str, Key]]:
        """All keys, by their ids, while nobody else adds or removes one."""
        with database_errors(self._path.parent), (self._path.parent / LOCK_NAME).open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield self._parse() if self._path.exists() else {}

    def _current(self) -> dict[str, Key]:
        state = _state(self._path)
        if state is None:
            self._read = (None, {})
        elif state != self._read[0]:
            self._read = (state, self._parse())
        return self._read[1]

    def _parse(self) -> dict[str, Key]:
        try:
            rows = json.loads(self._path.read_text(encoding="utf-8"))
            return {row["id"]: Key(**row) for row in rows}
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise LibraryError(f"The file of keys {self._path} cannot be read ({error}): restore it or delete it.") from error

    def _write(self, keys: list[Key]) -> None:
        """Whole and then renamed, readable by its owner alone. Without a key left the file goes."""
        if not keys:
            self._path.unlink(missing_ok=True)
            return
        draft = self._path.with_suffix(".new")
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(json.dumps([asdict(key) for key in keys], ensure_ascii=False, indent=1).encode())
            sync_file(file)
        draft.replace(self._path)
        sync_folder(self._path.parent)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


_NOBODY = _digest("")[:-1] + "!"        # equal to no digest


def _state(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
