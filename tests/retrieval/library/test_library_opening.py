"""Opening: what is no library, what is locked, and what cannot be written gets one clear sentence."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from library_samples import DIMENSION, frame_file, put, unit, video_id

from retrieval.errors import LibraryError
from retrieval.library import Library
from retrieval.library.connections import connect_writer

HOLD = """
import sys
import threading
import time
from retrieval.library import Library
library = Library.open(sys.argv[1], write=True, create=True)
print("open", flush=True)
sys.stdin.read()
"""


def one_sentence(error: pytest.ExceptionInfo[LibraryError]) -> str:
    text = str(error.value)
    assert "\n" not in text
    assert len(text) < 500
    return text


def holder(directory: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(directory)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "open\n"
    return process


def test_a_missing_directory_and_one_that_is_no_library_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(LibraryError, match=r"does not exist.*wenshi add"):
        Library.open(tmp_path / "none")
    with pytest.raises(LibraryError, match="does not exist"):
        Library.open(tmp_path / "none", write=True)
    with pytest.raises(LibraryError, match="is not a library"):
        Library.open(tmp_path)
    (tmp_path / "file").write_text("x")
    with pytest.raises(LibraryError, match="is a file"):
        Library.open(tmp_path / "file", write=True, create=True)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_create_makes_parents_and_keeps_what_is_there(tmp_path: Path) -> None:
    directory = tmp_path / "a" / "b"
    with Library.open(directory, write=True, create=True) as library:
        put(library, "a")
    with Library.open(str(directory), write=True, create=True) as library:
        assert library.video_ids() == [video_id("a")]
    with Library.open(tmp_path / "c", create=True) as reader:
        assert reader.status().videos == 0
    Library.open(tmp_path / "c", write=True).close()


def test_a_foreign_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / "library.sqlite")
    db.execute("CREATE TABLE mine (x)")
    db.commit()
    db.close()
    before = (tmp_path / "library.sqlite").read_bytes()
    for options in ({}, {"write": True}, {"write": True, "create": True}):
        with pytest.raises(LibraryError, match="not the database of a library"):
            Library.open(tmp_path, **options)
    assert (tmp_path / "library.sqlite").read_bytes() == before
    (tmp_path / "library.sqlite").write_bytes(b"not sqlite at all" * 100)
    with pytest.raises(LibraryError, match=r"damaged.*not a database"):
        Library.open(tmp_path)


@pytest.mark.parametrize("options", [{}, {"write": True}, {"write": True, "create": True}])
def test_a_database_without_its_beginning_is_named_and_nothing_is_made_in_its_place(tmp_path: Path, options: dict) -> None:
    with Library.open(tmp_path, write=True, create=True) as library:
        put(library, "a")
    file = tmp_path / "library.sqlite"
    whole = file.read_bytes()
    for damaged, message in [(bytes(100) + whole[100:], "damaged at its beginning.*restore"), (b"", "0 bytes.*restore")]:
        file.write_bytes(damaged)
        with pytest.raises(LibraryError, match=message) as error:
            Library.open(tmp_path, **options)
        assert "check`" not in one_sentence(error)
        assert file.read_bytes() == damaged
        assert frame_file(tmp_path).exists()


def test_a_library_whose_making_was_killed_is_made_again(tmp_path: Path) -> None:
    for half_made in (lambda: (tmp_path / "library.sqlite").touch(), lambda: connect_writer(tmp_path).close()):
        half_made()
        with pytest.raises(LibraryError, match=r"0 bytes|not the database of a library"):
            Library.open(tmp_path)
        Library.open(tmp_path, write=True, create=True).close()
        assert Library.open(tmp_path).check() == []
        (tmp_path / "library.sqlite").unlink()


@pytest.mark.parametrize("write", [True, False])
def test_a_folder_that_may_not_be_entered_gives_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: bool
) -> None:
    honest = Path.stat

    def stat(path: Path, **options: bool) -> os.stat_result:
        if path.is_relative_to(tmp_path / "closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return honest(path, **options)

    monkeypatch.setattr(Path, "stat", stat)
    with pytest.raises(LibraryError, match=r"Permission denied.*permissions") as error:
        Library.open(tmp_path / "closed" / "library", write=write, create=write)
    one_sentence(error)


def test_every_folder_that_is_made_is_synced_under_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[Path] = []
    monkeypatch.setattr("retrieval.library.opening.sync_folder", synced.append)
    Library.open(tmp_path / "a" / "b" / "c", write=True, create=True).close()
    assert {tmp_path, tmp_path / "a", tmp_path / "a" / "b", tmp_path / "a" / "b" / "c"} <= set(synced)


def test_frame_vectors_without_their_database_are_not_written_over(tmp_path: Path) -> None:
    with Library.open(tmp_path, write=True, create=True) as library:
        put(library, "a")
    for file in tmp_path.glob("library.sqlite*"):
        file.unlink()
    with pytest.raises(LibraryError, match="restore"):
        Library.open(tmp_path, write=True, create=True)
    assert frame_file(tmp_path).exists()


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    Library.open(tmp_path, write=True, create=True).close()
    db = sqlite3.connect(tmp_path / "library.sqlite")
    db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(LibraryError, match=r"newer Wenshi \(format 99.*update"):
        Library.open(tmp_path)


def test_a_second_writer_is_told_who_the_first_is_and_readers_are_let_in(tmp_path: Path) -> None:
    process = holder(tmp_path)
    try:
        with pytest.raises(LibraryError) as error:
            Library.open(tmp_path, write=True)
        assert f"process {process.pid} (-c {tmp_path}" in one_sentence(error)
        with Library.open(tmp_path) as reader:
            assert reader.video_ids() == []
    finally:
        process.communicate("", timeout=20)
    Library.open(tmp_path, write=True).close()
    assert not (tmp_path / "writer.json").exists()


def test_the_lock_of_a_killed_writer_refuses_nobody(tmp_path: Path) -> None:
    process = holder(tmp_path)
    process.kill()
    process.communicate(timeout=20)
    assert json.loads((tmp_path / "writer.json").read_text())["pid"] == process.pid
    with Library.open(tmp_path, write=True) as library:
        assert json.loads((tmp_path / "writer.json").read_text())["pid"] == os.getpid()
        with pytest.raises(LibraryError, match=f"process {os.getpid()} "):
            Library.open(tmp_path, write=True)
        put(library, "a")


def test_a_failed_opening_leaves_no_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Library.open(tmp_path, write=True, create=True).close()

    def fail(*_: object, **__: object) -> None:
        raise OSError(5, "I/O error")

    monkeypatch.setattr("retrieval.library.library.FrameWriter", fail)
    with pytest.raises(LibraryError, match="I/O error"):
        Library.open(tmp_path, write=True)
    monkeypatch.undo()
    Library.open(tmp_path, write=True).close()


def test_a_closed_library_says_so(tmp_path: Path) -> None:
    library = Library.open(tmp_path, write=True, create=True)
    library.close()
    library.close()
    with pytest.raises(LibraryError, match="closed"):
        library.video_ids()
    with pytest.raises(LibraryError, match="closed"):
        put(library, "a")
    assert not (tmp_path / "library.sqlite-wal").exists()


@pytest.fixture
def read_only(tmp_path: Path):  # type: ignore[no-untyped-def]
    """A library on a disk that was filled and then mounted read-only."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("mounting needs root")
    try:
        with Library.open(disk / "library", write=True, create=True) as library:
            put(library, "a")
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        yield disk / "library"
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)


