"""What becomes of files that change, move, have copies or stand beside troublesome ones. Real processes."""

from __future__ import annotations

import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data_pipeline.sources.files import FoundFiles
from retrieval.errors import InputError, LibraryError
from retrieval.library import Library
from retrieval.search import title_of
from serving.ingest import adder as adder_module
from serving.ingest import path_records
from serving.ingest.adder import Adder
from serving.ingest.messages import Identified
from serving.ingest.pool import PoolSettings, ReaderPool
from serving.ingest.run import AddOptions, NoDisplay, add_videos
from serving.ingest.sync import sync_library
from tests.videos import write_video

TEXT_ONLY = AddOptions(model="none", on_screen_text=False, readers=1)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_video(tmp_path / "clip.mp4", seconds=1, seed=1)


def paths(library: Path) -> list[str]:
    with Library.open(library) as opened:
        return [Path(location.path).name for location in opened.locations()]


def run(library: Path, files: list[Path], **changes: object) -> Adder:
    """An adder whose messages can be watched through `on_message`."""
    on_message = changes.pop("on_message", None)
    with (
        Library.open(library, write=True, create=True) as opened,
        ReaderPool(
            PoolSettings(on_screen_text=False, **changes)  # type: ignore[arg-type]
        ) as pool,
    ):
        adder = Adder(opened, pool)
        handle = adder._handle

        def watched(message: object) -> None:
            if on_message is not None:
                on_message(message)  # type: ignore[operator]
            handle(message)

        adder._handle = watched  # type: ignore[method-assign]
        adder.add(files)
    return adder


def test_copies_in_one_run_are_read_once_and_all_kept(clip, tmp_path):
    copies = [shutil.copy(clip, tmp_path / f"copy{i}.mp4") for i in range(3)]
    report = add_videos(tmp_path / "library", [clip, *map(Path, copies)], TEXT_ONLY)
    assert report.counts["added"] == 4
    with Library.open(tmp_path / "library") as opened:
        assert len(opened.video_ids()) == 1
        assert len(opened.locations()) == 4


def test_a_copy_does_not_share_its_sibling_s_fate(clip, tmp_path):
    copy = Path(shutil.copy(clip, tmp_path / "z-copy.mp4"))

    def remove_the_first(message: object) -> None:
        if isinstance(message, Identified) and clip.exists():
            clip.unlink()

    adder = run(tmp_path / "library", [clip, copy], on_message=remove_the_first, readers=2)
    outcomes = {Path(outcome.path).name: outcome for outcome in adder.report.outcomes}
    assert outcomes["z-copy.mp4"].outcome == "added", outcomes["z-copy.mp4"].message
    assert paths(tmp_path / "library") == ["z-copy.mp4"] or outcomes["clip.mp4"].outcome == "added"


def test_a_file_that_changes_after_it_was_hashed_is_not_taken_for_what_it_was(clip, tmp_path):
    library = tmp_path / "library"
    add_videos(library, [clip], TEXT_ONLY)
    copy = Path(shutil.copy(clip, tmp_path / "copy.mp4"))

    def overwrite(message: object) -> None:
        if isinstance(message, Identified):
            write_video(copy, seconds=2, seed=9)

    adder = run(library, [copy], on_message=overwrite)
    assert [(o.outcome, o.kind) for o in adder.report.outcomes] == [("failed", "changed")]
    assert add_videos(library, [copy], TEXT_ONLY).counts["added"] == 1
    with Library.open(library) as opened:
        assert len(opened.video_ids()) == 2


def test_a_moved_file_is_known_under_its_new_path_only(clip, tmp_path):
    library = tmp_path / "library"
    add_videos(library, [clip], TEXT_ONLY)
    moved = clip.rename(tmp_path / "新名字.mp4")
    assert add_videos(library, [moved], TEXT_ONLY).counts["added"] == 1
    assert paths(library) == ["新名字.mp4"]


def sync(library: Path, folder: Path) -> None:
    with Library.open(library, write=True) as opened:
        sync_library(opened, [folder], TEXT_ONLY, progress=NoDisplay(), stopping=lambda: False)


