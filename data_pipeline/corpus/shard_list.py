"""The list of finished shards of a directory: what each holds, what was left out of it, and how it was made."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from data_pipeline.corpus.errors import CorpusError
from data_pipeline.corpus.files import write_json
from data_pipeline.corpus.samples import PictureFormat

LIST_NAME = "shards.json"
_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class RowFailure:
    """A row without a sample: its id, a stable word for accounting, and one sentence."""

    id: str
    kind: str
    message: str


@dataclass(frozen=True, kw_only=True)
class Shard:
    """A finished shard. rows = samples + failures; `rows_sha256` is over the fingerprints of its rows, in order."""

    name: str
    rows: int
    rows_sha256: str
    samples: int
    splits: dict[str, int]          # samples of each split
    bytes: int
    sha256: str
    failed: tuple[RowFailure, ...]


@dataclass(frozen=True, kw_only=True)
class ShardList:
    """All finished shards of a directory, in order."""

    form: PictureFormat
    rows_per_shard: int
    shards: tuple[Shard, ...] = ()

    @property
    def rows(self) -> int:
        return sum(shard.rows for shard in self.shards)

    @property
    def samples(self) -> int:
        return sum(shard.samples for shard in self.shards)

    @property
    def failures(self) -> tuple[RowFailure, ...]:
        return tuple(failure for shard in self.shards for failure in shard.failed)

    @property
    def reasons(self) -> dict[str, int]:
        """How many rows failed, by kind."""
        return dict(sorted(Counter(failure.kind for failure in self.failures).items()))


def shard_name(number: int) -> str:
    return f"frames-{number:06d}.tar"


def save_list(directory: Path, shards: ShardList) -> None:
    """Write the list as a whole file. Raises CorpusError when the disk refuses."""
    write_json(directory / LIST_NAME, {"version": _VERSION, **asdict(shards)})


def load_list(directory: Path) -> ShardList | None:
    """Read the list, None where there is none. Raises CorpusError (unreadable)."""
    path = directory / LIST_NAME
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["version"] != _VERSION:
            raise CorpusError(
                "unreadable",
                f"{path} has version {data['version']}, but this program reads version {_VERSION}: write the shards again.",
            )
        return ShardList(
            form=PictureFormat(**data["form"]), rows_per_shard=int(data["rows_per_shard"]),
            shards=tuple(_shard(shard) for shard in data["shards"]),
        )
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CorpusError("unreadable", f"{path} cannot be read ({error.strerror}): check the disk.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise CorpusError(
            "unreadable", f"{path} is damaged: delete its directory and write the shards again."
        ) from error


def _shard(data: dict[str, Any]) -> Shard:
    return Shard(**{**data, "failed": tuple(RowFailure(**failure) for failure in data["failed"])})
