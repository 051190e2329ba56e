"""Tables made by people: CSV, JSON lines or a JSON array in any usual encoding, read line by line and without loss."""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from retrieval.errors import InputError

_DELIMITERS = (",", ";", "\t")
_BETWEEN_ELEMENTS = re.compile(r"[\s,]*")
_NOT_TEXT = re.compile("[\ud800-\udfff]")
_CHINESE_NAMES = {
    "文件": "file", "文件名": "file", "文件路径": "file", "路径": "file",
    "标题": "title", "标签": "tags", "日期": "date",
}  # fmt: skip
_MOST_COLUMNS = 1_000
_CELL_LIMIT = 1_000_000             # characters; csv's own limit of 131,072 is less than a long transcript


@dataclass(frozen=True)
class TableRow:
    """One row; column names are stripped and in lower case, values as they came."""

    line: int
    values: dict[str, Any]


@dataclass(frozen=True)
class BrokenLine:
    """A line that could not be read; `reason` continues a sentence that began with its place."""

    line: int
    reason: str


def read_table(path: Path, *, needed_column: str, or_any_of: tuple[str, ...] = ()) -> list[TableRow | BrokenLine]:
    """Read a table whatever its layout; line numbers are 1-based and say where a row starts.

    Raises InputError when the whole file is unusable: missing, empty, not text, a broken JSON array, or a CSV header
    without `needed_column` (or any of the others given) or with more than 1,000 columns.
    """
    text = _decode(_read(path), path=path)
    if not text.strip():
        raise InputError(f"The table {path} is empty; give it a row for each file.")
    start = text.lstrip()[0]
    if start == "[":
        entries = _json_array(text, path=path)
    elif start == "{":
        entries = _json_lines(text)
    else:
        entries = _csv_rows(text, path=path, needed=(needed_column, *or_any_of))
    return [_refuse_bad_bytes(entry) for entry in entries]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise InputError(f"There is no file {path}; check the name of the table.") from error
    except OSError as error:
        raise InputError(f"The table {path} cannot be read ({error.strerror or error}); check what it is.") from error


