"""Cover pictures as evidence: which picture beside a video is its cover, and the words that somebody put on it."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from data_pipeline.evidence.ocr import OcrEngine
from data_pipeline.evidence.on_screen import PICTURE_SIDE, enlarged, read_lines
from data_pipeline.evidence.text_blocks import text_blocks
from data_pipeline.evidence.text_policy import TextPolicy
from data_pipeline.evidence.text_tracks import TextTrack
from data_pipeline.manifest import ManifestRow
from data_pipeline.sources.files import VIDEO_SUFFIXES
from retrieval.errors import VideoError
from retrieval.records import Evidence
from retrieval.stills import read_still, still_size
from retrieval.video import attached_picture
from retrieval.video.sidecars import folded_name

COVER = "cover:"                    # before the name of the file, in the source of the evidence
EMBEDDED = f"{COVER}embedded"       # source of the evidence of a cover inside the file: no file is called so
_COLUMNS = ("cover", "封面", "封面图")
_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")
_OF_A_FOLDER = ("cover", "poster", "封面")
_MOST_MISSING_NAMED = 20            # of the covers of a manifest; one that names web addresses has as many as rows
_LONGEST_NAME = 80                  # characters of a name in a notice


class CoverFolders:
    """Finds the cover beside a video and lists each folder once; make a new one for each run."""

    def __init__(self) -> None:
        self._folders: dict[Path, tuple[dict[str, Path], int]] = {}

    def find(self, video: str | Path) -> Path | None:
        """`a.jpg` or `a.cover.jpg` beside `a.mp4`; beside the only video of a folder also `cover.jpg`, `poster.jpg`, `封面.jpg`.

        JPEG, PNG, WebP and BMP; upper and lower case are the same. None where there is none.
        """
        path = Path(video).absolute()
        pictures, videos = self._folder(path.parent)
        stem = folded_name(path.stem)
        names = [stem, f"{stem}.cover", *(_OF_A_FOLDER if videos == 1 else ())]
        named = (pictures[name + suffix] for name in names for suffix in _SUFFIXES if name + suffix in pictures)
        return next((picture for picture in named if picture.is_file()), None)     # no folder, no link to nothing

    def _folder(self, folder: Path) -> tuple[dict[str, Path], int]:
        """Its pictures by folded name, and how many videos it has."""
        if folder not in self._folders:
            try:
                files = sorted(folder.iterdir())
            except OSError:
                files = []
            pictures = {folded_name(file.name): file for file in files if file.suffix.lower() in _SUFFIXES}
            self._folders[folder] = pictures, sum(file.suffix.lower() in VIDEO_SUFFIXES for file in files)
        return self._folders[folder]


def named_cover(details: Mapping[str, Any]) -> str | None:
    """What the further columns of a manifest's row say of a cover, None where they say nothing."""
    names = (str(details[column]).strip() for column in _COLUMNS if details.get(column))
    return next(filter(None, names), None)


def named_covers(rows: Mapping[Path, ManifestRow], manifest: Path | None) -> tuple[dict[Path, Path], list[str]]:
    """The pictures that the column `cover` (`封面`) of a manifest names, relative to it, by video; and what is not there.

    Of what is not there the first 20 have a sentence each, and one more counts the others.
    """
    found: dict[Path, Path] = {}
    notices: list[str] = []
    missing = 0
    for video, row in rows.items():
        name = named_cover(row.details)
        if manifest is None or name is None:
            continue
        cover = manifest.absolute().parent / name
        if os.path.isfile(cover):       # noqa: PTH113 - `Path.is_file` raises for what cannot be a path
            found[video] = cover
            continue
        missing += 1
        if missing <= _MOST_MISSING_NAMED:
            notices.append(f"{manifest} line {row.line}: there is no cover {_shortened(name)}; check its path.")
    if missing > _MOST_MISSING_NAMED:
        notices.append(f"and {missing - _MOST_MISSING_NAMED} more of the covers that {manifest} names are not there.")
    return found, notices


def _shortened(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}…"


def cover_state(cover: Path) -> str:
    """What tells a cover from another one, or from what it was before it was changed: 12 hex digits."""
    try:
        state = cover.stat()
    except OSError:
        return ""
    facts = f"{cover.name}\n{state.st_size}\n{state.st_mtime_ns}"
    return hashlib.sha256(os.fsencode(facts)).hexdigest()[:12]


def cover_evidence(
    cover: Path, engine: OcrEngine, *, duration_ms: int, policy: TextPolicy | None = None
) -> tuple[list[Evidence], str | None]:
    """The texts on a cover, each for the whole video, in reading order; and a sentence where it cannot be read.

    Raises what the engine raises. What stands on a cover belongs to the video, not to a moment of it.
    """
    return _texts_on(cover, f"The cover {cover}", engine, source=f"{COVER}{cover.name}", duration_ms=duration_ms, policy=policy)


def embedded_cover_evidence(
    video: str | Path, engine: OcrEngine, *, duration_ms: int, policy: TextPolicy | None = None
) -> tuple[list[Evidence], str | None]:
    """As `cover_evidence` of the cover picture inside a video file; nothing where there is none.

    Raises what the engine raises, and VideoError where the file cannot be opened.
    """
    picture = attached_picture(video)
    if picture is None:
        return [], None
    what = f"The cover inside {video}"
    return _texts_on(io.BytesIO(picture), what, engine, source=EMBEDDED, duration_ms=duration_ms, policy=policy)


def _texts_on(
    cover: Path | BinaryIO, what: str, engine: OcrEngine, *, source: str, duration_ms: int, policy: TextPolicy | None
) -> tuple[list[Evidence], str | None]:
    policy = policy or TextPolicy()
    try:
        if still_size(cover) is None:
            return [], f"{what} is no picture that can be read: remove or replace it."
        picture = read_still(cover)
    except VideoError as error:
        return [], f"{what} cannot be read: {error}"
    picture.thumbnail((PICTURE_SIDE, PICTURE_SIDE))
    pixels = enlarged(np.asarray(picture))
    height, width = pixels.shape[:2]
    tracks = [
        TextTrack(
            start_ms=0, end_ms=duration_ms, text=" ".join(line.text.split()), confidence=line.confidence,
            quad_0to1=line.quad, looks=1,
        )
        for line in read_lines(engine, pixels, policy)
        if policy.accepts_track(line.text, looks=1, confidence=line.confidence)
    ]
    return [
        Evidence(
            kind="ocr", text=piece.text, start_ms=0, end_ms=duration_ms, source=source, confidence=round(piece.confidence, 3)
        )
        for piece in text_blocks(tracks, tolerance_ms=0, aspect=width / height)
    ], None
