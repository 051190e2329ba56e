"""Kills, full disks and damaged bytes: nothing acknowledged is lost, and damage is named."""

from __future__ import annotations

import errno
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pytest
from library_samples import (
    DIMENSION,
    GENERATION,
    clips,
    evidence,
    frame_file,
    location,
    put,
    unit,
    video_id,
)

from retrieval.disk import sync_file, sync_folder
from retrieval.errors import LibraryError
from retrieval.library import Library
from retrieval.library.frames import FrameWriter, read_frames

PUT_FOREVER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from library_samples import evidence, put
from retrieval.library import Library
first = int(sys.argv[3])
with Library.open(Path(sys.argv[1]), write=True, create=True) as library:
    for number in range(first, first + 100_000):
        put(library, number, evidence=[evidence("asr", f"第 {number} 个视频 小狗追球" * 20)])
        print(number, flush=True)
        if number % 7 == 6:
            library.remove(f"/videos/{number - 3}.mp4")
            print(-(number - 3), flush=True)
"""

FILL_LIMITED = """
import resource, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from library_samples import put
from retrieval.errors import LibraryError
from retrieval.library import Library
library = Library.open(Path(sys.argv[1]), write=True)
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
try:
    for number in range(100_000):
        put(library, number)
        print(number, flush=True)
except LibraryError as error:
    print(error, flush=True)