def described(library: Path) -> dict[str, tuple[str, list[str], dict[str, Any]]]:
    """What the library says of each path, by name: the title shown for its video, its tags and its details."""
    with Library.open(library) as opened:
        return {
            Path(row.path).name: (
                title_of(opened.titles([row.video_id])[row.video_id]),
                [e.text for e in opened.evidence(row.video_id) if e.kind == "tag" and e.path == row.path],
                row.details,
            )
            for row in opened.locations()
        }


@pytest.fixture
def walk(tmp_path: Path) -> tuple[Path, Path]:
    """A folder with one video that a manifest describes and another that holds the folder, and the library of both."""
    folder = tmp_path / "videos"
    folder.mkdir()
    write_video(folder / "a.mp4", seconds=1, seed=1)
    write_video(folder / "kept.mp4", seconds=1, seed=2)
    manifest = folder / "m.csv"
    manifest.write_text("file,title,tags,date,camera\na.mp4,海边散步,海;狗,2024-03-01,A7\n", "utf-8")
    add_videos(tmp_path / "library", [folder], replace(TEXT_ONLY, manifest=manifest))
    return folder, tmp_path / "library"


SAID = ("海边散步", ["海", "狗"], {"camera": "A7", "date": "2024-03-01"})


@pytest.mark.parametrize("follow", [sync, lambda library, folder: add_videos(library, [folder], TEXT_ONLY)])
def test_a_renamed_file_keeps_what_its_manifest_said(walk, follow):
    folder, library = walk
    (folder / "a.mp4").rename(folder / "b.mp4")
    follow(library, folder)
    assert described(library) == {"b.mp4": SAID, "kept.mp4": ("kept", [], {})}
    with Library.open(library) as opened:
        assert [hit.text for hit in opened.search_words("title", "海边散步", limit=5)] == ["海边散步"]


def test_a_file_of_a_renamed_folder_keeps_what_its_manifest_said_when_the_old_path_is_forgotten(walk):
    folder, library = walk
    moved = folder.rename(folder.parent / "films")
    sync(library, moved)
    with Library.open(library, write=True) as opened:
        opened.remove(str(folder / "a.mp4"))
    assert described(library)["a.mp4"] == SAID


def test_a_manifest_row_for_the_new_name_stands_before_that_of_the_old_one(walk):
    folder, library = walk
    (folder / "a.mp4").rename(folder / "b.mp4")
    (folder / "m.csv").write_text("file,title\nb.mp4,山上的桥\n", "utf-8")
    add_videos(library, [folder], replace(TEXT_ONLY, manifest=folder / "m.csv"))
    assert described(library)["b.mp4"] == ("山上的桥", [], {})


def test_copies_that_are_renamed_together_keep_each_its_manifest_row(walk):
    folder, library = walk
    shutil.copy(folder / "a.mp4", folder / "z.mp4")
    (folder / "m.csv").write_text("file,tags,camera\na.mp4,海,A7\nz.mp4,狗,X1\n", "utf-8")
    add_videos(library, [folder], replace(TEXT_ONLY, manifest=folder / "m.csv"))
    (folder / "sub").mkdir()
    for name in "az":
        (folder / f"{name}.mp4").rename(folder / "sub" / f"{name}2.mp4")
    sync(library, folder)
    found = {name: said[1:] for name, said in described(library).items() if name != "kept.mp4"}
    assert found == {"a2.mp4": (["海"], {"camera": "A7"}), "z2.mp4": (["狗"], {"camera": "X1"})}


def test_a_renamed_file_that_is_read_anew_is_known_under_its_new_path_only(walk, tiny_chinese_clip):
    folder, library = walk
    (folder / "a.mp4").rename(folder / "b.mp4")
    add_videos(library, [folder], replace(TEXT_ONLY, model=str(tiny_chinese_clip)))
    assert described(library) == {"b.mp4": SAID, "kept.mp4": ("kept", [], {})}


def test_a_path_that_became_garbage_is_no_longer_found_as_the_video_it_was(clip, tmp_path):
    library = tmp_path / "library"
    add_videos(library, [clip], TEXT_ONLY)
    clip.write_bytes(b"no video any more" * 100)
    assert add_videos(library, [clip], TEXT_ONLY).counts["failed"] == 1
    assert paths(library) == []


