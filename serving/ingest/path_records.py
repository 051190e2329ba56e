"""What a library knows of a path: which video it holds, and what its name, manifest row and sidecars say."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from data_pipeline.evidence.covers import COVER, CoverFolders, named_cover
from data_pipeline.evidence.subtitles import sidecar_evidence
from data_pipeline.evidence.titles import MANIFEST_SOURCE, location_titles
from data_pipeline.manifest import ManifestRow
from retrieval.errors import InputError
from retrieval.library import Library, StoredEvidence, StoredLocation, evidence_fingerprint
from retrieval.records import Evidence, Location, Meanings
from retrieval.video import SidecarFolders
from serving.ingest.analysis import FileIdentity, file_state
from serving.ingest.meanings import EvidenceReader
from serving.ingest.report import FileOutcome, Outcome

# What a file that once was a video is when it has become something else.
_NO_LONGER_A_VIDEO = frozenset({"empty", "not_a_video", "no_video_stream", "no_frames", "corrupt"})


def forget(library: Library, path: str) -> None:
    """Take a path out of the library, also one that somebody else has just taken out."""
    with suppress(InputError):
        library.remove(path)


@dataclass(frozen=True)
class Before:
    """What was known of a video at one path. `left`: paths of it without a file, from which that one was renamed."""

    details: Mapping[str, Any] = field(default_factory=dict)
    evidence: Sequence[StoredEvidence] = ()
    left: Sequence[str] = ()

    def evidence_from(self, source: str) -> list[Evidence]:
        names = [f.name for f in fields(Evidence)]
        return [
            Evidence(**{name: getattr(row, name) for name in names}) for row in self.evidence if row.source == source
        ]


class PathRecords:
    """Keeps the paths of one library during one run. `manifest`: rows by absolute path; `notices` collects sentences;
    `sentences`: gives titles and sidecar lines their vectors; `covers`: pictures by absolute path, before those found beside."""

    def __init__(
        self, library: Library, manifest: Mapping[Path, ManifestRow], *, sentences: EvidenceReader | None = None,
        covers: Mapping[Path, Path] | None = None,
    ) -> None:  # fmt: skip
        self._library = library
        self._manifest = manifest
        self._sentences = sentences
        self._sidecars = SidecarFolders()
        self._covers = covers or {}
        self._cover_folders = CoverFolders()
        self.notices: dict[str, None] = {}

    def update(self, path: Path, identity: FileIdentity) -> FileOutcome | None:
        """Say that `path` holds a known video, with its title and sidecars as they are now.

        None when the library does not know the video any more: others may remove it at any time.
        """
        read = (identity.size_bytes, identity.modified_ns)
        if file_state(path) != read:
            return self.fail(path, "changed", f"{path} changed while it was being read; add it again.", state=read)
        stored = self._library.video(identity.video_id)
        if stored is None:
            return None
        known, before = self._library.location(str(path)), self.before(path, identity.video_id)
        try:
            evidence = self.evidence(path, before, stored.video.duration_ms)
            changed = self._library.put_location(
                identity.video_id,
                self.location(path, before, identity),
                location_evidence=evidence,
                meanings=self._meanings(evidence, known, identity),
            )
        except ValueError as error:
            return self.fail(path, "invalid", f"{path} cannot be kept: {error}.", state=read)
        except InputError:
            if self._library.video(identity.video_id) is not None:
                raise
            return None
        self.forget_left(before)
        outcome: Outcome = "unchanged" if not changed else "updated" if known else "added"
        return FileOutcome(str(path), outcome, identity.video_id, message=stored.video.damage)

    def _meanings(
        self, evidence: list[Evidence], known: StoredLocation | None, identity: FileIdentity
    ) -> Meanings | None:
        """The vectors of evidence that is new at this path."""
        if self._sentences is None:
            return None
        if known is not None and (known.video_id, known.evidence_fingerprint) == (
            identity.video_id, evidence_fingerprint(evidence)
        ):  # fmt: skip
            return None
        return self._sentences.begin(evidence).result()

    def before(self, path: Path, video_id: str) -> Before:
        """What earlier runs knew of a video at `path`, or else at the path that it was renamed from."""
        known = self._library.location(str(path))
        if known is not None and known.video_id == video_id:
            return Before(known.details, self._evidence(video_id).get(known.path, []))
        stored = self._library.video(video_id)
        missing = [place for place in stored.locations if not os.path.lexists(place.path)] if stored else []
        if not missing:
            return Before()
        evidence = self._evidence(video_id)

        def has_row(place: Location) -> bool:
            return bool(place.details) or any(row.source == MANIFEST_SOURCE for row in evidence.get(place.path, []))

        origin = min(missing, key=lambda place: (not has_row(place), Path(place.path).name != path.name))
        # Where several copies were renamed, each takes one manifest row and leaves the others theirs.
        left = [place.path for place in missing if place is origin or not has_row(place)]
        return Before(origin.details, evidence.get(origin.path, []), left)

    def _evidence(self, video_id: str) -> dict[str, list[StoredEvidence]]:
        """The evidence of a video that belongs to its paths, by path."""
        found: dict[str, list[StoredEvidence]] = defaultdict(list)
        for row in self._library.evidence(video_id):
            if row.path is not None:
                found[row.path].append(row)
        return found

    def forget_left(self, before: Before) -> None:
        """Forget paths whose file is gone from a folder that is still there (a missing folder may be an unplugged disk)."""
        for path in before.left:
            if Path(path).parent.is_dir() and not os.path.lexists(path):
                forget(self._library, path)

    def location(self, path: Path, before: Before, identity: FileIdentity) -> Location:
        """The path with the details of its manifest row, of this run or an earlier one."""
        row = self._manifest.get(path)
        details = before.details if row is None else {**row.details, **({"date": row.date} if row.date else {})}
        return Location(
            path=str(path), size_bytes=identity.size_bytes, modified_ns=identity.modified_ns, details=dict(details)
        )

    def cover(self, path: Path) -> Path | None:
        """The picture that stands for the video at this path."""
        return self._covers.get(path) or self._cover_folders.find(path)

    def _cover_name(self, path: Path, before: Before) -> str | None:
        """The file name of the cover of a path; an earlier manifest may have named it."""
        picture = self.cover(path)
        if picture is not None:
            return picture.name
        named = None if path in self._manifest else named_cover(before.details)
        return None if named is None else Path(named).name

    def evidence(
        self, path: Path, before: Before, duration_ms: int, *, cover: Sequence[Evidence] | None = None
    ) -> list[Evidence]:
        """Titles, tags, sidecar lines and the words on the cover that belong to this path.

        cover: what was just read of it; None = as an earlier run read it, if it is still there.
        """
        sidecars, notices = sidecar_evidence(path, duration_ms=duration_ms, folders=self._sidecars)
        self.notices.update(dict.fromkeys(notices))
        row = self._manifest.get(path)
        # What an earlier manifest said of this path: a run without one does not take it away.
        kept = [] if row is not None else before.evidence_from(MANIFEST_SOURCE)
        if cover is None:
            name = self._cover_name(path, before)
            cover = [] if name is None else before.evidence_from(f"{COVER}{name}")
        return [*kept, *location_titles(path, row, duration_ms=duration_ms), *sidecars, *cover]

    def fail(self, path: Path, kind: str, message: str, *, state: tuple[int, int] | None) -> FileOutcome:
        """Remember that `path` could not be added, and forget the video it held when it is none any more.

        state: the file's as it was read, not as it is now: what has changed since then has not been tried yet.
        """
        size_bytes, modified_ns = state or (0, 0)
        known = self._library.location(str(path))
        if known and kind in _NO_LONGER_A_VIDEO and (size_bytes, modified_ns) != (known.size_bytes, known.modified_ns):
            forget(self._library, str(path))
        self._library.record_failure(
            str(path), kind=kind, message=message, size_bytes=size_bytes, modified_ns=modified_ns
        )
        return FileOutcome(str(path), "failed", kind=kind, message=message)