"""


def run_until_killed(directory: Path, *, first: int, seconds: float) -> list[int]:
    """What a writing process had acknowledged when it was killed: numbers put, negative ones removed."""
    process = subprocess.Popen(
        [sys.executable, "-c", PUT_FOREVER, str(directory), str(Path(__file__).parent), str(first)],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    acknowledged = [int(process.stdout.readline())]
    time.sleep(seconds)
    process.kill()
    acknowledged += [int(line) for line in process.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
    process.wait(timeout=20)
    process.stdout.close()
    return acknowledged


def next_change(last: int) -> int:
    """The video that was being changed when the kill came, after the last thing that was told."""
    if last < 0:
        return -last + 4
    return last - 3 if last % 7 == 6 else last + 1


@pytest.mark.parametrize("write", [True, False])
def test_everything_acknowledged_survives_kills(tmp_path: Path, write: bool) -> None:
    chance = random.Random(int(write))
    put_, removed, unknown = set(), set(), set()
    for round_ in range(3):
        told = run_until_killed(tmp_path, first=round_ * 1_000_000, seconds=chance.uniform(0.05, 0.4))
        put_ |= {number for number in told if number >= 0}
        removed |= {-number for number in told if number < 0}
        unknown.add(next_change(told[-1]))
        with Library.open(tmp_path, write=write) as library:
            assert library.check() == []
            stored = set(library.video_ids())
            assert {video_id(number) for number in put_ - removed - unknown} <= stored
            assert stored <= {video_id(number) for number in put_ - removed | unknown}
            last = max(put_ - removed - unknown)
            assert library.search_words("asr", f"{last}", limit=1)[0].video_id == video_id(last)
            ids = [clip.id for clip in library.clips(video_id(last))]
            assert len(library.frame_vectors(ids)) == 2


def test_bytes_left_by_a_kill_are_cut_off_and_never_read(tmp_path: Path) -> None:
    with Library.open(tmp_path, write=True, create=True) as library:
        put(library, "a", clips=clips(2))
    file = frame_file(tmp_path)
    size = file.stat().st_size
    file.write_bytes(file.read_bytes() + b"half a record")
    (tmp_path / "frames" / "1-000002.vectors").write_bytes(b"made, and no row committed")
    with Library.open(tmp_path) as reader:
        assert reader.check() == []
    with Library.open(tmp_path, write=True) as library:
        assert [path.name for path in (tmp_path / "frames").iterdir()] == [file.name]
        assert file.stat().st_size == size
        put(library, "b", clips=clips(2, seed=8))
        ids = [hit.clip_id for hit in library.search_clips(unit(DIMENSION), limit=9)]
        assert len(library.frame_vectors(ids)) == 4
        assert library.check() == []


def test_frame_vectors_are_synced_before_their_row_is_visible(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = []

    def sync(file: BinaryIO) -> None:
        file.flush()
        synced.append((Path(file.name).stat().st_size, library.video_ids()))

    def sync_folder(folder: Path) -> None:
        synced.append((folder.name, library.video_ids()))

    monkeypatch.setattr("retrieval.library.frames.sync_file", sync)
    monkeypatch.setattr("retrieval.library.frames.sync_folder", sync_folder)
    put(library, "a", clips=clips(2))
    put(library, "b", clips=clips(1))
    record = 3 * DIMENSION * 2
    a = [video_id("a")]
    assert synced == [(16, []), ("frames", []), (16 + 2 * record, []), (16 + 3 * record, a)]


def test_frame_vectors_that_cannot_be_synced_leave_nothing(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: BinaryIO) -> None:
        raise OSError(5, "I/O error")

    with monkeypatch.context() as patch:
        patch.setattr("retrieval.library.frames.sync_file", fail)
        with pytest.raises(LibraryError, match="nothing was changed"):
            put(library, "a")
    assert library.video_ids() == []
    put(library, "a")
    assert library.check() == []


def test_frame_vectors_of_a_video_removed_meanwhile_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Library.open(tmp_path, write=True, create=True) as writer:
        put(writer, "a")
        put(writer, "b")
        ids = [clip.id for name in "ab" for clip in writer.clips(video_id(name))]
    honest = read_frames

    def read_late(*arguments: Any, **options: Any) -> list[Any]:
        monkeypatch.undo()
        with Library.open(tmp_path, write=True) as writer:
            writer.remove(video_id("b"))
        Library.open(tmp_path, write=True).close()      # cuts off the bytes of b
        return honest(*arguments, **options)

    with Library.open(tmp_path) as reader:
        monkeypatch.setattr("retrieval.library.library.read_frames", read_late)
        assert sorted(reader.frame_vectors(ids)) == ids[:2]


def test_a_flipped_bit_in_the_frame_vectors_is_found_and_named(library: Library) -> None:
    put(library, "a", clips=clips(3))
    put(library, "b", clips=clips(1, seed=3))
    record = 3 * DIMENSION * 2
    file = frame_file(library.directory)
    content = bytearray(file.read_bytes())
    content[16 + record + 50] ^= 1
    file.write_bytes(content)
    ids = [clip.id for clip in library.clips(video_id("a"))]
    with pytest.raises(LibraryError, match=f"{file.name} is damaged at offset {16 + record}"):
        library.frame_vectors(ids)
    assert sorted(library.frame_vectors([ids[0], ids[2]])) == [ids[0], ids[2]]
    (problem,) = library.check()
    assert problem.where == f"video {video_id('a')}"
    assert f"offset {16 + record}" in problem.what
    put(library, "a", clips=clips(3))
    assert library.check() == []


def test_a_lost_or_shortened_file_of_frame_vectors_is_not_appended_to(tmp_path: Path) -> None:
    with Library.open(tmp_path, write=True, create=True) as library:
        put(library, "a", clips=clips(2))
    file = frame_file(tmp_path)
    file.write_bytes(file.read_bytes()[:-10])
    with Library.open(tmp_path, write=True) as library:
        put(library, "b", clips=clips(2, seed=5))
        assert {problem.where for problem in library.check()} == {f"video {video_id('a')}"}
    file.unlink()
    with Library.open(tmp_path, write=True) as library:
        put(library, "c", clips=clips(2, seed=6))
        problems = library.check()
        assert {problem.where for problem in problems} == {f"video {video_id('a')}"}
        assert file.name in problems[0].what
        library.remove(video_id("a"))
        assert library.check() == []


def test_check_names_rows_that_contradict_each_other(library: Library) -> None:
    put(library, "a", evidence=[evidence("asr", "小狗"), evidence("asr", "小猫")])
    put(library, "b")
    with library._database.writing() as db:
        db.execute("UPDATE evidence SET text = '大狗' WHERE text = '小狗'")
        db.execute("UPDATE clips SET end_ms = 990000 WHERE id = 1")
        db.execute("UPDATE clip_vectors SET vector = zeroblob(length(vector)) WHERE clip = 2")
        db.execute("UPDATE clip_vectors SET vector = x'00' WHERE clip = 3")
        db.execute("DELETE FROM locations WHERE video = 2")
    what = "\n".join(f"{problem.where}: {problem.what}" for problem in library.check())
    assert "words_asr: the word index differs from 1 rows" in what
    assert f"video {video_id('a')}: the clip 0-990000 ms does not lie" in what
    assert f"video {video_id('a')}: the vector of the clip at 5000 ms is not 32 finite numbers" in what
    assert f"video {video_id('b')}: the vector of the clip at 0 ms" in what
    assert f"video {video_id('b')}: the video has no path" in what


def test_a_damaged_database_is_reported_and_not_a_traceback(tmp_path: Path) -> None:
    with Library.open(tmp_path, write=True, create=True) as library:
        for number in range(200):
            put(library, number)
    file = tmp_path / "library.sqlite"
    content = bytearray(file.read_bytes())
    page = 4096
    for start in range(20 * page, len(content), page):
        content[start : start + 64] = bytes(64)
    file.write_bytes(content)
    with Library.open(tmp_path) as library:
        assert library.check() != []
        with pytest.raises(LibraryError, match="wenshi library check"):
            library.search_clips(unit(DIMENSION), limit=400)


@pytest.mark.parametrize("frames", [True, False])
def test_a_full_disk_refuses_in_a_sentence_and_loses_nothing(small_disk: Path, frames: bool) -> None:
    directory, told = small_disk / "library", []
    some = clips(20) if frames else []
    texts = [] if frames else [evidence("asr", f"{'小狗追球' * 50} {i}") for i in range(5)]
    with Library.open(directory, write=True, create=True) as library:

        def put_until_full() -> None:
            for number in range(100_000):
                put(library, number, clips=some, evidence=texts)
                told.append(video_id(number))

        with pytest.raises(LibraryError, match=r"the disk is full .*nothing was changed"):
            put_until_full()
        assert library.video_ids() == told
        assert len(told) > 5
        assert library.check() == []
        subprocess.run(["mount", "-o", "remount,size=8m", small_disk], check=True)
        put(library, "later", clips=some, evidence=texts)
    with Library.open(directory, write=True) as library:
        assert library.video_ids() == [*told, video_id("later")]
        assert library.check() == []


@pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX")
def test_a_file_size_limit_refuses_in_a_sentence_and_loses_nothing(tmp_path: Path) -> None:
    Library.open(tmp_path, write=True, create=True).close()
    arguments = [sys.executable, "-c", FILL_LIMITED, str(tmp_path), str(Path(__file__).parent)]
    *told, error = subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=True).stdout.splitlines()
    assert "nothing was changed" in error
    with Library.open(tmp_path, write=True) as library:
        assert library.video_ids() == [video_id(number) for number in told]
        assert library.check() == []


def test_frame_files_roll_over_and_stay_readable(tmp_path: Path) -> None:
    writer = FrameWriter(tmp_path, ends={}, roll_bytes=1000)
    told = [unit(4, 8, seed=seed) for seed in range(60)]
    records = [writer.append(1, [vectors], dimension=8)[0] for vectors in told]
    assert len({record.file for record in records}) == 4
    for vectors, read in zip(told, read_frames(tmp_path, records[::-1], dimension=8)[::-1], strict=True):
        np.testing.assert_allclose(read, vectors, atol=1e-3)
    ends = {record.file: record.offset + 64 for record in records}
    (next_record,) = FrameWriter(tmp_path, ends=ends, roll_bytes=1000).append(1, [told[0]], dimension=8)
    assert next_record.file == records[-1].file
    with pytest.raises(LibraryError, match="header"):
        read_frames(tmp_path, records[:1], dimension=4)


def test_random_changes_leave_what_a_plain_dictionary_says(tmp_path: Path) -> None:
    """A few hundred puts, moves and removals with re-openings, against a model of paths and videos."""
    chance = random.Random(7)
    paths, videos = {}, {}              # path -> (video name, title); video name -> (spoken text, seed of its clips)
    library = Library.open(tmp_path, write=True, create=True)
    for step in range(400):
        name, path = chance.randrange(12), f"/v/{chance.randrange(15)}.mp4"
        text = f"词{chance.randrange(50)} 第{step}步"
        title = [evidence("title", text)]
        action = chance.random()
        if action < 0.5:
            spoken = [evidence("asr", text)]
            put(library, name, path, evidence=spoken, location_evidence=title, clips=clips(2, seed=step))
            videos[name], paths[path] = (text, step), (name, text)
        elif action < 0.65 and name in videos:
            assert library.put_location(video_id(name), location(path), location_evidence=title)
            paths[path] = (name, text)
        elif action < 0.8 and path in paths:
            library.remove(path)
            del paths[path]
        elif action < 0.9 and name in videos:
            library.remove(video_id(name)[:12])
            paths = {p: held for p, held in paths.items() if held[0] != name}
        elif action > 0.93:
            library.close()
            library = Library.open(tmp_path, write=True)
        videos = {n: v for n, v in videos.items() if n in {held[0] for held in paths.values()}}
        if step % 40 == 39:
            compare(library, paths, videos)
    library.close()
    with Library.open(tmp_path) as reader:
        compare(reader, paths, videos)


def compare(library: Library, paths: dict, videos: dict) -> None:
    stored_paths = {stored.path: stored.video_id for stored in library.locations()}
    assert stored_paths == {path: video_id(name) for path, (name, _) in paths.items()}
    assert set(library.video_ids()) == {video_id(name) for name in videos}
    hits = library.search_clips(unit(DIMENSION), limit=1000)
    assert len(hits) == 2 * len(videos)
    frames = library.frame_vectors([hit.clip_id for hit in hits])
    for name, (text, seed) in videos.items():
        spoken = [e.text for e in library.evidence(video_id(name)) if e.kind == "asr"]
        assert spoken == [text]
        assert text in [hit.text for hit in library.search_words("asr", text, limit=100)]
        titles = sorted(e.text for e in library.evidence(video_id(name)) if e.kind == "title")
        assert titles == sorted(title for held, title in paths.values() if held == name)
        for clip, stored in zip(clips(2, seed=seed), library.clips(video_id(name)), strict=True):
            np.testing.assert_allclose(frames[stored.id][1], clip.frame_vectors, atol=1e-3)
    assert library.status().evidence["title"] == len(paths)
    assert library.generation() == GENERATION
    assert library.check() == []


def test_the_status_tells_what_replaced_clips_leave_behind(library: Library) -> None:
    put(library, "a", clips=clips(2))
    assert library.status().reclaimable_bytes == 0
    put(library, "a", clips=clips(3, seed=1))
    assert library.status().reclaimable_bytes == 2 * 3 * DIMENSION * 2
    library.remove(video_id("a"))
    assert library.status().reclaimable_bytes == frame_file(library.directory).stat().st_size


def test_a_file_that_exists_is_never_deleted_by_a_failed_append(tmp_path: Path) -> None:
    writer = FrameWriter(tmp_path, ends={})
    file = tmp_path / "frames" / "1-000001.vectors"
    file.write_bytes(b"of somebody else")
    with pytest.raises(FileExistsError):
        writer.append(1, [unit(4, 8)], dimension=8)
    assert file.read_bytes() == b"of somebody else"


@pytest.mark.parametrize("number", [errno.ENOTSUP, errno.EINVAL, errno.ENOTTY])
def test_a_disk_without_a_full_sync_is_synced_as_well_as_it_can_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def unknown(*_: object) -> None:
        raise OSError(number, "not here")

    fcntl = pytest.importorskip("fcntl")
    synced: list[int] = []
    monkeypatch.setattr("retrieval.disk.sys.platform", "darwin")
    monkeypatch.setattr(fcntl, "F_FULLFSYNC", 51, raising=False)
    monkeypatch.setattr(fcntl, "fcntl", unknown)
    with (tmp_path / "file").open("wb") as file:
        monkeypatch.setattr("os.fsync", synced.append)
        sync_file(file)
        assert synced == [file.fileno()]
        monkeypatch.setattr("os.fsync", unknown)
        sync_folder(tmp_path)
        with pytest.raises(OSError, match="not here"):
            sync_file(file)


def test_the_log_is_synced_before_anything_is_cut_off_by_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_until_killed(tmp_path, first=0, seconds=0.1)
    assert (tmp_path / "library.sqlite-wal").stat().st_size
    order: list[str] = []
    honest = FrameWriter._recover
    monkeypatch.setattr(
        "retrieval.library.opening.sync_file", lambda file: order.append(Path(file.name).name)
    )
    monkeypatch.setattr(FrameWriter, "_recover", lambda *arguments: order.append("cut off") or honest(*arguments))
    Library.open(tmp_path, write=True).close()
    assert order == ["library.sqlite-wal", "cut off"]
