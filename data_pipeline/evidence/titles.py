"""What people wrote about a whole video: the manifest's title and tags, the file name, the container's metadata."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote

from data_pipeline.evidence.wording import is_machine_name, is_placeholder, is_prose, tidy
from data_pipeline.manifest import ManifestRow
from retrieval.records import Evidence, EvidenceKind
from retrieval.text import fold

MANIFEST_SOURCE = "manifest"  # of what a manifest's row says

# How far each place is to be trusted to describe the video, 0..1.
_MANIFEST, _METADATA_TITLE, _METADATA_PROSE, _FILE_NAME, _MACHINE_FILE_NAME = 1.0, 0.8, 0.6, 0.5, 0.1

_PROSE_KEYS = ("description", "synopsis", "comment", "lyrics")
_TAG_KEYS = ("keywords", "genre")
_TAG_SEPARATOR = re.compile(r"[,;、，；|]")
_COPY_MARK = re.compile(r"\s*(?:\(\d{1,2}\)|（\d{1,2}）|[-_ ]+(?:副本|copy)(?:\s*\(?\d*\)?)?)$", re.IGNORECASE)
# Dots and hyphens inside numbers stay: 2024-01-05, v1.2.
_SEPARATORS = re.compile(r"[_+]+|(?<!\d)[.]+|[.]+(?!\d)|(?<=[^\W\d])-+(?=[^\W\d])|\s+")


class DescribedVideo(Protocol):
    """The part of retrieval.video's VideoInfo that is read here."""

    @property
    def title(self) -> str | None: ...

    @property
    def metadata(self) -> dict[str, str]: ...


def location_titles(path: Path | str, row: ManifestRow | None, *, duration_ms: int) -> list[Evidence]:
    """Titles and tags that belong to where a file lies: its manifest row, and its name.

    Each tag is a piece of its own. The file name comes with separators as spaces and low confidence, the lowest for
    names given by cameras and programs; it is left out when the manifest's title says the same.
    """
    found: list[Evidence] = []
    title = tidy(row.title or "") if row else ""
    if title:
        found.append(_whole(title, duration_ms, source=MANIFEST_SOURCE, confidence=_MANIFEST))
    for tag in row.tags if row else ():
        if text := tidy(tag):
            found.append(_whole(text, duration_ms, kind="tag", source=MANIFEST_SOURCE, confidence=_MANIFEST))
    name = file_name_text(path)
    if name and fold(name) != fold(title):
        confidence = _MACHINE_FILE_NAME if is_machine_name(Path(path).stem) else _FILE_NAME
        found.append(_whole(name, duration_ms, source="file_name", confidence=confidence))
    return found


def content_titles(info: DescribedVideo, *, duration_ms: int) -> list[Evidence]:
    """Titles, descriptions and keywords that the container carries; what programs put there is left out."""
    metadata = {key.lower(): value for key, value in info.metadata.items()}
    found: list[Evidence] = []
    title = tidy(info.title or metadata.get("title", ""))
    if title and not is_placeholder(title):
        found.append(_whole(title, duration_ms, source="metadata", confidence=_METADATA_TITLE))
    for key in _PROSE_KEYS:
        text = tidy(metadata.get(key, ""))
        if is_prose(text):
            found.append(_whole(text, duration_ms, source="metadata", confidence=_METADATA_PROSE))
    for key in _TAG_KEYS:
        for part in _TAG_SEPARATOR.split(metadata.get(key, "")):
            tag = tidy(part).lstrip("#").strip()
            if tag and not is_placeholder(tag):
                found.append(_whole(tag, duration_ms, kind="tag", source="metadata", confidence=_METADATA_PROSE))
    return _without_repetition(found)


def file_name_text(path: Path | str) -> str:
    """The name of a file as words: no suffix, no copy mark, separators as spaces; empty when nothing can be read."""
    stem = Path(path).stem
    decoded = unquote(stem, errors="replace")
    stem = tidy(stem if "\ufffd" in decoded else decoded)
    words = " ".join(_SEPARATORS.sub(" ", _COPY_MARK.sub("", stem) or stem).split())
    return words if any(c.isalnum() for c in words) else ""


def _whole(
    text: str, duration_ms: int, *, source: str, confidence: float, kind: EvidenceKind = "title"
) -> Evidence:
    return Evidence(kind=kind, text=text, start_ms=0, end_ms=duration_ms, source=source, confidence=confidence)


def _without_repetition(found: list[Evidence]) -> list[Evidence]:
    first = {(piece.kind, fold(piece.text)): piece for piece in reversed(found)}
    return [piece for piece in found if first[piece.kind, fold(piece.text)] is piece]
