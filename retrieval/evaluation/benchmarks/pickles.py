"""Pickled lists of captions, read without running what is pickled."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

from retrieval.errors import InputError

# Containers a table may be made of; to make one runs no code of the file's. Python 2 calls the module of `list` otherwise.
_CONTAINERS = frozenset((
    ("builtins", "list"), ("__builtin__", "list"), ("collections", "OrderedDict"), ("collections", "defaultdict"),
))  # fmt: skip


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _CONTAINERS:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which text has no need of")
        return super().find_class(module, name)


def read_plain_pickle(path: Path) -> Any:
    """The numbers, texts, lists and mappings of a pickle, of Python 2 too; nothing it names is imported or called.

    InputError when it holds anything else, is damaged or cannot be read.
    """
    try:
        with path.open("rb") as file:
            return _PlainUnpickler(file, encoding="utf-8").load()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from error
    except Exception as error:      # a damaged pickle raises whatever its damage happens to ask for
        reason = str(error).rstrip(".") or type(error).__name__
        raise InputError(f"{path} is no pickle of plain texts ({reason}): take the published file.") from error
