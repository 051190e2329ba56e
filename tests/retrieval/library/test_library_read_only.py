"""Reading where nothing may be written: disks mounted read-only and directories of another user, with writers elsewhere."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from library_samples import DIMENSION, evidence, put, unit, video_id

from retrieval.errors import LibraryError
from retrieval.library import Library

SOMEBODY = 65534

# imports first: another user may not be allowed to read the source code
READ_AS_SOMEBODY = """
import os, sys, urllib.parse, urllib.request      # the last two pathlib imports late
from pathlib import Path
from retrieval.errors import LibraryError
from retrieval.library import Library
if os.getuid() == 0:
    os.setgroups([])
    os.setgid(int(sys.argv[2]))
    os.setuid(int(sys.argv[2]))
try:
    library = Library.open(Path(sys.argv[1]))
    print(len(library.video_ids()), flush=True)
    for _ in sys.stdin:
        print(len(library.video_ids()), len(library.check()), flush=True)
except LibraryError as error:
    print(error, flush=True)
"""


@pytest.fixture
def open_to_all() -> Iterator[Path]:
    """A directory that any user can get to, and only its owner can change."""
    directory = Path(tempfile.mkdtemp())
    directory.chmod(0o755)
    yield directory
    (directory / "library").chmod(0o755)
    shutil.rmtree(directory)


class Somebody:
    """A process of another user that has a library open; where tests are not run by root, one that may not write."""

    def __init__(self, directory: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", READ_AS_SOMEBODY, str(directory), str(SOMEBODY)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.first = self._line()

    def ask(self) -> str:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self._line()

    def stop(self) -> None:
        self.process.communicate(timeout=20)

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")
def test_a_library_of_another_user_can_be_read_while_it_changes(open_to_all: Path) -> None:
    directory = open_to_all / "library"
    with Library.open(directory, write=True, create=True) as library:
        put(library, "a")
    if os.getuid():
        directory.chmod(0o555)
    somebody = Somebody(directory)
    assert somebody.first == "1"
    directory.chmod(0o755)
    with Library.open(directory, write=True) as library:
        put(library, "b")
        if os.getuid():
            directory.chmod(0o555)
        assert somebody.ask() == "2 0"
        directory.chmod(0o755)
    if os.getuid():
        directory.chmod(0o555)
    assert somebody.ask() == "2 0"
    somebody.stop()


@pytest.fixture
def mounted_read_only(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    """A library, and the same directory as a mount that cannot be written, as in a container."""
    host, guest = tmp_path / "host", tmp_path / "guest"
    with Library.open(host, write=True, create=True) as library:
        put(library, "a")
    guest.mkdir()
    commands = [["mount", "--bind", host, guest], ["mount", "-o", "remount,bind,ro", guest]]
    if any(subprocess.run(command, capture_output=True).returncode for command in commands):
        pytest.skip("mounting needs root")
    yield host, guest
    subprocess.run(["umount", "--lazy", guest], check=True)


def test_a_read_only_mount_shows_what_a_writer_elsewhere_commits(mounted_read_only: tuple[Path, Path]) -> None:
    host, guest = mounted_read_only
    with Library.open(guest) as reader:
        assert reader.video_ids() == [video_id("a")]
        with Library.open(host, write=True) as writer:
            for number in range(60):
                put(writer, number, evidence=[evidence("asr", f"第 {number} 个视频 小狗追球" * 50)])
                assert len(reader.video_ids()) == number + 2
            assert reader.check() == []
        assert len(reader.search_clips(unit(DIMENSION), limit=999)) == 2 * 61
        assert reader.check() == []
    with Library.open(host, write=True) as writer, Library.open(guest) as reader:
        writer.remove(video_id("a"))
        assert len(reader.video_ids()) == 60


def test_a_read_that_a_writer_elsewhere_disturbed_says_so(mounted_read_only: tuple[Path, Path]) -> None:
    host, guest = mounted_read_only
    with Library.open(guest) as reader:
        disturbed = pytest.raises(LibraryError, match="while it was read: try again")
        with disturbed, reader._database.reading(), Library.open(host, write=True) as writer:
            put(writer, "b")
        assert len(reader.video_ids()) == 2
