"""What a source file holds: its identity, its description and how much of it can be decoded, remembered between runs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from data_pipeline.corpus.errors import CorpusError
from data_pipeline.corpus.files import disk_errors, file_sha256
from data_pipeline.corpus.processes import Processes
from data_pipeline.corpus.shard_list import RowFailure
from retrieval.errors import VideoError
from retrieval.video import VideoReader

_LOG = "examined.jsonl"
_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Examined:
    """A readable video file. `start_ms` to `end_ms` is what can be decoded, `damage` says so when that is a part."""

    path: str
    video_id: str
    file_bytes: int
    modified_ns: int
    container: str
    video_codec: str
    audio_codec: str | None
    width: int
    height: int
    rotation: int
    duration_ms: int
    frames_per_second: float
    has_audio: bool
    start_ms: int
    end_ms: int
    damage: str | None
    title: str | None


def examine(path: str) -> Examined | RowFailure:
    """Hash and describe a file; one that cannot be used is a RowFailure with the path as its id."""
    try:
        return _examine(path)
    except VideoError as error:
        return RowFailure(id=path, kind=error.kind, message=str(error))


def examine_all(paths: Iterable[str], directory: Path, processes: Processes) -> Iterator[Examined | RowFailure]:
    """Examine files in order; those that an earlier run read, and that have not changed since, are not read again.

    What was found is kept in `directory`; failures are not, so that each run tries them again.
    Raises CorpusError (write).
    """
    log = directory / _LOG
    known, paths = _read_log(log), list(paths)
    unchanged = {path: known[path] for path in paths if path in known and _is_unchanged(known[path])}
    fresh = processes.map(examine, [path for path in paths if path not in unchanged], crashed=_crashed)
    with disk_errors(log):
        file = log.open("a", encoding="ascii")
        file.write("\n")        # an earlier run may have been ended within a line
    with file:
        for path in paths:
            found = unchanged.get(path) or next(fresh)
            if isinstance(found, Examined) and path not in unchanged:
                with disk_errors(log):
                    file.write(json.dumps({"version": _VERSION, **asdict(found)}) + "\n")
                    file.flush()
            yield found


def _examine(path: str) -> Examined:
    with VideoReader(path, threads=1) as reader:
        start_ms, end_ms = reader.span()
        info, damage = reader.info, reader.damage
    return Examined(
        path=path, container=info.container, video_codec=info.codec, audio_codec=info.audio_codec, width=info.width,
        height=info.height, rotation=info.rotation, duration_ms=info.duration_ms,
        frames_per_second=info.frames_per_second, has_audio=info.has_audio, start_ms=start_ms, end_ms=end_ms,
        damage=damage, title=info.title, **_identity(Path(path)),
    )


def _identity(path: Path) -> dict[str, Any]:
    """The content's id, and the file's state before it was read."""
    try:
        before, digest = path.stat(), file_sha256(path)
    except OSError as error:
        raise VideoError("corrupt", f"{path} cannot be read from its disk: {error.strerror}.") from None
    return {"video_id": digest, "file_bytes": before.st_size, "modified_ns": before.st_mtime_ns}


def _crashed(path: str) -> RowFailure:
    return RowFailure(id=path, kind="crashed", message=f"The process that read {path} crashed: try to convert the file.")


def _is_unchanged(known: Examined) -> bool:
    try:
        state = Path(known.path).stat()
    except (OSError, ValueError):
        return False
    return (state.st_size, state.st_mtime_ns) == (known.file_bytes, known.modified_ns)


def _read_log(log: Path) -> dict[str, Examined]:
    known = {}
    try:
        for line in log.read_text(encoding="ascii", errors="replace").splitlines():
            found = _from_line(line)
            if found is not None:
                known[found.path] = found
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise CorpusError("unreadable", f"{log} cannot be read ({error.strerror}): delete it.") from error
    return known


def _from_line(line: str) -> Examined | None:
    """None for a line that is cut or of another version: that file is read again."""
    try:
        data: dict[str, Any] = json.loads(line)
        return Examined(**data) if data.pop("version") == _VERSION else None
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
