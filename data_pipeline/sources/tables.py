"""A table about video files (CSV, JSON lines, JSON, parquet; Chinese column names too) as source rows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from data_pipeline.corpus.measured import SourceRow
from data_pipeline.corpus.tables import require_pyarrow
from data_pipeline.manifest import Manifest, ManifestRow, tag_list
from data_pipeline.sources.files import StoredFiles, plain_path
from data_pipeline.sources.rows import Found, source_id, stored_names
from data_pipeline.tables import BrokenLine, TableRow, plain_name, read_table
from retrieval.days import read_day
from retrieval.errors import InputError

FILE_COLUMNS = ("file", "uri", "path", "video", "视频", "视频文件", "视频路径")
_COLUMNS = {
    "title": ("title", "title_zh", "视频标题", "题目", "名称"),
    "topics": ("topics", "tags", "topic", "话题", "主题", "关键词"),
    "category": ("category", "分类", "类别", "频道"),
    "uploader": ("uploader", "author", "上传者", "作者", "发布者", "up主"),
    "license_code": ("license", "licence", "license_code", "授权", "许可", "许可证", "许可协议", "版权", "版权声明"),
    "license_url": ("license_url", "licence_url", "授权链接", "许可链接"),
    "publish_date": ("date", "publish_date", "发布日期", "发布时间", "上传日期"),
    "split": ("split", "划分", "集合", "数据集划分"),
    "captions": ("captions", "caption", "text", "描述", "说明", "字幕"),
}
_SPLITS = {
    "train": "train", "training": "train", "训练": "train", "训练集": "train",
    "val": "validation", "dev": "validation", "valid": "validation", "validation": "validation", "验证": "validation",
    "验证集": "validation", "test": "test", "测试": "test", "测试集": "test",
}  # fmt: skip
_NO_SPAN = -1
_MOST_SECONDS = 1e9                 # 30 years: what is more, is no time in a video


@dataclass(frozen=True, kw_only=True)
class Captions:
    """Texts with their spans, -1 for none; `problems` says of each that was left out why."""

    texts: tuple[str, ...] = ()
    starts_ms: tuple[int, ...] = ()
    ends_ms: tuple[int, ...] = ()
    problems: tuple[str, ...] = ()


def read_source_table(path: Path, files: Sequence[Path]) -> Found:
    """A row for every line that names a file: by path, relative to the table, or by unique last parts among `files`.

    Raises InputError when the table as a whole cannot be used.
    """
    found, rows, broken = Found(), [], []
    for entry in _entries(path):
        if isinstance(entry, BrokenLine):
            nothing = ManifestRow(line=entry.line, file="", title=None, tags=(), date=None, details={})
            broken.append((nothing, f"it {entry.reason}; correct that line."))
        else:
            rows.append(_manifest_row(entry))
    remote = {id(row) for row in rows if _is_remote(row.file)}
    for row in rows:
        if id(row) in remote:
            found.reject(_place(path, row.line), f"{row.file} is not on this machine: fetch it first, then name the file.")
    local = [row for row in rows if id(row) not in remote]
    stored = StoredFiles()
    named = [file for row in local if row.file for file in stored.find(row.file, folder=path.parent)]
    choice = list(dict.fromkeys([*named, *files]))
    pairs, unmatched = Manifest(path=path, rows=tuple(local), broken=tuple(broken)).pair(choice)
    for row, reason in unmatched:
        reason = reason.removeprefix(f"{path} line {row.line}").removeprefix(":").strip()
        found.reject(_place(path, row.line), reason, file=str(plain_path(path.parent / row.file)) if row.file else "")
    for row, file in pairs:
        for _ in stored_names([file], found):
            where = _place(path, row.line)
            made, problems = row_of_values(row.details, uri=str(plain_path(file)), origin="manifest")
            found.rows.append((where, made))
            found.notice(where, problems)
    return found


def row_of_values(values: Mapping[str, Any], *, uri: str, origin: str) -> tuple[SourceRow, list[str]]:
    """The row of a file from named cells, and a sentence for each cell that cannot be used (the row goes without it)."""
    cells = {name: _first(values, columns) for name, columns in _COLUMNS.items()}
    captions = read_captions(cells["captions"])
    day, split = _text(cells["publish_date"]), _text(cells["split"])
    published = read_day(day) if day else None
    problems = list(captions.problems)
    if day and published is None:
        problems.append(f"the date {day!r} is left out: write it as 2026-01-31.")
    if split and split.lower() not in _SPLITS:
        problems.append(f"the split {split!r} is left out: use train, validation or test.")
    row = SourceRow(
        source_id=source_id(uri), uri=uri, title=_text(cells["title"]), topics=tag_list(cells["topics"]),
        category=_text(cells["category"]), uploader=_text(cells["uploader"]), license_code=_text(cells["license_code"]),
        license_url=_text(cells["license_url"]), publish_date=published.isoformat() if published else None,
        split=_SPLITS.get(split.lower()) if split else None, captions=captions.texts,
        caption_starts_ms=captions.starts_ms, caption_ends_ms=captions.ends_ms, origin=origin,
    )
    return row, problems


def read_captions(value: Any) -> Captions:
    """Texts of a cell: one text, a list of texts, or a list of objects with text and start and end in seconds."""
    texts: list[str] = []
    spans: list[tuple[int, int]] = []
    problems: list[str] = []
    for number, one in enumerate(value if isinstance(value, list) else [value], start=1):
        text = _text(one.get("text") if isinstance(one, dict) else one)
        span = caption_span(one.get("start"), one.get("end")) if isinstance(one, dict) else (_NO_SPAN, _NO_SPAN)
        if span is None:
            problems.append(f"its caption {number} is left out: start and end must be seconds, the end behind the start.")
        elif text is not None:
            texts.append(text)
            spans.append(span)
        elif one is not None and value != "":
            problems.append(f"its caption {number} is left out: it holds no text.")
    return Captions(
        texts=tuple(texts), starts_ms=tuple(start for start, _ in spans), ends_ms=tuple(end for _, end in spans),
        problems=tuple(problems),
    )


def caption_span(start: Any, end: Any) -> tuple[int, int] | None:
    """Seconds as whole ms, (-1, -1) where both are absent, None for what is no span."""
    if start is None and end is None:
        return _NO_SPAN, _NO_SPAN
    if not _is_time(start) or not _is_time(end):
        return None
    start_ms, end_ms = round(float(start) * 1000), round(float(end) * 1000)
    return (start_ms, end_ms) if start_ms < end_ms else None


def _is_time(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < _MOST_SECONDS


def _entries(path: Path) -> list[TableRow | BrokenLine]:
    if path.suffix.lower() != ".parquet":
        return read_table(path, needed_column=FILE_COLUMNS[0], or_any_of=FILE_COLUMNS[1:])
    pa, pq = require_pyarrow()
    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"The table {path} cannot be read ({str(error).splitlines()[0]}); check the file.") from error
    if {plain_name(name) for name in table.column_names}.isdisjoint(FILE_COLUMNS):
        raise InputError(f"The table {path} has no column `{FILE_COLUMNS[0]}`; name it there.")
    return [
        TableRow(line, {plain_name(name): _without_nan(value) for name, value in row.items()})
        for line, row in enumerate(table.to_pylist(), start=1)
    ]


def _without_nan(value: Any) -> Any:
    """A cell with None for every NaN in it, which is how pandas writes an empty one."""
    if isinstance(value, list):
        return [_without_nan(one) for one in value]
    if isinstance(value, dict):
        return {name: _without_nan(one) for name, one in value.items()}
    return None if isinstance(value, float) and math.isnan(value) else value


def _manifest_row(entry: TableRow) -> ManifestRow:
    file = _text(_first(entry.values, FILE_COLUMNS)) or ""
    if file.lower().startswith("file://"):
        file = unquote(urlsplit(file).path)
    return ManifestRow(line=entry.line, file=file, title=None, tags=(), date=None, details=entry.values)


def _is_remote(file: str) -> bool:
    return "://" in file[:12]


def _place(path: Path, line: int) -> str:
    return f"{path} line {line}"


def _first(values: Mapping[str, Any], columns: Sequence[str]) -> Any:
    """The first of these cells that has something in it."""
    cells = (values[column] for column in columns if column in values)
    return next((cell for cell in cells if not _is_empty(cell)), None)


def _is_empty(cell: Any) -> bool:
    return cell is None or cell == [] or (isinstance(cell, str) and not cell.strip())


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, (list, dict)):
        return None
    return str(value).strip() or None