@pytest.mark.parametrize("name", ["clip.mp4", "copy.mp4"])
@pytest.mark.parametrize("step", ["file_state", "sidecar_evidence"])
def test_a_video_that_is_removed_while_a_path_of_it_is_looked_at_is_read_anew(clip, tmp_path, monkeypatch, name, step):
    library = tmp_path / "library"
    add_videos(library, [clip], TEXT_ONLY)
    path = clip if name == clip.name else Path(shutil.copy(clip, tmp_path / name))
    with Library.open(library, write=True) as opened, ReaderPool(PoolSettings(on_screen_text=False)) as pool:
        (video,) = opened.video_ids()
        look = getattr(path_records, step)

        def removed_before(*arguments: object, **named: object) -> object:
            if opened.video(video) is not None:
                opened.remove(video)
                monkeypatch.setattr(path_records, step, look)
            return look(*arguments, **named)

        monkeypatch.setattr(path_records, step, removed_before)
        report = Adder(opened, pool).add([path])
    assert [(outcome.path, outcome.outcome) for outcome in report.outcomes] == [(str(path), "added")]
    assert paths(library) == [path.name]


def test_many_known_files_do_not_starve_a_reader(clip, tmp_path, monkeypatch):
    library = tmp_path / "library"
    known = [write_video(tmp_path / f"k{i:02d}.mp4", seconds=0.2, seed=100 + i) for i in range(12)]
    add_videos(library, known, TEXT_ONLY)
    slow = path_records.location_titles
    monkeypatch.setattr(adder_module, "_KNOWN_AT_ONCE", 2)
    monkeypatch.setattr(path_records, "location_titles", lambda *a, **k: (time.sleep(0.3), slow(*a, **k))[1])
    adder = run(library, [clip, *known], stall_seconds=1.5)
    assert adder.report.counts == {"added": 1, "updated": 0, "unchanged": 12, "failed": 0}


def test_a_manifest_value_that_cannot_be_kept_fails_its_file_only(tmp_path, clip):
    other = write_video(tmp_path / "other.mp4", seconds=0.5, seed=2)
    manifest = tmp_path / "m.jsonl"
    manifest.write_text(
        '{"file": "clip.mp4", "title": "桥", "score": NaN}\n{"file": "other.mp4", "title": "山"}\n', "utf-8"
    )
    options = AddOptions(model="none", on_screen_text=False, manifest=manifest)
    report = add_videos(tmp_path / "library", [clip, other], options)
    assert len(report.outcomes) == 2
    assert "other.mp4" in paths(tmp_path / "library")


def test_more_clips_than_slots_and_a_clip_the_model_cannot_take(tmp_path, tiny_chinese_clip):
    long = write_video(tmp_path / "long.mp4", seconds=130, seed=5, frames_per_second=2)
    report = add_videos(tmp_path / "library", [long], AddOptions(model=str(tiny_chinese_clip), on_screen_text=False))
    assert report.counts["added"] == 1
    with Library.open(tmp_path / "library") as opened:
        (video,) = opened.video_ids()
        vectors = opened.clip_vectors([video])[video]
        assert len(vectors) == len(opened.clips(video)) > 8
        assert np.isfinite(vectors).all()
        assert opened.setting("model") == str(tiny_chinese_clip)


def test_a_disk_that_fails_in_the_middle_ends_the_run_with_a_report(tmp_path, monkeypatch):
    videos = [write_video(tmp_path / f"{i}.mp4", seconds=0.3, seed=200 + i) for i in range(4)]
    put, done = Library.put, []

    def full_after_two(library: Library, *arguments: object, **options: object) -> None:
        if len(done) == 2:
            raise LibraryError("the disk is full")
        done.append(put(library, *arguments, **options))  # type: ignore[arg-type,func-returns-value]

    monkeypatch.setattr(Library, "put", full_after_two)
    report = add_videos(tmp_path / "library", videos, TEXT_ONLY)
    assert report.stopped == "the disk is full"
    assert report.counts == {"added": 2, "updated": 0, "unchanged": 0, "failed": 0, "left": 2}
    assert len(paths(tmp_path / "library")) == 2


def test_a_folder_that_cannot_be_read_is_named_where_nothing_was_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = FoundFiles(unreadable=[str(tmp_path / "closed")])      # root may read everything
    monkeypatch.setattr("serving.ingest.run.find_videos", lambda paths, exclude: closed)
    with pytest.raises(InputError, match=r"No video was found under .*; .*closed cannot be read"):
        add_videos(tmp_path / "library", [tmp_path], TEXT_ONLY)
