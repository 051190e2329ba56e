"""Snapshots: consistent while a writer works, verified, and the way back restores all or only what is damaged."""

from __future__ import annotations

import errno
import itertools
import sqlite3
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from library_samples import DIMENSION, change_cell, clips, evidence, frame_file, put, unit, video_id

from retrieval.errors import LibraryError
from retrieval.library import Library, mending, snapshots


def contents(directory: Path) -> list[Any]:
    with Library.open(directory) as library:
        ids = library.video_ids()
        stored = library.videos(ids)
        frames = library.frame_vectors([clip.id for video in ids for clip in library.clips(video)])
        return [
            stored, [(library.clips(v), library.evidence(v)) for v in ids], library.failures(),
            {clip: (times, vectors.tobytes()) for clip, (times, vectors) in frames.items()},
            {v: vectors.tobytes() for v, vectors in library.clip_vectors(ids).items()},
        ]  # fmt: skip


def filled(directory: Path, names: str = "abc") -> Path:
    with Library.open(directory, write=True, create=True) as library:
        for name in names:
            put(library, name, evidence=[evidence("asr", f"小狗追球 {name}")])
    return directory


def test_a_snapshot_can_be_read_as_a_library_and_restores_all(tmp_path: Path) -> None:
    directory = filled(tmp_path / "library")
    before = contents(directory)
    snapshot = snapshots.take(directory, tmp_path / "snapshot")
    assert contents(tmp_path / "snapshot") == before
    with Library.open(directory, write=True) as library:
        library.remove(video_id("a"))
        put(library, "b", clips=clips(1, seed=99))
        put(library, "d")
        revision = library.status().revision
    snapshots.restore(snapshot, directory)
    assert contents(directory) == before
    with Library.open(directory, write=True) as library:
        assert library.check() == []
        assert library.status().revision > revision
        put(library, "d")
        assert len(library.search_clips(unit(DIMENSION), limit=99)) == 8
        assert library.check() == []


def test_a_library_comes_back_where_its_directory_is_gone_or_its_database_is_noise(tmp_path: Path) -> None:
    directory = filled(tmp_path / "library")
    before = contents(directory)
    snapshot = snapshots.take(directory, tmp_path / "snapshot")
    (directory / "library.sqlite").write_bytes(b"noise" * 5000)
    for place in (directory, tmp_path / "elsewhere"):
        snapshots.restore(snapshot, place)
        assert contents(place) == before
        with Library.open(place, write=True) as library:
            assert library.check() == []


def test_a_library_that_is_only_busy_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = filled(tmp_path / "library")
    snapshot = snapshots.take(directory, tmp_path / "snapshot")
    filled(directory, "d")
    before = contents(directory)

    def busy(directory: Path) -> None:
        raise sqlite3.OperationalError("database is locked")

    with monkeypatch.context() as patch:
        patch.setattr(snapshots, "connect_writer", busy)
        with pytest.raises(LibraryError, match="stayed busy"):
            snapshots.restore(snapshot, directory)
    assert contents(directory) == before


def test_snapshots_taken_while_a_writer_works_are_consistent(tmp_path: Path) -> None:
    directory = filled(tmp_path / "library")
    stop = threading.Event()

    def write() -> None:
        numbers = itertools.count()
        while not stop.is_set():
            with Library.open(directory, write=True) as library:
                for number in itertools.islice(numbers, 5):
                    put(library, number)
                    if number >= 3:
                        library.remove(video_id(number - 3))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(3):
            snapshots.take(directory, tmp_path / "snapshot")
            with Library.open(tmp_path / "snapshot") as library:
                assert library.check() == []
                assert {video_id(name) for name in "abc"} <= set(library.video_ids())
    finally:
        stop.set()
        writer.join()


def test_a_damaged_snapshot_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    directory = filled(tmp_path / "library")
    snapshots.take(directory, tmp_path / "snapshot")
    before = contents(directory)
    file = frame_file(tmp_path / "snapshot")
    data = bytearray(file.read_bytes())
    data[100] ^= 1
    file.write_bytes(data)
    for command in (snapshots.restore, mending.mend):
        with pytest.raises(LibraryError, match="not as it was written"):
            command(snapshots.read(tmp_path / "snapshot"), directory)
    (tmp_path / "snapshot" / "manifest.json").write_text("{")
    with pytest.raises(LibraryError, match=r"manifest.json is damaged"):
        snapshots.read(tmp_path / "snapshot")
    with pytest.raises(LibraryError, match="is not a snapshot"):
        snapshots.read(tmp_path)
    assert contents(directory) == before


