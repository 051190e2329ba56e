"""Tables give back the rows that were written, and refuse files of another shape in one sentence."""

from __future__ import annotations

import builtins
import errno
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_pipeline.corpus import files
from data_pipeline.corpus.errors import CorpusError
from data_pipeline.corpus.rows import ClipRow, PairRow, VideoRow
from data_pipeline.corpus.tables import read_columns, read_table, write_columns, write_table
from retrieval.errors import InputError

VIDEO = VideoRow(
    video_id="ab" * 32, path="/videos/猫.mp4", file_bytes=2**40, container="mp4", video_codec="h264", audio_codec=None,
    width=720, height=1280, rotation=90, duration_ms=36_340, frames_per_second=29.97, has_audio=False, split="train",
    damage="truncated: 2.0 s of 3.0 s could be read", topics=("宠物", "cat"), publish_date="2024-02-29",
)
CLIP = ClipRow(clip_id="ab_0000", video_id="ab" * 32, start_ms=0, end_ms=10_000, split="train")
PAIR = PairRow(
    pair_id="ab_0000_000", clip_id="ab_0000", text="一只🐈在追球\n第二行", language="zh", kind="caption", detail=None,
    split="train", source="manifest", relevance_mean=0.25, dirt="mismatched", true_clip_id="cd_0000",
)


@pytest.mark.parametrize("row", [VIDEO, CLIP, PAIR], ids=lambda row: type(row).__name__)
def test_rows_come_back_as_they_were(tmp_path: Path, row: Any) -> None:
    path = tmp_path / "rows.parquet"
    assert write_table(path, [row, row], type(row)) == 2
    assert list(read_table(path, type(row))) == [row, row]
    assert pq.read_table(path).column_names == [column.name for column in fields(row)]


def test_an_empty_table_is_a_table(tmp_path: Path) -> None:
    assert write_table(tmp_path / "none.parquet", [], PairRow) == 0
    assert list(read_table(tmp_path / "none.parquet", PairRow)) == []


def test_many_rows_stay_in_order_and_give_the_same_bytes(tmp_path: Path) -> None:
    def clips() -> Iterator[ClipRow]:
        return (ClipRow(clip_id=str(n), video_id="v", start_ms=n, end_ms=n + 1, split="train") for n in range(70_000))

    write_table(tmp_path / "a.parquet", clips(), ClipRow)
    write_table(tmp_path / "b.parquet", clips(), ClipRow)
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    assert all(row.start_ms == n for n, row in enumerate(read_table(tmp_path / "a.parquet", ClipRow)))


def test_columns_give_the_same_file_as_rows(tmp_path: Path) -> None:
    rows = [replace(PAIR, pair_id=str(number)) for number in range(66_000)]
    write_table(tmp_path / "rows.parquet", rows, PairRow)
    columns = read_columns(tmp_path / "rows.parquet", PairRow)
    assert write_columns(tmp_path / "columns.parquet", columns, PairRow) == 66_000
    assert (tmp_path / "columns.parquet").read_bytes() == (tmp_path / "rows.parquet").read_bytes()
    some = read_columns(tmp_path / "rows.parquet", PairRow, ["text", "pair_id"])
    assert (some.column_names, some["pair_id"][7].as_py()) == (["text", "pair_id"], "7")
    with pytest.raises(CorpusError, match="There is no table"):
        read_columns(tmp_path / "none.parquet", PairRow)


def test_scores_are_float32_and_unknown_is_null(tmp_path: Path) -> None:
    write_table(tmp_path / "pairs.parquet", [PAIR], PairRow)
    table = pq.read_table(tmp_path / "pairs.parquet")
    assert table.schema.field("relevance_mean").type == pa.float32()
    assert table.column("relevance_max").null_count == 1


def test_another_program_s_columns_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "clips.parquet"
    write_table(path, [CLIP], ClipRow)
    table = pq.read_table(path)
    pq.write_table(table.append_column("extra", pa.array([1])), path)
    assert list(read_table(path, ClipRow)) == [CLIP]


def refused(path: Path) -> str:
    with pytest.raises(CorpusError) as error:
        list(read_table(path, ClipRow))
    assert error.value.kind == "unreadable"
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_other_tables_are_refused_in_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "clips.parquet"
    assert "There is no table" in refused(path)
    write_table(path, [CLIP], ClipRow)
    table, whole = pq.read_table(path), path.read_bytes()

    pq.write_table(table.drop_columns(["start_ms", "split"]), path)
    assert "has no column start_ms, split" in refused(path)
    pq.write_table(table.set_column(2, "start_ms", pa.array([0.0])), path)
    assert "start_ms" in refused(path)
    assert "holds double, but must hold int64" in refused(path)
    pq.write_table(table.replace_schema_metadata({"wenshi.corpus.version": "7"}), path)
    assert "has the schema version 7, but this program reads version 2" in refused(path)
    pq.write_table(table.replace_schema_metadata(None), path)
    assert "has the schema version none" in refused(path)
    for damaged in (whole[: len(whole) // 2], b"", whole[:4] + bytes(len(whole) - 200) + whole[-196:]):
        path.write_bytes(damaged)
        assert "cannot be read" in refused(path)


def test_a_full_disk_leaves_the_old_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "clips.parquet"
    write_table(path, [CLIP], ClipRow)
    before = path.read_bytes()

    class FullFile:
        def write(self, data: bytes) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

    opened = files.CheckedFile.__init__
    monkeypatch.setattr(files.CheckedFile, "__init__", lambda self, file, path: opened(self, FullFile(), path))
    with pytest.raises(CorpusError, match=r"clips.parquet cannot be written \(No space left on device\)"):
        write_table(path, [CLIP] * 5, ClipRow)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_fault_in_the_rows_leaves_the_old_table(tmp_path: Path) -> None:
    path = tmp_path / "clips.parquet"
    write_table(path, [CLIP], ClipRow)

    def rows() -> Iterator[ClipRow]:
        yield from [CLIP] * 70_000
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_table(path, rows(), ClipRow)
    assert list(read_table(path, ClipRow)) == [CLIP]
    assert list(tmp_path.iterdir()) == [path]


def test_without_pyarrow_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.startswith("pyarrow"):
            raise ImportError("No module named 'pyarrow'")
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match=r"pip install 'wenshi\[corpus\]'"):
        write_table(tmp_path / "clips.parquet", [CLIP], ClipRow)
