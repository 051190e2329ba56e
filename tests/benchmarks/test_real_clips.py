"""The benchmark of real clips accounts for every file, and notices a build that does not keep what it promises."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from benchmarks import real_clips
from data_pipeline.building.measured_tables import read_measured
from data_pipeline.building.plan import all_sources
from data_pipeline.corpus.measured import CandidateRow, MeasuredVideo, StageRow
from data_pipeline.export.exporting import FORMS
from data_pipeline.export.lines import LINES
from tests.videos import write_video

pytest.importorskip("pyarrow", reason="tables need pyarrow")

_LIGHT = ("screen_text.engine=null", "speech.voice=false", "speech.engine=null", "relevance.model=null")


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three clips that a table describes, one below them that it does not, and one that is none."""
    folder = tmp_path_factory.mktemp("clips")
    (folder / "more").mkdir()
    names = ("0.mp4", "1.mp4", "2.mp4", "more/3.mp4")
    for number, name in enumerate(names):
        write_video(folder / name, seconds=1.5, shots=2, seed=number)
    (folder / "4.mp4").write_bytes(b"no video")
    lines = (
        json.dumps({"file": name, "title_zh": f"一只狗在草地上追球{name[0]}", "query_zh_1": f"小狗跑得真快{name[0]}"})
        for name in names[:3]
    )
    (folder / "manifest.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def ran(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, float]]:
    """Where a whole run left everything, and how often it saw each promise broken; without a browser."""
    work = tmp_path_factory.mktemp("work")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(real_clips, "find_chromium", lambda: None)
        return work, real_clips.run(clips, work, _LIGHT)


def test_a_build_of_clips_keeps_what_it_promises(ran: tuple[Path, dict[str, float]]) -> None:
    work, broken = ran
    assert len(broken) == 8
    assert not any(broken.values())
    rows = list(read_measured(work / "corpus", MeasuredVideo))
    assert {(Path(row.path or "").suffix, row.title is None): row.status for row in rows if row.path} == {
        (".mkv", False): "measured", (".mp4", False): "measured", (".mp4", True): "measured"
    }
    assert [row.error_kind for row in rows if row.status == "failed"] == ["not_a_video"]
    said = {(one.source, one.text) for one in read_measured(work / "corpus", CandidateRow) if one.kind == "subtitle"}
    assert {text for _, text in said} == {"小狗跑得真快0", "小狗跑得真快2"}
    assert len({source for source, _ in said}) == 2


def test_a_promise_that_was_broken_is_the_exit_status(clips: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmark", str(clips)])
    for times in (0.0, 1.0):
        monkeypatch.setattr(real_clips, "run", lambda *_, times=times, **__: {"stages run again": times})
        assert real_clips.main() == times


def test_rows_stages_and_addresses_that_should_not_be_so_are_counted(
    ran: tuple[Path, dict[str, float]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = ran[0] / "corpus"
    account = json.loads((corpus / "accounts.json").read_text(encoding="utf-8"))
    said = {
        "candidates": account["candidates"]["rows"], "pairs": account["candidates"]["kept"], "rejected": 0, "manifest_sha256": ""
    }
    files = [Path(source.uri) for source in all_sources(corpus)]
    assert real_clips.unaccounted(corpus, said, files) == 0
    assert real_clips.unaccounted(corpus, said, [*files, tmp_path / "new.mp4"]) == 2
    assert real_clips.unaccounted(corpus, {**said, "candidates": said["candidates"] + 1}, files) == 1
    costs = list(read_measured(corpus, StageRow))
    assert (real_clips.left_out(corpus, costs), real_clips.left_out(corpus, costs[1:])) == (0, 1)
    monkeypatch.setattr(real_clips, "find_chromium", lambda: None)
    page = tmp_path / "page.html"
    for picture, faults in (("data:image/jpeg;base64,AAAA", 0), ("https://elsewhere/a.jpg", 1)):
        page.write_text(f"<h1>页</h1><a href='#down'></a><img src='{picture}'>", encoding="utf-8")
        assert real_clips.page_faults(page, tmp_path / "profile") == faults


def test_each_export_is_read_back_and_a_pair_that_it_lacks_is_found(ran: tuple[Path, dict[str, float]], tmp_path: Path) -> None:
    truth = real_clips.pairs_of_tables(ran[0] / "exports" / "parquet")
    found = {form: reader(ran[0] / "exports" / form) for form, reader in real_clips.READERS.items()}
    assert found == dict.fromkeys(FORMS, truth)
    assert len(truth) == 5
    lines = (ran[0] / "exports" / "jsonl" / LINES).read_text(encoding="utf-8").splitlines(keepends=True)
    (tmp_path / LINES).write_text("".join(lines[1:]), encoding="utf-8")
    assert (truth - real_clips.pairs_of_lines(tmp_path)).total() == 1
