"""What a library knows of a path: which video it holds, and what its name, manifest row and sidecars say."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import fields
from pathlib import Path

from data_pipeline.evidence.covers import COVER, CoverFolders, named_cover
from data_pipeline.evidence.subtitles import sidecar_evidence
from data_pipeline.evidence.titles import location_titles
from data_pipeline.manifest import ManifestRow
from retrieval.errors import InputError
from retrieval.library import Library, StoredLocation, StoredVideo, evidence_fingerprint
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
        known = self._library.location(str(path))
        try:
            evidence = self.evidence(path, identity.video_id, stored.video.duration_ms)
            changed = self._library.put_location(
                identity.video_id,
                self.location(path, identity),
                location_evidence=evidence,
                meanings=self._meanings(evidence, known, identity),
            )
        except ValueError as error:
            return self.fail(path, "invalid", f"{path} cannot be kept: {error}.", state=read)
        except InputError:
            if self._library.video(identity.video_id) is not None:
                raise
            return None
        if known is None:
            self._drop_paths_it_moved_from(stored)
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

    def _drop_paths_it_moved_from(self, stored: StoredVideo) -> None:
        """Forget paths whose file is gone from a folder that is still there (a missing folder may be an unplugged disk)."""
        for location in stored.locations:
            if Path(location.path).parent.is_dir() and not os.path.lexists(location.path):
                forget(self._library, location.path)

    def location(self, path: Path, identity: FileIdentity) -> Location:
        """The path with the details of its manifest row, of this run or an earlier one."""
        row, known = self._manifest.get(path), self._library.location(str(path))
        if row is not None:
            details = {**row.details, **({"date": row.date} if row.date else {})}
        else:
            details = known.details if known is not None and known.video_id == identity.video_id else {}
        return Location(
            path=str(path), size_bytes=identity.size_bytes, modified_ns=identity.modified_ns, details=details
        )

    def cover(self, path: Path) -> Path | None:
        """The picture that stands for the video at this path."""
        return self._covers.get(path) or self._cover_folders.find(path)

    def _cover_name(self, path: Path) -> str | None:
        """The file name of the cover of a path; an earlier manifest may have named it."""
        picture, known = self.cover(path), self._library.location(str(path))
        if picture is not None:
            return picture.name
        named = named_cover(known.details) if known is not None and path not in self._manifest else None
        return None if named is None else Path(named).name

    def evidence(
        self, path: Path, video_id: str, duration_ms: int, *, cover: Sequence[Evidence] | None = None
    ) -> list[Evidence]:
        """Titles, tags, sidecar lines and the words on the cover that belong to this path.

        cover: what was just read of it; None = as an earlier run read it, if it is still there.
        """
        sidecars, notices = sidecar_evidence(path, duration_ms=duration_ms, folders=self._sidecars)
        self.notices.update(dict.fromkeys(notices))
        row = self._manifest.get(path)
        # What an earlier manifest said of this path: a run without one does not take it away.
        kept = [] if row is not None else self._known_evidence(path, video_id, source="manifest")
        if cover is None:
            name = self._cover_name(path)
            cover = [] if name is None else self._known_evidence(path, video_id, source=f"{COVER}{name}")
        return [*kept, *location_titles(path, row, duration_ms=duration_ms), *sidecars, *cover]

    def _known_evidence(self, path: Path, video_id: str, *, source: str) -> list[Evidence]:
        known = self._library.location(str(path))
        if known is None or known.video_id != video_id:
            return []
        names = [f.name for f in fields(Evidence)]
        return [
            Evidence(**{name: getattr(row, name) for name in names})
            for row in self._library.evidence(video_id)
            if row.path == str(path) and row.source == source
        ]

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
