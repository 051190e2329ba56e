"""An `add` calibrates a library that has grown, and never fails by that."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from retrieval.errors import ModelError
from retrieval.library import Library
from retrieval.search.confidence import stored_calibration
from serving.cli.main import app
from serving.ingest.calibrating import calibrate_grown
from serving.ingest.report import AddReport, FileOutcome
from serving.ingest.run import AddOptions, add_videos
from tests.retrieval.search.test_calibrating import GENERATION, Axes, library, put
from tests.videos import write_video


def added() -> AddReport:
    return AddReport(files=1, outcomes=[FileOutcome("/0.mp4", "added", "0")])


def unchanged() -> AddReport:
    return AddReport(files=1, outcomes=[FileOutcome("/0.mp4", "unchanged", "0")])


def never() -> bool:
    return False


def test_a_library_is_calibrated_with_enough_titles_and_again_when_it_has_doubled(tmp_path: Path) -> None:
    loads: list[int] = []

    def models() -> tuple[Axes, None]:
        loads.append(1)
        return Axes(), None

    with library(tmp_path / "l", videos=12) as opened:
        report = added()
        calibrate_grown(opened, report, models, stopping=never)
        assert report.notices == [
            "Hits of pictures and meanings do not say how sure they are: that needs 20 videos with a title, and 12 have one."
        ]
        assert loads == []
        sizes = []
        for number in range(12, 31):
            put(opened, number, generation=GENERATION)
            calibrate_grown(opened, added(), models, stopping=never)
            found = stored_calibration(opened)
            sizes.append(found.clips if found else 0)
        assert sizes == [0] * 7 + [20] * 11 + [20]
        calibrate_grown(opened, unchanged(), models, stopping=never)
        assert len(loads) == 1
        opened.set_setting("calibrated_at", "15")       # as if it had been half as large
        calibrate_grown(opened, added(), models, stopping=never)
        found = stored_calibration(opened)
        assert found is not None
        assert (found.clips, len(loads)) == (31, 2)


@pytest.mark.parametrize("failure", [ModelError("There is no model here."), KeyboardInterrupt()])
def test_what_keeps_it_from_that_is_told_and_the_add_stands(tmp_path: Path, failure: BaseException) -> None:
    def models() -> tuple[None, None]:
        raise failure

    with library(tmp_path / "l", videos=20) as opened:
        report = added()
        calibrate_grown(opened, report, models, stopping=never)
        assert len(report.notices) == 1
        assert report.notices[0].startswith("Hits of pictures and meanings do not say how sure they are: ")
        assert stored_calibration(opened) is None


def test_a_stop_ends_it_between_two_questions_and_the_next_add_makes_up_for_it(tmp_path: Path) -> None:
    looks: list[int] = []

    def after_three_questions() -> bool:
        looks.append(1)
        return len(looks) > 4

    with library(tmp_path / "l", videos=25) as opened:
        report = added()
        calibrate_grown(opened, report, lambda: (Axes(), None), stopping=after_three_questions)
        assert (report.interrupted, len(looks)) == (True, 5)
        assert stored_calibration(opened) is None
    with Library.open(tmp_path / "l", write=True) as opened:
        calibrate_grown(opened, unchanged(), lambda: (Axes(), None), stopping=never)
        assert stored_calibration(opened) is not None
        assert opened.setting("calibration_due") == "0"


def test_ctrl_c_ends_it_and_the_next_add_makes_up_for_it(tmp_path: Path) -> None:
    def ctrl_c() -> bool:
        raise KeyboardInterrupt

    with library(tmp_path / "l", videos=20) as opened:
        report = added()
        calibrate_grown(opened, report, lambda: (Axes(), None), stopping=ctrl_c)
        assert "The next `wenshi add` makes up for it." in report.notices[0]
        calibrate_grown(opened, unchanged(), lambda: (Axes(), None), stopping=never)
        assert stored_calibration(opened) is not None


def test_an_add_with_a_model_says_when_the_library_is_too_small_for_it(tmp_path: Path, tiny_chinese_clip: Path) -> None:
    write_video(tmp_path / "a.mp4", seed=1)
    options = AddOptions(model=str(tiny_chinese_clip), on_screen_text=False)
    report = add_videos(tmp_path / "l", [tmp_path / "a.mp4"], options)
    assert any("20 videos with a title, and 1 have one" in notice for notice in report.notices)
    assert add_videos(tmp_path / "l", [tmp_path / "a.mp4"], options).notices == []


def test_the_status_of_a_library_says_whether_its_hits_have_a_confidence(tmp_path: Path) -> None:
    def status(*options: str) -> str:
        shown = CliRunner().invoke(app, ["library", "status", "-l", str(tmp_path / "l"), *options], catch_exceptions=False)
        return shown.stdout

    with library(tmp_path / "l", videos=20):
        pass
    assert "confidence: none yet" in status()
    assert json.loads(status("--json"))["calibrated"] is False
    with Library.open(tmp_path / "l", write=True) as opened:
        calibrate_grown(opened, added(), lambda: (Axes(), None), stopping=never)
    assert "confidence" not in status()
    assert json.loads(status("--json"))["calibrated"] is True
    with Library.open(tmp_path / "l", write=True) as opened:
        for number in range(15):
            opened.remove(f"/{number}.mp4")
    assert "confidence: of a library of another size" in status()