def _decode(data: bytes, *, path: Path) -> str:
    """Bytes that fit no encoding become lone surrogates, so that only the rows that hold them are refused."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", errors="replace")
    if b"\0" in data:
        raise InputError(f"The table {path} is not text; save the spreadsheet as CSV (UTF-8) and give that file.")
    return data.removeprefix(codecs.BOM_UTF8).decode(_encoding(data), errors="surrogateescape")


def _encoding(data: bytes) -> str:
    """UTF-8 unless most lines with non-ASCII bytes are not: one damaged line must not turn the others into noise."""
    lines = [line for line in data.splitlines() if not line.isascii()]
    return "utf-8" if 2 * sum(map(_is_utf8, lines)) >= len(lines) else "gb18030"


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _refuse_bad_bytes(entry: TableRow | BrokenLine) -> TableRow | BrokenLine:
    if isinstance(entry, TableRow) and _NOT_TEXT.search(_all_text(entry.values)):
        return BrokenLine(entry.line, "holds bytes or escapes that are no text in any usual encoding")
    return entry


def _all_text(values: dict[str, Any]) -> str:
    """All characters of a row, unescaped, in one string."""
    return json.dumps(values, ensure_ascii=False, default=str)


def _json_lines(text: str) -> Iterator[TableRow | BrokenLine]:
    for number, line in enumerate(io.StringIO(text, newline=None), start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line, parse_constant=json_constant)
        except (ValueError, RecursionError) as error:
            yield BrokenLine(number, f"is not JSON ({_json_problem(error)})")
        else:
            yield _json_row(value, line=number)


def _json_array(text: str, *, path: Path) -> Iterator[TableRow | BrokenLine]:
    """Walk the array element by element, to know on which line each one starts."""
    decoder = json.JSONDecoder(parse_constant=json_constant)
    position, line = text.index("[") + 1, 1
    counted = 0
    try:
        json.loads(text)
        while True:
            position = _BETWEEN_ELEMENTS.match(text, position).end()  # type: ignore[union-attr]
            if text[position] == "]":
                return
            line, counted = line + text.count("\n", counted, position), position
            value, position = decoder.raw_decode(text, position)
            yield _json_row(value, line=line)
    except (ValueError, RecursionError) as error:
        problem = _json_problem(error, with_line=True)
        raise InputError(f"The table {path} is not a JSON array ({problem}); correct it there.") from error


def json_constant(name: str) -> float | None:
    """What a JSON reader takes NaN, Infinity and -Infinity for: a cell of NaN is an empty one, as pandas writes it."""
    return None if name == "NaN" else float(name)


def _json_problem(error: Exception, *, with_line: bool = False) -> str:
    if not isinstance(error, json.JSONDecodeError):
        return "it is nested too deep or holds a number too long"
    return f"{error.msg} at {f'line {error.lineno}, ' if with_line else ''}column {error.colno}"


def _json_row(value: Any, *, line: int) -> TableRow | BrokenLine:
    if not isinstance(value, dict):
        return BrokenLine(line, "is not a JSON object with column names")
    if len(value) > _MOST_COLUMNS:
        return BrokenLine(line, f"has {len(value)} columns, more than the {_MOST_COLUMNS} that are read")
    names = _column_names(list(value))
    return TableRow(line, dict(zip(names, value.values(), strict=True)))


def _csv_rows(text: str, *, path: Path, needed: tuple[str, ...]) -> Iterator[TableRow | BrokenLine]:
    lines = list(io.StringIO(text, newline=""))
    header_at = next(number for number, line in enumerate(lines) if line.strip())
    delimiter = _delimiter(lines[header_at], needed=needed)
    records = _csv_records(lines, start=header_at, delimiter=delimiter)
    header = next(records)
    cells = header[1] if isinstance(header, tuple) else []
    if len(cells) > _MOST_COLUMNS:
        raise InputError(f"The table {path} has {len(cells)} columns; give it {_MOST_COLUMNS} at most.")
    names = _column_names(cells)
    if not {*needed} & {*names}:
        first = lines[header_at].strip()[:80]
        raise InputError(
            f"The table {path} has no column `{needed[0]}` (its first line reads {first!r}); name them there."
        )
    for record in records:
        if isinstance(record, BrokenLine):
            yield record
        elif any(cell.strip() for cell in record[1]):
            yield _csv_row(record[1], names=names, line=record[0])


def _csv_records(
    lines: list[str], *, start: int, delimiter: str
) -> Iterator[tuple[int, list[str]] | BrokenLine]:
    """Cut lines into records; where a quotation mark never closes, only the line it stands on is given up."""
    previous_limit = csv.field_size_limit(_CELL_LIMIT)
    try:
        while start < len(lines):
            reader = csv.reader(islice(lines, start, None), delimiter=delimiter, strict=True)
            used = 0
            try:
                for cells in reader:
                    yield start + used + 1, cells
                    used = reader.line_num
                return
            except csv.Error:
                yield BrokenLine(start + used + 1, "has a quotation mark that is not closed or not doubled")
                start += used + 1
    finally:
        csv.field_size_limit(previous_limit)


def _csv_row(cells: list[str], *, names: list[str], line: int) -> TableRow | BrokenLine:
    if any(cell.strip() for cell in cells[len(names):]):
        return BrokenLine(
            line, f"has {len(cells)} cells where the header has {len(names)} (put quotation marks around a separator)"
        )
    cells = cells[: len(names)] + [""] * (len(names) - len(cells))
    return TableRow(line, dict(zip(names, cells, strict=True)))


def _delimiter(header: str, *, needed: tuple[str, ...]) -> str:
    def rank(delimiter: str) -> tuple[bool, int]:
        try:
            cells = next(csv.reader([header], delimiter=delimiter))
        except csv.Error:           # a cell beyond all bounds
            return False, 0
        return not {*needed}.isdisjoint(map(plain_name, cells)), len(cells)

    return max(_DELIMITERS, key=rank)


def plain_name(name: str) -> str:
    """A column's name stripped, in lower case, and in English where it is a usual Chinese one."""
    name = name.strip().lower()
    return _CHINESE_NAMES.get(name, name)


def _column_names(names: list[str]) -> list[str]:
    """Names in lower case; an empty one is called by its position and a repeated one is numbered, so none is lost."""
    result: dict[str, None] = {}
    copies: dict[str, int] = {}
    for position, name in enumerate(names, start=1):
        plain = unique = plain_name(name) or f"column {position}"
        while unique in result:
            copies[plain] = copies.get(plain, 1) + 1
            unique = f"{plain} ({copies[plain]})"
        result[unique] = None
    return list(result)
