"""What can be wrong with a corpus on disk."""

from __future__ import annotations

from functools import partial

from retrieval.errors import WenshiError


class CorpusError(WenshiError):
    """A corpus, or one sample of it, that cannot be read or written. `kind` is a stable word for accounting.

    Kinds: damaged (one sample), lost (a sample behind the cut end of a shard), span (a clip outside its video),
    unreadable (a table, an index or a shard), write (the disk is full or refuses), busy (another writer), other_rows.
    `shard` is the file's name and `key` the sample's, where the error is about one.
    """

    def __init__(self, kind: str, message: str, *, shard: str | None = None, key: str | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.shard = shard
        self.key = key

    def __reduce__(self) -> tuple[partial[CorpusError], tuple[str, str]]:
        return partial(type(self), shard=self.shard, key=self.key), (self.kind, str(self))
