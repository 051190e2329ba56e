"""`wenshi corpus build` and what goes with it: real files, real stages, a small model with random weights."""

from __future__ import annotations

import json
import shutil
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from data_pipeline.building.measured_tables import read_measured
from data_pipeline.corpus.measured import CandidateRow, MeasuredVideo, StageRow
from data_pipeline.corpus.rows import PairRow
from data_pipeline.corpus.shard_reader import ShardDataset
from data_pipeline.corpus.tables import PAIRS, read_table
from retrieval.errors import InputError
from serving.cli.main import app
from tests.videos import write_subtitles, write_video

pytest.importorskip("pyarrow", reason="tables need pyarrow")

LIGHT = ("--set", "screen_text.engine=null", "--set", "speech.voice=false")
TITLES = ("一只狗在草地上追球", "厨房里有人在切菜", "孩子们在海边堆沙子", "火车穿过雪山")


def run(*arguments: object) -> Any:
    """What a command says with --json."""
    found = CliRunner().invoke(app, ["corpus", *map(str, arguments), "--json"], catch_exceptions=False)
    assert found.exit_code == 0, found.output
    return json.loads(found.stdout)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("videos")
    lines = ["file,title,uploader,licence"]
    for number, title in enumerate(TITLES):
        write_video(folder / f"{number}.mp4", seconds=1.0, shots=2, seed=number)
        lines.append(f"{number}.mp4,{title},作者{number},CC-BY-4.0")
    write_subtitles(folder / "0.srt", [(0, 900, "小狗跑得真快")])
    (folder / "4.mp4").write_bytes(b"no video")
    lines.append("4.mp4,坏的,作者,CC-BY-4.0")
    (folder / "list.csv").write_text("\n".join(lines), encoding="utf-8")
    return folder / "list.csv"


@pytest.fixture(scope="module")
def built(
    table: Path, tiny_model: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Any]]:
    """A corpus, and what its build said; not to be changed by a test."""
    corpus = tmp_path_factory.mktemp("built") / "corpus"
    model = tiny_model("chinese_clip")
    return corpus, run("build", table, "--out", corpus, *LIGHT, "--set", f"relevance.model={model}")


@pytest.fixture
def corpus(built: tuple[Path, dict[str, Any]], tmp_path: Path) -> Path:
    return Path(shutil.copytree(built[0], tmp_path / "corpus"))


def test_raw_videos_become_scored_pairs_shards_and_a_report(built: tuple[Path, dict[str, Any]]) -> None:
    corpus, said = built
    assert (said["rows"], said["measured"], said["reasons"]) == (5, 4, {"not_a_video": 1})
    rows = list(read_measured(corpus, MeasuredVideo))
    assert [row.title for row in rows if row.status == "measured"] == list(TITLES)
    assert all(row.uploader_hash and "作者" not in row.uploader_hash for row in rows)
    candidates = list(read_measured(corpus, CandidateRow))
    assert {(one.kind, one.text) for one in candidates} >= {("title", TITLES[0]), ("subtitle", "小狗跑得真快")}
    assert all(one.relevance_max is not None and one.keyframes for one in candidates)
    pairs = list(read_table(corpus / PAIRS, PairRow))
    assert len(pairs) == said["pairs"] == said["candidates"] - sum(said["filtered"].values()) > 0
    assert len(ShardDataset(corpus / "shards", split=None)) > 0
    assert TITLES[0] in (corpus / "report.html").read_text(encoding="utf-8")


def test_filtering_again_runs_no_stage(corpus: Path) -> None:
    before = list(read_measured(corpus, StageRow))
    all_pairs = run("filter", corpus)["pairs"]
    half = run("filter", corpus, "--set", "score=relevance_max", "--set", "selection.keep_share=0.5")
    assert half["pairs"] < all_pairs
    assert half["filtered"]["relevance"] > 0
    assert list(read_measured(corpus, StageRow)) == before
    assert run("filter", corpus)["pairs"] == half["pairs"]      # the corpus keeps its settings


