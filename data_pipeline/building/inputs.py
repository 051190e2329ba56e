"""What the rows of a shard were made from, so that a build notices what has become another since."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from data_pipeline.building.commits import MEASURED, Commit
from data_pipeline.building.plan import shard_sources
from data_pipeline.building.stages import digest_of
from data_pipeline.corpus.errors import CorpusError
from data_pipeline.corpus.files import write_json
from data_pipeline.corpus.measured import SourceRow

_FILE = "inputs.json"


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """said_sha256: of what the owner said; file: its bytes and the time of its change in ns, None = there was none."""

    said_sha256: str
    file: tuple[int, int] | None


@dataclass(frozen=True, kw_only=True)
class Changes:
    """Ids of sources of a shard: `said`, of which the owner says something else now; `replaced`, whose file is another one;
    `unknown`, of which nobody has noted what they were made from."""

    said: frozenset[str] = frozenset()
    replaced: frozenset[str] = frozenset()
    unknown: frozenset[str] = frozenset()

    @property
    def all(self) -> frozenset[str]:
        return self.said | self.replaced | self.unknown


def inputs_of(source: SourceRow) -> Inputs:
    """What rows of a source would be made from now."""
    return Inputs(said_sha256=digest_of(source), file=file_state(source.uri))


def file_state(path: str) -> tuple[int, int] | None:
    """(bytes, time of change in ns); None for a file that cannot be looked at, which examining it explains."""
    try:
        state = Path(path).stat()
    except (OSError, ValueError):
        return None
    return state.st_size, state.st_mtime_ns


def changes_of(directory: Path, shard: str, commit: Commit) -> Changes:
    """What is another than when a shard was measured. A file that is gone changes nothing: its disk may be away.

    Raises CorpusError (unreadable).
    """
    known, said, replaced, unknown = read_inputs(directory / MEASURED / commit.directory), set(), set(), set()
    for source in shard_sources(directory, shard):
        if not source.uri:
            continue
        before, now = known.get(source.source_id), inputs_of(source)
        if before is None:
            unknown.add(source.source_id)
            continue
        if before.said_sha256 != now.said_sha256:
            said.add(source.source_id)
        if now.file is not None and before.file != now.file:
            replaced.add(source.source_id)
    return Changes(said=frozenset(said), replaced=frozenset(replaced), unknown=frozenset(unknown))


def write_inputs(shard: Path, inputs: Mapping[str, Inputs]) -> None:
    """Write them beside the tables of a shard, by id of the source. Raises CorpusError (write)."""
    write_json(shard / _FILE, {source_id: asdict(one) for source_id, one in inputs.items()})


def read_inputs(shard: Path) -> dict[str, Inputs]:
    """By id of the source; none in a shard of an earlier program. Raises CorpusError (unreadable)."""
    path = shard / _FILE
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {
            source_id: Inputs(said_sha256=one["said_sha256"], file=one["file"] and tuple(one["file"]))
            for source_id, one in found.items()
        }
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorpusError("unreadable", f"{path} cannot be read ({error}): delete it, and build the corpus again.") from error
