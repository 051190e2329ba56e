"""Which files a person means."""

from __future__ import annotations

from pathlib import Path

from data_pipeline.sources.files import find_videos


def make(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


def names(folder: Path, found: list[Path]) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in found]


def test_a_folder_gives_its_videos_in_full_depth_and_counts_the_rest(tmp_path):
    make(tmp_path, "b.mp4", "a/c.MKV", "a/notes.txt", "a/b/d.webm", "a.srt")
    found = find_videos([tmp_path])
    assert names(tmp_path, found.videos) == ["a/b/d.webm", "a/c.MKV", "b.mp4"]
    assert found.other == 2


def test_a_file_named_by_itself_is_tried_whatever_it_is_called(tmp_path):
    make(tmp_path, "recording")
    assert names(tmp_path, find_videos([tmp_path / "recording"]).videos) == ["recording"]


def test_a_file_named_twice_is_taken_once_and_a_missing_one_is_told(tmp_path):
    make(tmp_path, "a.mp4")
    found = find_videos([tmp_path, tmp_path / "a.mp4", tmp_path / "no.mp4"])
    assert names(tmp_path, found.videos) == ["a.mp4"]
    assert found.missing == [tmp_path / "no.mp4"]


def test_patterns_leave_out_names_folders_and_paths(tmp_path):
    make(tmp_path, "a.mp4", "draft_1.mp4", "copies/a.mp4", "x/y/z.mp4", ".hidden/a.mp4", "._a.mp4")
    assert names(tmp_path, find_videos([tmp_path], exclude=["draft_*", "copies", "x/y"]).videos) == ["a.mp4"]