def test_a_read_only_disk_can_be_searched_but_not_written(read_only: Path) -> None:
    with Library.open(read_only) as library:
        assert len(library.search_clips(unit(DIMENSION), limit=5)) == 2
        assert [hit.text for hit in library.search_words("title", "标题", limit=5)] == ["标题 a"]
        assert library.check() == []
    with pytest.raises(LibraryError, match=r"cannot be written \(Read-only file system.*permissions") as error:
        Library.open(read_only, write=True)
    one_sentence(error)
    with pytest.raises(LibraryError, match="Read-only file system"):
        Library.open(read_only.parent / "other", write=True, create=True)


def test_a_write_that_waits_while_the_library_closes_gets_a_sentence(tmp_path: Path) -> None:
    library = Library.open(tmp_path, write=True, create=True)
    database, turn, told = library._database, threading.Event(), []

    def write_late() -> None:
        turn.set()
        try:
            put(library, "a")
        except LibraryError as error:
            told.append(str(error))

    late = threading.Thread(target=write_late)
    with database._turn:
        late.start()
        turn.wait()
        time.sleep(0.1)
        library.close()
    late.join()
    assert "is closed" in told[0]


def test_a_connection_that_comes_back_while_the_library_closes_is_closed(tmp_path: Path) -> None:
    library = Library.open(tmp_path, write=True, create=True)
    database = library._database
    put_back = database._idle.put

    def close_first(reader: object) -> None:
        library.close()
        put_back(reader)  # type: ignore[arg-type]

    database._idle.put = close_first  # type: ignore[method-assign,assignment]
    library.video_ids()
    assert database._idle.empty()


_KILLED = """
import os, sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("PRAGMA cache_size = 2")
db.execute("BEGIN IMMEDIATE")
db.execute("CREATE TABLE begun (bytes)")
for _ in range(400):
    db.execute("INSERT INTO begun VALUES (randomblob(3000))")
os._exit(0)
"""


def test_a_kill_while_the_database_is_made_leaves_nothing_in_the_way(tmp_path):
    directory = tmp_path / "library"
    directory.mkdir()
    subprocess.run([sys.executable, "-c", _KILLED, str(directory / "library.sqlite")], check=True)
    assert (directory / "library.sqlite-journal").exists()
    with Library.open(directory, write=True, create=True) as library:
        assert library.check() == []
    assert not (directory / "library.sqlite-journal").exists()
