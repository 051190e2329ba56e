"""Parquet tables of typed rows: the truth of a corpus, written whole or not at all."""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

from data_pipeline.corpus.errors import CorpusError
from data_pipeline.corpus.files import CheckedFile, whole_file
from retrieval.errors import InputError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Row = TypeVar("Row", bound="DataclassInstance")

VIDEOS, CLIPS, PAIRS = "videos.parquet", "clips.parquet", "pairs.parquet"
_VERSION = "2"
_VERSION_KEY = b"wenshi.corpus.version"
_ROWS_AT_ONCE = 65_536
_ARROW_NAMES = {str: "string", int: "int64", float: "float64", bool: "bool_"}


def write_table(path: str | Path, rows: Iterable[Row], row_type: type[Row]) -> int:
    """Write rows as a parquet file and return their number; the file takes its name when it is complete.

    The same rows give the same bytes. Scores are stored as float32. Raises CorpusError (write), InputError without
    pyarrow.
    """
    pa, pq = require_pyarrow()
    schema, waiting, count = _schema(pa, row_type), iter(rows), 0
    names = schema.names
    with whole_file(Path(path)) as file, pq.ParquetWriter(_Sink(file), schema, compression="zstd") as writer:
        while part := list(islice(waiting, _ROWS_AT_ONCE)):
            columns = [pa.array([getattr(row, name) for row in part], schema.field(name).type) for name in names]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))
            count += len(part)
    return count


def read_table(path: str | Path, row_type: type[Row]) -> Iterator[Row]:
    """Give the rows of a table in order, a part of the file at a time; columns that `row_type` lacks are passed over.

    Raises CorpusError (unreadable): missing, damaged, of another version, without a column, or with one of another
    type; InputError without pyarrow.
    """
    pa, pq = require_pyarrow()
    path, schema = Path(path), _schema(pa, row_type)
    with _unreadable(pa, path), pq.ParquetFile(path) as file:
        _check_schema(file.schema_arrow, schema, path)
        tuples = [field.name for field in schema if pa.types.is_list(field.type)]
        for part in file.iter_batches(_ROWS_AT_ONCE, columns=schema.names):
            for row in part.to_pylist():
                row.update((name, tuple(row[name])) for name in tuples)
                yield row_type(**row)


@contextmanager
def _unreadable(pa: Any, path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise CorpusError("unreadable", f"There is no table {path}: build the corpus first.") from None
    except (pa.ArrowException, OSError) as error:
        raise CorpusError("unreadable", f"The table {path} cannot be read ({_first_line(error)}): build it again.") from error


def read_columns(path: str | Path, row_type: type[Row], names: Sequence[str] | None = None) -> Any:
    """A table, or only some of its columns, as a pyarrow.Table, for what would be slow row by row. Raises as `read_table`."""
    pa, pq = require_pyarrow()
    path, schema = Path(path), _schema(pa, row_type)
    with _unreadable(pa, path), pq.ParquetFile(path) as file:
        _check_schema(file.schema_arrow, schema, path)
        return file.read(columns=list(names or schema.names), use_threads=False).replace_schema_metadata(None)


def write_columns(path: str | Path, columns: Any, row_type: type[Row]) -> int:
    """Write a pyarrow.Table that has the columns of `row_type`: the same file as from its rows. Raises as `write_table`."""
    pa, pq = require_pyarrow()
    schema = _schema(pa, row_type)
    parts = columns.select(schema.names).cast(schema).combine_chunks()
    with whole_file(Path(path)) as file, pq.ParquetWriter(_Sink(file), schema, compression="zstd") as writer:
        for start in range(0, parts.num_rows, _ROWS_AT_ONCE):
            writer.write_table(parts.slice(start, _ROWS_AT_ONCE))
    return int(parts.num_rows)


class _Sink:
    """What pyarrow asks of a file that is only written to."""

    closed = False

    def __init__(self, file: CheckedFile) -> None:
        self._file = file

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        content = bytes(data)
        self._file.write(content)
        return len(content)

    def tell(self) -> int:
        return self._file.bytes

    def flush(self) -> None:
        """The whole file is brought to the disk at its end."""

    def close(self) -> None:
        """The file is closed by whoever opened it."""


def _schema(pa: Any, row_type: type[Row]) -> Any:
    hints = get_type_hints(row_type, include_extras=True)
    columns = [pa.field(column.name, *_arrow_type(pa, hints[column.name])) for column in fields(row_type)]
    return pa.schema(columns, metadata={_VERSION_KEY: _VERSION.encode()})


def _arrow_type(pa: Any, hint: Any) -> tuple[Any, bool]:
    """The column's type, and whether it may be null."""
    if get_origin(hint) in (Union, types.UnionType):
        kind, = (one for one in get_args(hint) if one is not type(None))
        return _arrow_type(pa, kind)[0], True
    if get_origin(hint) is Annotated:
        return getattr(pa, get_args(hint)[1])(), False
    if get_origin(hint) is tuple:
        return pa.list_(_arrow_type(pa, get_args(hint)[0])[0]), False
    return getattr(pa, _ARROW_NAMES[hint])(), False


def _check_schema(found: Any, wanted: Any, path: Path) -> None:
    version = (found.metadata or {}).get(_VERSION_KEY, b"none").decode("utf-8", "replace")
    if version != _VERSION:
        raise CorpusError(
            "unreadable",
            f"The table {path} has the schema version {version}, but this program reads version {_VERSION}: "
            "build the corpus again, or use the program that wrote it.",
        )
    missing = [name for name in wanted.names if name not in found.names]
    if missing:
        raise CorpusError("unreadable", f"The table {path} has no column {', '.join(missing)}: build the corpus again.")
    for field in wanted:
        if found.field(field.name).type != field.type:
            raise CorpusError(
                "unreadable",
                f"The column {field.name} of {path} holds {found.field(field.name).type}, but must hold {field.type}: "
                "build the corpus again.",
            )


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


def require_pyarrow() -> tuple[Any, Any]:
    """The modules pyarrow and pyarrow.parquet. Raises InputError when they are not installed."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise InputError(
            f"Corpus tables need the package pyarrow, which cannot be imported ({error}); install it with: "
            "pip install 'wenshi[corpus]'"
        ) from error
    return pyarrow, pyarrow.parquet