def test_every_row_that_came_in_has_a_place_also_one_that_was_refused(table: Path, tmp_path: Path) -> None:
    corpus, rows = tmp_path / "c", tmp_path / "rows.csv"
    lines = ("0.mp4,CC-BY-4.0,yesterday", "1.mp4,my own,2026-01-31", "gone.mp4,CC-BY-4.0,", "0.mp4,CC-BY-4.0,")
    named = [f"{table.parent}/{line}" for line in lines]
    rows.write_text("\n".join(["file,licence,date", *named]), encoding="utf-8")
    told = CliRunner().invoke(app, ["corpus", "build", str(rows), "--out", str(corpus), *LIGHT], catch_exceptions=False)
    assert f"{rows} line 2: the date 'yesterday' is left out" in told.stderr
    assert "1 videos: 1 measured" in told.stdout
    assert "3 more were named and refused: refused.jsonl says where each stands and why" in told.stdout
    kept = [json.loads(line) for line in (corpus / "refused.jsonl").read_text(encoding="utf-8").splitlines()]
    assert {one["where"] for one in kept} == {f"{rows} line {line}" for line in (3, 4, 5)}
    assert run("status", corpus)["refused"] == 3
    statistics = json.loads((corpus / "statistics.json").read_text(encoding="utf-8"))
    assert (statistics["refused"]["rows"], statistics["sources"]) == (3, 1)
    page = (corpus / "report.html").read_text(encoding="utf-8")
    assert "rows.csv line 3" in page
    assert str(rows) not in page
    rows.write_text("\n".join(["file,licence,date", named[2]]), encoding="utf-8")
    assert CliRunner().invoke(app, ["corpus", "build", str(rows), "--out", str(corpus), *LIGHT]).exit_code == 0
    assert run("status", corpus)["refused"] == 1


