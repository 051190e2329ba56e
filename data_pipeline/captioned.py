"""Videos with captions, as a person lists them in a table, become rows of a corpus: a split by video, and what fits no file."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_pipeline.corpus.plan import VideoSource
from data_pipeline.corpus.samples import SampleText
from data_pipeline.manifest import Manifest, ManifestRow
from data_pipeline.sources.files import plain_path
from data_pipeline.tables import BrokenLine, TableRow, read_table
from retrieval.errors import InputError
from retrieval.text import holds_chinese, normalise

TRAIN, VALIDATION = "train", "validation"
FILE_COLUMNS = ("file", "path", "video")
CAPTION_COLUMNS = ("caption", "text", "title", "描述", "说明")
_SPLITS = {"train": TRAIN, "validation": VALIDATION, "val": VALIDATION, "dev": VALIDATION}
_FEWEST_VIDEOS = 4              # two to tell apart in training, two to be measured by


@dataclass(frozen=True, kw_only=True)
class CaptionedVideos:
    """A row for each video, with all its captions. unused: a sentence for each line of the table that could not be used."""

    sources: tuple[VideoSource, ...]
    unused: tuple[str, ...]

    def count(self, split: str) -> int:
        """How many videos are in a split."""
        return sum(source.split == split for source in self.sources)


def read_captioned(table: Path, files: Sequence[Path], *, validation_share: float) -> CaptionedVideos:
    """The files that a CSV or JSONL gives captions; several captions of a video are several lines.

    The file's name is in a column `file`, `path` or `video`, the caption in `caption`, `text` or `title`. A column `split`
    (train, validation) decides where it is filled for any video; else a share of the videos, drawn by their paths, is
    held back for validation. Raises InputError when the table cannot be used, or too few videos are left.
    """
    rows, broken = _rows(table)
    pairs, unmatched = Manifest(path=table, rows=tuple(rows), broken=tuple(broken)).pair(files)
    captions: dict[Path, list[SampleText]] = {}
    splits: dict[Path, str] = {}
    for row, file in pairs:
        if row.title is None or not normalise(row.title):
            unmatched.append((row, f"{table} line {row.line} has no caption: fill its `{CAPTION_COLUMNS[0]}` column."))
            continue
        captions.setdefault(file, []).append(_text(row.title))
        if "split" in row.details:
            split = _split(row, table=table)
            if splits.setdefault(file, split) != split:
                raise InputError(
                    f"{table} line {row.line} puts {row.file} into {split}, but an earlier line into {splits[file]}: give all "
                    "lines of a video one split."
                )
    if len(captions) < _FEWEST_VIDEOS:
        first = f"; the first line that cannot be used: {unmatched[0][1]}" if unmatched else "."
        raise InputError(
            f"{table} gives captions to {len(captions)} of the {len(files)} videos, but {_FEWEST_VIDEOS} are the fewest{first}"
        )
    if not splits:
        splits = dict.fromkeys(_held_back(list(captions), folder=plain_path(table.parent), share=validation_share), VALIDATION)
    unmatched.sort(key=lambda pair: pair[0].line)
    return CaptionedVideos(
        sources=tuple(
            VideoSource(path=str(file), texts=tuple(texts), split=splits.get(file, TRAIN), source="captions")
            for file, texts in captions.items()
        ),
        unused=tuple(reason for _, reason in unmatched),
    )


def _rows(table: Path) -> tuple[list[ManifestRow], list[tuple[ManifestRow, str]]]:
    rows: list[ManifestRow] = []
    broken: list[tuple[ManifestRow, str]] = []
    for entry in read_table(table, needed_column=FILE_COLUMNS[0], or_any_of=FILE_COLUMNS[1:]):
        if isinstance(entry, BrokenLine):
            nothing = ManifestRow(line=entry.line, file="", title=None, tags=(), date=None, details={})
            broken.append((nothing, f"{table} line {entry.line} {entry.reason}; correct that line."))
        else:
            rows.append(_row(entry))
    if rows and not any(row.title for row in rows):
        raise InputError(f"{table} has no captions: name their column `{CAPTION_COLUMNS[0]}`.")
    return rows, broken


def _row(entry: TableRow) -> ManifestRow:
    values = entry.values
    split = _first(values, ("split",))
    return ManifestRow(
        line=entry.line, file=_first(values, FILE_COLUMNS) or "", title=_first(values, CAPTION_COLUMNS), tags=(), date=None,
        details={} if split is None else {"split": split},
    )


def _first(values: dict[str, Any], columns: Sequence[str]) -> str | None:
    """The first of these cells that has something in it."""
    cells = (str(values[column]).strip() for column in columns if values.get(column) is not None)
    return next((cell for cell in cells if cell), None)


def _split(row: ManifestRow, *, table: Path) -> str:
    name = row.details["split"].lower()
    if name not in _SPLITS:
        raise InputError(f"{table} line {row.line}: the split {name!r} is not known, use train or validation.")
    return _SPLITS[name]


def _text(caption: str) -> SampleText:
    return SampleText(text=caption, language="zh" if holds_chinese(caption) else "en", detail=None, kind="caption")


def _held_back(files: list[Path], *, folder: Path, share: float) -> list[Path]:
    """The videos whose paths have the smallest digests: which they are does not depend on where the folder lies."""

    def digest(file: Path) -> str:
        own = plain_path(file)
        name = own.relative_to(folder) if own.is_relative_to(folder) else own.name
        return hashlib.sha256(str(name).encode("utf-8", "surrogateescape")).hexdigest()

    count = min(max(round(share * len(files)), 2), len(files) - 2)
    return sorted(files, key=digest)[:count]
