"""What `add` did with every file it was given."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from retrieval.errors import LibraryError, ModelError

Outcome = Literal["added", "updated", "unchanged", "failed"]


@dataclass(frozen=True)
class FileOutcome:
    """`kind` and `message` say why a file failed; `message` alone says what is partly wrong with one that did not."""

    path: str
    outcome: Outcome
    video_id: str | None = None
    kind: str | None = None
    message: str | None = None


@dataclass
class AddReport:
    """Every file has exactly one outcome: `len(outcomes)` equals the number of files unless the run was interrupted.

    covers: cover pictures that were read beside files, and those inside files that say something; cover_lines: what they
    say; tagged: videos in whose pictures tags were looked for; tags: what was seen there.
    """

    files: int
    outcomes: list[FileOutcome] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    interrupted: bool = False
    stopped: str | None = None  # why the run ended before its files did
    covers: int = 0
    cover_lines: int = 0
    tagged: int = 0
    tags: int = 0
    removed: list[str] = field(default_factory=list)  # paths that were forgotten, by a sync

    @contextmanager
    def ending(self) -> Iterator[None]:
        """Ctrl-C, or a model or disk that fails, ends the block, and the report says so. Raises ModelError or LibraryError
        when that happens before the first outcome."""
        try:
            yield
        except KeyboardInterrupt:
            self.interrupted = True
        except (ModelError, LibraryError) as error:
            if not self.outcomes:
                raise
            self.stopped = str(error)

    @property
    def counts(self) -> dict[str, int]:
        counted = Counter(outcome.outcome for outcome in self.outcomes)
        left = {"left": self.files - len(self.outcomes)} if self.interrupted or self.stopped else {}
        return {name: counted.get(name, 0) for name in ("added", "updated", "unchanged", "failed")} | left

    @property
    def found(self) -> str:
        """What was found beside and in the pictures, as the end of a summary; "" where nobody looked."""
        parts = []
        if self.covers:
            parts.append(f"{_of(self.covers, 'cover')} read ({_of(self.cover_lines, 'line')})")
        if self.tagged:
            parts.append(f"{_of(self.tags, 'tag')} seen in {_of(self.tagged, 'video')}")
        return "".join(f"; {part}" for part in parts)

    def to_json(self) -> dict[str, Any]:
        failed = [o for o in self.outcomes if o.outcome == "failed"]
        damaged = [o for o in self.outcomes if o.outcome != "failed" and o.message]
        return {
            "files": self.files,
            **self.counts,
            "failures": [{"path": o.path, "kind": o.kind, "message": o.message} for o in failed],
            "damaged": [{"path": o.path, "video": o.video_id, "message": o.message} for o in damaged],
            "covers": self.covers,
            "cover_lines": self.cover_lines,
            "tagged": self.tagged,
            "tags": self.tags,
            "notices": self.notices,
            "interrupted": self.interrupted,
            "stopped": self.stopped,
        }


def _of(count: int, name: str) -> str:
    return f"{count or 'no'} {name}{'' if count == 1 else 's'}"
