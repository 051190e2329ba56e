"""The words on a cover picture find its video: real processes, the real OCR engine, real files."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from data_pipeline.evidence.covers import CoverFolders, named_covers
from data_pipeline.manifest import ManifestRow
from retrieval.library import Library
from retrieval.search import SearchEngine
from serving.cli.main import app
from serving.ingest.run import AddOptions, add_videos
from tests.data_pipeline.drawn import with_text
from tests.videos import add_cover, write_video

OPTIONS = AddOptions(model="none", readers=1)


def write_cover(path: Path, text: str) -> Path:
    grey = np.full((360, 640, 3), 90, np.uint8)
    Image.fromarray(with_text(grey, text, y=0.5, size=60)).save(path)
    return path


def added(library: Path, folder: Path, options: AddOptions = OPTIONS) -> list[str]:
    report = add_videos(library, [folder], options)
    return [outcome.outcome for outcome in report.outcomes]


def found(library: Path, query: str) -> list[tuple[str, str]]:
    """(name of the video, source of the row) of each hit."""
    with Library.open(library) as opened:
        hits = SearchEngine(opened).search(query).hits
    return [(Path(hit.path).name, match.source or "") for hit in hits for match in hit.channels if match.channel == "ocr"]


def test_the_cover_of_a_video_is_found_by_name_or_as_that_of_its_folder(tmp_path: Path) -> None:
    for name in ("one/a.mp4", "one/A.JPG", "two/b.mp4", "two/c.mp4", "two/cover.jpg", "two/c.cover.png", "three/d.mp4",
                 "three/封面.png", "three/other.jpg"):  # fmt: skip
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    covers = CoverFolders()
    names = {video: covers.find(tmp_path / video) for video in ("one/a.mp4", "two/b.mp4", "two/c.mp4", "three/d.mp4")}
    assert {video: cover and cover.name for video, cover in names.items()} == {
        "one/a.mp4": "A.JPG", "two/b.mp4": None, "two/c.mp4": "c.cover.png", "three/d.mp4": "封面.png",
    }  # fmt: skip
    assert CoverFolders().find(tmp_path / "nowhere" / "e.mp4") is None


def test_a_name_that_is_written_in_other_code_points_is_the_same(tmp_path: Path) -> None:
    composed, decomposed = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))
    (tmp_path / f"{decomposed}.jpg").touch()
    assert CoverFolders().find(tmp_path / f"{composed}.mp4") == tmp_path / f"{decomposed}.jpg"


def test_a_folder_and_a_link_to_nothing_are_no_covers(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").mkdir()
    (tmp_path / "a.png").symlink_to(tmp_path / "gone.png")
    assert CoverFolders().find(tmp_path / "a.mp4") is None
    (tmp_path / "a.webp").touch()
    assert [CoverFolders().find(tmp_path / name) for name in ("a.mp4", "A.MP4")] == [tmp_path / "a.webp"] * 2


def test_a_table_of_web_addresses_and_of_what_is_no_path_is_told_in_a_few_sentences(tmp_path: Path) -> None:
    names = ["好" * 5_000, *(f"https://example.org/{number}.jpg" for number in range(40))]
    rows = {
        tmp_path / f"{number}.mp4": ManifestRow(
            line=number + 2, file=f"{number}.mp4", title=None, tags=(), date=None, details={"cover": name}
        )
        for number, name in enumerate(names)
    }  # fmt: skip
    found, notices = named_covers(rows, tmp_path / "table.csv")
    assert found == {}
    assert len(notices) == 21
    assert max(map(len, notices)) < 400
    assert notices[-1].startswith("and 21 more of the covers")


def test_a_cover_is_read_once_kept_by_later_runs_and_read_anew_when_it_changes(tmp_path: Path) -> None:
    pytest.importorskip("rapidocr", reason="wenshi[ocr] is not installed")
    library, folder = tmp_path / "library", tmp_path / "videos"
    folder.mkdir()
    write_video(folder / "clip.mp4", seconds=1, seed=1)
    assert added(library, folder) == ["added"]
    assert found(library, "红烧排骨") == []

    cover = write_cover(folder / "clip.png", "红烧排骨的做法")
    report = add_videos(library, [folder], OPTIONS)
    assert (report.counts["updated"], report.found) == (1, "; 1 cover read (1 line)")
    assert (report.to_json()["covers"], report.to_json()["cover_lines"]) == (1, 1)
    with Library.open(library) as opened:
        assert (opened.count_evidence_from("cover:"), opened.count_evidence_from("tagger:")) == (1, 0)
    told = CliRunner().invoke(app, ["library", "status", "--library", str(library)]).output
    assert "ocr 1 (1 of them on covers)" in told
    assert found(library, "红烧排骨") == [("clip.mp4", "cover:clip.png")]
    assert added(library, folder) == ["unchanged"]
    assert added(library, folder, replace(OPTIONS, on_screen_text=False)) == ["unchanged"]
    assert found(library, "红烧排骨") == [("clip.mp4", "cover:clip.png")]

    write_cover(cover, "清蒸鲈鱼")
    assert added(library, folder) == ["updated"]
    assert (found(library, "红烧排骨"), found(library, "清蒸鲈鱼")) == ([], [("clip.mp4", "cover:clip.png")])
    cover.unlink()
    assert added(library, folder) == ["updated"]
    assert found(library, "清蒸鲈鱼") == []


def test_a_cover_inside_a_file_is_found_and_told(tmp_path: Path) -> None:
    pytest.importorskip("rapidocr", reason="wenshi[ocr] is not installed")
    library, picture = tmp_path / "library", write_cover(tmp_path / "picture.jpg", "红烧排骨的做法")
    plain = write_video(tmp_path / "plain.mp4", seconds=1, seed=1)
    (tmp_path / "videos").mkdir()
    add_cover(plain, picture.read_bytes(), tmp_path / "videos" / "clip.mp4")
    report = add_videos(library, [tmp_path / "videos"], OPTIONS)
    assert (report.counts["added"], report.found) == (1, "; 1 cover read (1 line)")
    assert found(library, "红烧排骨") == [("clip.mp4", "cover:embedded")]
    assert added(library, tmp_path / "videos") == ["unchanged"]


def test_a_table_names_covers_and_one_that_is_not_there_or_no_picture_is_told(tmp_path: Path) -> None:
    pytest.importorskip("rapidocr", reason="wenshi[ocr] is not installed")
    folder = tmp_path / "videos"
    folder.mkdir()
    for number in range(3):
        write_video(folder / f"{number}.mp4", seconds=1, seed=number)
    (tmp_path / "pictures").mkdir()
    write_cover(tmp_path / "pictures" / "x.jpg", "红烧排骨的做法")
    (tmp_path / "pictures" / "broken.jpg").write_text("nothing")
    table = tmp_path / "table.csv"
    table.write_text("file,cover\n0.mp4,pictures/x.jpg\n1.mp4,pictures/none.jpg\n2.mp4,pictures/broken.jpg\n")
    report = add_videos(tmp_path / "library", [folder], replace(OPTIONS, manifest=table))
    assert report.counts["added"] == 3
    assert any("there is no cover pictures/none.jpg" in notice for notice in report.notices)
    assert any("broken.jpg is no picture" in notice for notice in report.notices)
    assert found(tmp_path / "library", "红烧排骨") == [("0.mp4", "cover:x.jpg")]
    assert added(tmp_path / "library", folder, replace(OPTIONS, manifest=table)) == ["unchanged"] * 3
    assert added(tmp_path / "library", folder) == ["unchanged"] * 3
    assert found(tmp_path / "library", "红烧排骨") == [("0.mp4", "cover:x.jpg")]
