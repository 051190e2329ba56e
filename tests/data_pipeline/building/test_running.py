"""What surrounds a build: its settings, an estimate before it, its status while it runs, the cache of its stages."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from data_pipeline.building import status as status_module
from data_pipeline.building.build import build
from data_pipeline.building.estimate import Estimate, estimate
from data_pipeline.building.local import Work
from data_pipeline.building.settings import (
    BuildSettings,
    Relevance,
    overridden,
    read_settings,
    save_settings,
    saved_settings,
)
from data_pipeline.building.stage_cache import Kept, StageCache, kept_pictures
from data_pipeline.building.status import Progress, ProgressFile, status
from data_pipeline.building.video_rows import failed_video
from data_pipeline.corpus.errors import CorpusError
from retrieval.errors import InputError
from tests.data_pipeline.building.stand_ins import make_stages, runner_here, source_of, sources_of
from tests.videos import write_video

pytest.importorskip("pyarrow", reason="tables need pyarrow")


def test_settings_come_from_a_file_with_overrides_on_top_and_are_kept(tmp_path: Path) -> None:
    file = tmp_path / "build.yaml"
    file.write_text("speech:\n  engine: sherpa-onnx\nlimits: {memory_gib: 3}\n")
    settings = read_settings(file, overrides=["relevance.model=m"])
    assert (settings.speech.engine, settings.limits.memory_gib, settings.relevance.model) == ("sherpa-onnx", 3, "m")
    (tmp_path / "corpus.json").write_text('{"salt": "s"}')
    save_settings(tmp_path, settings)
    assert saved_settings(tmp_path) == settings
    assert '"salt": "s"' in (tmp_path / "corpus.json").read_text()
    assert overridden(settings, ["speech.language=yue"]).speech.language == "yue"


@pytest.mark.parametrize(("text", "says"), [
    ("speach: {engine: x}", r"build\.yaml: speach is not a setting; did you mean speech\?"),
    ("limits: {stall: 3}", r"limits\.stall is not a setting; did you mean stall_seconds\?"),
    ("limits: {memory_gib: -1}", r"limits\.memory_gib is -1: it should be greater than 0"),
    ("- a", "holds no settings"),
])  # fmt: skip
def test_a_setting_that_cannot_be_used_is_one_sentence(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "build.yaml").write_text(text)
    with pytest.raises(InputError, match=says):
        read_settings(tmp_path / "build.yaml")


def test_an_estimate_tells_what_waits_for_a_shared_model() -> None:
    about = Estimate(
        videos=100, sampled=6, failed=0, start_seconds=10.0, seconds=8.8, model_seconds=5.5, least_seconds=8.0, most_seconds=9.0,
        bytes=1.0,
    )
    assert about.total_seconds(2) == pytest.approx(10 + 100 * 4.4)
    assert about.total_seconds(2, model_processes=1) == pytest.approx(10 + 100 * 5.5)
    assert about.total_seconds(2, model_processes=2) == pytest.approx(10 + 100 * 4.4)


def test_an_estimate_comes_from_a_few_videos_and_keeps_nothing(tmp_path: Path) -> None:
    files = [write_video(tmp_path / f"{number}.mp4", seconds=0.3, seed=number) for number in range(4)]
    about = estimate(sources_of(*files, tmp_path / "missing.mp4"), BuildSettings(), make_stages, samples=5)
    assert (about.videos, about.sampled, about.failed) == (5, 5, 1)
    assert 0 < about.least_seconds <= about.seconds <= about.most_seconds
    assert about.total_seconds(2) == pytest.approx(about.start_seconds + 5 * about.seconds / 2)
    assert about.total_bytes == 5 * about.bytes > 5 * 1000
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".mp4"] * 4
    with pytest.raises(InputError, match="no video to estimate"):
        estimate([], BuildSettings(), make_stages)


def test_the_status_tells_what_is_committed_and_how_far_a_running_build_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(CorpusError, match="There is no corpus in"):
        status(tmp_path)
    video = write_video(tmp_path / "0.mp4", seconds=0.3)
    corpus = tmp_path / "corpus"
    work = Work(directory=corpus, settings=BuildSettings(relevance=Relevance(model="one")), make_stages=make_stages)
    account = build(sources_of(video), work, runner_here)
    assert status(corpus) == (account, None)
    monkeypatch.setattr(status_module, "_EVERY_SECONDS", 0.0)
    with ProgressFile(corpus) as file:
        file.begin(4)
        time.sleep(0.01)
        file.done(failed_video(source_of(video), shard="s", stage="look", kind="corrupt", message="It is cut."))
        found, progress = status(corpus)
        assert found == account
        assert progress is not None
        assert (progress.expected, progress.done, progress.failed, progress.reasons) == (4, 1, 1, {"corrupt": 1})
        assert progress.seconds_left == pytest.approx(3 * progress.seconds)
        file.expect(2)
        assert file.progress.expected == 6
    assert status(corpus)[1] is None
    assert Progress(process=1, seconds=9, expected=0, done=5, failed=0).seconds_left is None


def test_a_build_whose_process_is_gone_is_not_told_as_running(tmp_path: Path) -> None:
    video = write_video(tmp_path / "0.mp4", seconds=0.3)
    build(sources_of(video), Work(directory=tmp_path / "c", settings=BuildSettings(), make_stages=make_stages), runner_here)
    (tmp_path / "c" / "progress.json").write_text(
        '{"process": 4194305, "seconds": 1, "expected": 4, "done": 1, "failed": 0, "reasons": {}}'
    )
    assert status(tmp_path / "c")[1] is None


def test_a_result_is_kept_with_its_parts_and_forgotten_from_the_disk(tmp_path: Path) -> None:
    cache = StageCache(tmp_path / "a" / "shard.sqlite")
    cache.put("one", Kept(b"{}", 3, 4), content="video", stage="look", parts=[b"picture one", b"picture two"])
    cache.put("two", Kept(b"[1]", 5, 6), content="other", stage="look", parts=[b"picture three"])
    cache.put("one", Kept(b"{1}", 7, 8), content="video", stage="look", parts=[b"picture four"])
    assert (cache.get("one"), cache.get("three")) == (Kept(b"{1}", 7, 8), None)
    assert cache.parts("one") == kept_pictures(cache.path, "video") == (b"picture four",)
    cache.forget("video")
    cache.close()
    content = cache.path.read_bytes()
    assert b"picture three" in content
    assert b"picture one" not in content
    assert b"picture four" not in content
    again = StageCache(cache.path)
    assert again.get("one") is None
    again.close()
    assert kept_pictures(cache.path, "other") == (b"picture three",)
    assert kept_pictures(tmp_path / "none.sqlite", "other") == ()
    assert not (tmp_path / "none.sqlite").exists()