def test_a_filter_opens_no_video_and_shows_the_stored_pictures(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def opened(*_: object, **__: object) -> None:
        raise AssertionError("a video is opened")

    (corpus / "report.html").unlink()
    monkeypatch.setattr("retrieval.video.VideoReader.__init__", opened)
    run("filter", corpus)
    assert "data:image/jpeg;base64," in (corpus / "report.html").read_text(encoding="utf-8")


def test_a_filter_refuses_what_would_have_to_be_measured(corpus: Path, tmp_path: Path) -> None:
    before = (corpus / "corpus.json").read_bytes()
    (settings := tmp_path / "settings.yaml").write_text("speech: {language: en}\nselection: {keep_share: 0.5}\n")
    for arguments, name in ((["--set", "relevance.model=other"], "relevance.model"), (["--config", settings], "speech.language")):
        with pytest.raises(InputError, match=rf"^{name} cannot be changed by a filter.*selection\.\* \(score, threshold"):
            run("filter", corpus, *arguments)
    assert (corpus / "corpus.json").read_bytes() == before
    settings.write_text("speech: {voice: false}\nselection: {keep_share: 0.5}\n")
    assert run("filter", corpus, "--config", settings)["filtered"]["relevance"] > 0
    assert json.loads((corpus / "corpus.json").read_text())["settings"]["relevance"]["model"]


def test_the_same_command_goes_on_and_a_status_tells_where_it_is(
    corpus: Path, built: tuple[Path, dict[str, Any]], table: Path
) -> None:
    said = run("build", table, "--out", corpus, "--no-frames")
    assert {name: said[name] for name in ("rows", "measured", "manifest_sha256")} == {
        name: built[1][name] for name in ("rows", "measured", "manifest_sha256")
    }
    status = run("status", corpus)
    assert (status["waiting"], status["running"], status["manifest_sha256"]) == (0, None, said["manifest_sha256"])
    text = CliRunner().invoke(app, ["corpus", "status", str(corpus)], catch_exceptions=False).stdout
    assert "5 videos: 4 measured, 1 failed (1 not_a_video)" in text


def test_retry_takes_the_kinds_that_are_named(corpus: Path) -> None:
    assert run("retry", corpus, "--no-frames")["failed"] == 1
    assert [row.attempts for row in read_measured(corpus, MeasuredVideo)] == [1] * 5
    run("retry", corpus, "--kind", "not_a_video", "--no-frames")
    assert [row.attempts for row in read_measured(corpus, MeasuredVideo)] == [1, 1, 1, 1, 2]


def test_a_build_of_which_nothing_is_left_fails(table: Path, tmp_path: Path) -> None:
    arguments = ["corpus", "build", str(table.with_name("4.mp4")), "--out", str(tmp_path / "c"), "--i-have-rights", *LIGHT]
    found = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert found.exit_code == 1
    assert "1 videos: 0 measured, 1 failed (1 not_a_video)" in found.stdout
    assert CliRunner().invoke(app, ["corpus", "retry", str(tmp_path / "c")], catch_exceptions=False).exit_code == 1


def test_models_are_not_shared_on_ray(table: Path, tmp_path: Path) -> None:
    arguments = ["corpus", "build", str(table), "--out", str(tmp_path / "corpus"), "--runner", "ray", "--models", "1"]
    found = CliRunner().invoke(app, arguments)
    assert isinstance(found.exception, InputError)
    assert "on Ray each worker holds its own models" in str(found.exception)


def test_an_estimate_says_what_all_would_take(table: Path) -> None:
    about = run("estimate", table, *LIGHT, "--samples", 2)
    assert (about["videos"], about["sampled"]) == (5, 2)
    assert about["total_seconds"] > 0 < about["total_bytes"]


def test_an_estimate_takes_the_videos_of_a_tar_out_and_leaves_nothing_behind(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tarfile.open(tmp_path / "s.tar", "w") as archive:
        for number in (0, 1):
            archive.add(table.parent / f"{number}.mp4", f"{number}.mp4")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    about = run("estimate", tmp_path / "s.tar", *LIGHT, "--i-have-rights")
    assert (about["videos"], about["sampled"], about["failed"]) == (2, 2, 0)
    assert list(scratch.iterdir()) == []


def test_a_setting_that_does_not_exist_is_told_with_the_nearest(table: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"selection\.keep_shore is not a setting; did you mean keep_share\?"):
        CliRunner().invoke(
            app, ["corpus", "build", str(table), "--out", str(tmp_path / "c"), "--set", "selection.keep_shore=1"],
            catch_exceptions=False,
        )  # fmt: skip


def test_a_corpus_is_begun_with_videos_in_a_folder_of_its_own(table: Path, tmp_path: Path) -> None:
    (empty := tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("mine")
    for paths, out, reason in (
        (empty, tmp_path / "new", "no video to build a corpus of"),
        (table, tmp_path, "holds no corpus, but empty"),
        (table, tmp_path / "notes.txt", "is a file"),
    ):
        with pytest.raises(InputError, match=reason):
            CliRunner().invoke(app, ["corpus", "build", str(paths), "--out", str(out), *LIGHT], catch_exceptions=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "notes.txt"]


def test_a_new_selection_names_the_exports_that_are_of_the_earlier_one(corpus: Path, tmp_path: Path) -> None:
    def filtered(value: str) -> str:
        return CliRunner().invoke(app, ["corpus", "filter", str(corpus), "--set", value]).stderr

    CliRunner().invoke(app, ["corpus", "filter", str(corpus), "--set", "keep_share=1.0"])
    run("export", corpus, "-f", "jsonl", "-o", tmp_path / "lines")
    assert "lines" not in filtered("keep_share=1.0")
    assert f"{tmp_path / 'lines'} holds pairs of an earlier selection" in filtered("keep_share=0.5")
    run("export", corpus, "-f", "jsonl", "-o", tmp_path / "lines")
    assert "lines" not in filtered("keep_share=0.5")
