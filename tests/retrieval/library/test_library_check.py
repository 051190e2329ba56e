"""Checksums of rows: whatever changes in a cell is named, whoever changed it; older libraries get them on the way."""

from __future__ import annotations

import sqlite3
import zipfile
from pathlib import Path

import pytest
from library_samples import GENERATION, OTHER_GENERATION, clips, evidence, location, put, unit, video_id

from retrieval.errors import LibraryError
from retrieval.library import Library, mending, snapshots
from retrieval.library.digests import KEYS, covered_columns, tables

FORMAT_1 = Path(__file__).with_name("library_format_1.zip")


def filled(directory: Path) -> Path:
    with Library.open(directory, write=True, create=True) as library:
        put(library, "a", evidence=[evidence("asr", "小狗追球")], location_evidence=[evidence("title", "标题")])
        put(library, "b", clips=clips(1, dimension=16), generation=OTHER_GENERATION)
        library.put_location(video_id("a"), location("/videos/second.mp4"), location_evidence=[evidence("tag", "狗")])
        library.put_text_vectors(GENERATION, {1: unit(GENERATION.dimension)})
        library.record_failure("/videos/bad.mp4", kind="corrupt", message="坏", size_bytes=5, modified_ns=6)
        library.set_setting("model", "某")
        library.activate(GENERATION)
    return directory


@pytest.mark.parametrize("table", KEYS)
def test_every_change_of_every_cell_is_named(tmp_path: Path, table: str) -> None:
    directory = filled(tmp_path)
    db = sqlite3.connect(directory / "library.sqlite", isolation_level=None)
    columns = covered_columns(db, table)
    for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        db.execute(f"DROP TRIGGER {name}")
    for column in [*(name for name in columns if name not in KEYS[table]), "digest"]:
        (before,) = db.execute(f"SELECT {column} FROM {table} LIMIT 1").fetchone()
        where = " AND ".join(f"{key} = ?" for key in KEYS[table])
        key = db.execute(f"SELECT {', '.join(KEYS[table])} FROM {table} LIMIT 1").fetchone()
        change = {str: "x", bytes: b"x" * 64, type(None): "x", int: 12345, float: 0.25}[type(before)]
        db.execute(f"UPDATE {table} SET {column} = ? WHERE {where}", [change, *key])
        with Library.open(directory) as library:
            assert f"{table} {', '.join(map(str, key))}" in {problem.where for problem in library.check()}, column
        db.execute(f"UPDATE {table} SET {column} = ? WHERE {where}", [before, *key])
    db.close()


def test_a_table_that_lost_its_triggers_and_a_number_that_went_back_are_named(tmp_path: Path) -> None:
    directory = filled(tmp_path)
    db = sqlite3.connect(directory / "library.sqlite")
    for change in ("DROP TRIGGER clips_insert_digest", "UPDATE sqlite_sequence SET seq = 1 WHERE name = 'clips'"):
        db.execute(change)
        db.commit()
        with Library.open(directory) as library:
            assert any("row numbers" in problem.what for problem in library.check())
    db.close()


def test_bytes_that_are_no_text_are_named_and_do_not_stop_the_check(tmp_path: Path) -> None:
    directory = filled(tmp_path)
    file = directory / "library.sqlite"
    with Library.open(directory):
        pass
    data = file.read_bytes()
    place = data.index("小狗追球".encode())
    file.write_bytes(data[:place] + b"\xff" + data[place + 1 :])
    with Library.open(directory) as library:
        assert any(problem.where.startswith("evidence ") for problem in library.check())


def test_a_library_of_format_1_is_read_as_it_is_and_brought_up_to_date_by_a_writer(tmp_path: Path) -> None:
    with zipfile.ZipFile(FORMAT_1) as packed:
        packed.extractall(tmp_path)
    with Library.open(tmp_path) as reader:
        assert {problem.what for problem in reader.check()} <= {"the word index was made by another version of Wenshi"}
        ids = reader.video_ids()
        titles = reader.titles(ids)
        assert titles
        assert titles == {
            v: [(row.source, row.text) for row in reader.evidence(v) if row.kind == "title"] for v in titles
        }
        before = [(reader.videos(ids), [(reader.clips(v), reader.evidence(v)) for v in ids], reader.failures())]
    with Library.open(tmp_path, write=True) as library:
        after = [(library.videos(ids), [(library.clips(v), library.evidence(v)) for v in ids], library.failures())]
        assert (library.video_ids(), after) == ([video_id(0), video_id(2)], before)
        assert library.setting("model") == "某"
        put(library, "new")
        assert library.check() == []
    db = sqlite3.connect(tmp_path / "library.sqlite")
    assert db.execute("PRAGMA user_version").fetchone() == (2,)
    assert all(db.execute(f"SELECT count(*) FROM {t} WHERE digest IS NULL").fetchone() == (0,) for t in tables(db))
    db.close()


def test_a_rebuild_that_a_damaged_row_stops_names_it_and_the_way_out(tmp_path: Path) -> None:
    directory = filled(tmp_path / "library")
    snapshot = snapshots.take(directory, tmp_path / "snapshot")
    file = directory / "library.sqlite"
    data = file.read_bytes()
    place = data.index("小狗追球".encode())
    file.write_bytes(data[:place] + b"\xff" + data[place + 1 :])
    with Library.open(directory, write=True) as library:
        with pytest.raises(LibraryError, match=r"\(evidence 1\).*restore SNAPSHOT --damaged"):
            library.rebuild()
        assert library.video_ids() == [video_id("a"), video_id("b")]
    assert mending.mend(snapshot, directory).rows == ("evidence 1",)
    with Library.open(directory, write=True) as library:
        library.rebuild()
        assert library.check() == []
