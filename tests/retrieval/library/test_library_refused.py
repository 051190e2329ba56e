"""A disk that is full or read-only refuses every call that writes in one sentence, and the library stays what it was."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from library_samples import evidence, put, video_id
from test_library_snapshot import contents, filled

from retrieval.errors import LibraryError
from retrieval.library import Library, snapshots

BLOCK = 4096


def put_many(library: Library) -> None:
    for number in range(20):
        put(library, f"new {number}", evidence=[evidence("asr", "小狗追球" * 400)])


def remove_all(library: Library) -> None:
    for video in library.video_ids():
        library.remove(video)


def take(library: Library) -> None:
    snapshots.take(library.directory, library.directory.with_name("taken"))


WRITING: dict[str, Callable[[Library], object]] = {
    "put": put_many, "remove": remove_all, "compact": Library.compact, "rebuild": Library.rebuild, "snapshot": take,
}  # fmt: skip


def open_and_put(directory: Path) -> None:
    with Library.open(directory, write=True) as library:
        put_many(library)


WRITING_WHEN_CLOSED: dict[str, Callable[[Path], object]] = {
    "put": open_and_put,
    "snapshot": lambda directory: snapshots.take(directory, directory.with_name("taken")),
    "restore": lambda directory: snapshots.restore(snapshots.read(directory.with_name("snapshot")), directory),
}


@pytest.fixture
def disk(small_disk: Path) -> Iterator[Path]:
    """A small disk with a library of three videos that is not folded, and a snapshot of when there were two."""
    filled(small_disk / "library", "ab")
    snapshots.take(small_disk / "library", small_disk / "snapshot")
    filled(small_disk / "library", "c")
    return small_disk


def fill(disk: Path, *, left: int) -> None:
    """Leave so many blocks free."""
    with (disk / "ballast").open("wb", buffering=0) as file:
        try:
            while file.write(b"x" * BLOCK) == BLOCK:
                pass
        except OSError:
            pass
        file.truncate(max(0, file.tell() // BLOCK * BLOCK - left * BLOCK))


def one_sentence(error: LibraryError | None, about: Path, what: str) -> None:
    assert what in str(error)
    assert "\n" not in str(error)
    assert str(about) in str(error)
    assert "Errno" not in str(error)


@pytest.mark.parametrize("left", [0, 1, 3, 8, 20])
@pytest.mark.parametrize("name", WRITING)
def test_a_full_disk_refuses_every_writing_call(disk: Path, name: str, left: int) -> None:
    directory = disk / "library"
    with Library.open(directory, write=True) as library:
        before = contents(directory)
        fill(disk, left=left)
        said: LibraryError | None = None
        try:
            WRITING[name](library)
        except LibraryError as error:
            said = error
        if left == 0 or said:
            one_sentence(said, disk, "the disk is full")
        if said and name in ("compact", "rebuild", "snapshot"):
            assert contents(directory) == before
        assert library.check() == []
        subprocess.run(["mount", "-o", "remount,size=16m", disk], check=True)
        WRITING[name](library)
        put(library, "later")
        assert library.check() == []
    assert not [*disk.glob("*.draft"), *directory.glob("segments/*.new")]
    with Library.open(directory) as reader:
        assert video_id("later") in reader.video_ids()
        assert reader.check() == []


@pytest.mark.parametrize("left", [0, 1, 3, 8, 20, 60])
def test_a_full_disk_leaves_the_library_as_it_was_before_a_restore(disk: Path, left: int) -> None:
    directory = disk / "library"
    snapshot = snapshots.read(disk / "snapshot")
    before = contents(directory)
    files = sorted(path.name for path in (directory / "frames").iterdir())
    fill(disk, left=left)
    with pytest.raises(LibraryError, match="the disk is full") as refused:
        snapshots.restore(snapshot, directory)
    one_sentence(refused.value, directory, "nothing was changed")
    (disk / "ballast").unlink()
    assert contents(directory) == before
    with Library.open(directory, write=True) as library:
        assert library.check() == []
        assert sorted(path.name for path in (directory / "frames").iterdir()) == files
    snapshots.restore(snapshot, directory)
    assert contents(directory) == contents(disk / "snapshot")


@pytest.mark.parametrize("name", WRITING_WHEN_CLOSED)
def test_a_disk_mounted_read_only_refuses_every_writing_call(disk: Path, name: str) -> None:
    """Permissions alone would not bind root."""
    directory = disk / "library"
    before = contents(directory)
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True, capture_output=True)
    with pytest.raises(LibraryError) as refused:
        WRITING_WHEN_CLOSED[name](directory)
    one_sentence(refused.value, disk, "ead-only")
    assert contents(directory) == before
    subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
    with Library.open(directory, write=True) as library:
        put(library, "later")
        assert library.check() == []