def test_nothing_else_is_overwritten_and_unchanged_frame_vectors_are_linked(tmp_path: Path) -> None:
    directory = filled(tmp_path / "library")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").write_text("x")
    with pytest.raises(LibraryError, match="not a sound snapshot"):
        snapshots.take(directory, tmp_path / "mine")
    with pytest.raises(LibraryError, match="inside the library"):
        snapshots.take(directory, directory / "snapshot")
    snapshots.take(directory, tmp_path / "snapshot")
    first = frame_file(tmp_path / "snapshot").stat().st_ino
    snapshots.take(directory, tmp_path / "snapshot")
    assert frame_file(tmp_path / "snapshot").stat().st_ino == first
    filled(directory, "d")
    snapshots.take(directory, tmp_path / "snapshot")
    assert contents(tmp_path / "snapshot") == contents(directory)


@pytest.mark.parametrize("call", ["sync_file", "sync_folder", "_sha256", "Path.rename"])
@pytest.mark.parametrize("nth", [0, 1, 2, 3])
def test_a_full_disk_at_any_step_leaves_library_and_snapshot_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, nth: int
) -> None:
    directory = filled(tmp_path / "library", "a")
    snapshot = snapshots.take(directory, tmp_path / "snapshot")
    old = contents(directory)
    filled(directory, "d")
    new = contents(directory)
    place, name = (Path, "rename") if call == "Path.rename" else (snapshots, call)
    usual, calls = getattr(place, name), itertools.count()

    def full(*arguments: Any) -> Any:
        if next(calls) == nth:
            raise OSError(errno.ENOSPC, "No space left on device")
        return usual(*arguments)

    def restore() -> None:
        snapshots.restore(snapshot, directory)

    def take() -> None:
        snapshots.take(directory, tmp_path / "snapshot")

    for command in (restore, take):
        calls = itertools.count()
        said = ""
        with monkeypatch.context() as patch:
            patch.setattr(place, name, full)
            try:
                command()
            except LibraryError as error:
                said = str(error)
        assert not said or "disk is full" in said
        assert contents(directory) == (old if command is restore and not said else new)
        with Library.open(directory, write=True) as library:
            assert library.check() == []
            put(library, "d", evidence=[evidence("asr", "小狗追球 d")])
        new = contents(directory)
    snapshots.take(directory, tmp_path / "snapshot")
    assert contents(tmp_path / "snapshot") == new


def test_only_damaged_rows_are_put_back_and_newer_ones_are_kept(tmp_path: Path) -> None:
    directory = filled(tmp_path / "library")
    snapshot = snapshots.take(directory, tmp_path / "snapshot")
    with Library.open(directory, write=True) as library:
        library.remove(video_id("b"))
        put(library, "d")
    before = contents(directory)
    change_cell(directory, "UPDATE evidence SET text = 'wrong' WHERE text = '小狗追球 a'")
    change_cell(directory, "UPDATE clips SET end_ms = 7 WHERE id = 1")
    change_cell(directory, "UPDATE clip_vectors SET vector = zeroblob(64) WHERE number = 2")
    change_cell(directory, f"UPDATE videos SET digest = 5 WHERE id = '{video_id('c')}'")
    mended = mending.mend(snapshot, directory)
    assert len(mended.rows) == 4
    assert mended.left == ()
    with Library.open(directory, write=True) as library:
        library.rebuild_words()
        assert library.check() == []
    assert contents(directory) == before
    change_cell(directory, f"UPDATE videos SET width = 5 WHERE id = '{video_id('d')}'")
    assert mending.mend(snapshot, directory).left == ("videos 4",)


def test_damaged_frame_vectors_are_put_back(tmp_path: Path) -> None:
    directory = filled(tmp_path / "library")
    before = contents(directory)
    snapshot = snapshots.take(directory, tmp_path / "snapshot")
    file = frame_file(directory)
    data = np.frombuffer(file.read_bytes(), np.uint8).copy()
    for place in (3, 20, 600):
        data[place] ^= 64
    file.write_bytes(data.tobytes())
    with Library.open(directory) as library:
        assert {problem.how_to_mend for problem in library.check()} == {
            "run `wenshi library restore SNAPSHOT --damaged`, or add the video again"
        }
    assert len(mending.mend(snapshot, directory).frames) >= 2
    assert contents(directory) == before
    file.unlink()
    assert len(mending.mend(snapshot, directory).frames) == 6
    assert contents(directory) == before
