"""A report tells what the tables of a corpus hold, as numbers that add up and as one page that loads nothing."""

from __future__ import annotations

import json
import re
import sqlite3
import time
from contextlib import closing
from dataclasses import fields
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from data_pipeline.building.stage_cache import Kept, StageCache, cache_path, kept_pictures
from data_pipeline.building.stages import Stages
from data_pipeline.corpus.errors import CorpusError
from data_pipeline.corpus.measured import (
    AudioSpanRow,
    CandidateRow,
    DecisionRow,
    KeyframeRow,
    SourceRow,
    SpeechRow,
    StageRow,
)
from data_pipeline.corpus.tables import read_table, write_table
from data_pipeline.report.page.elements import both
from data_pipeline.report.page.labels import label
from data_pipeline.report.thumbnails import StoredPictures
from data_pipeline.report.write import Report, write_report
from serving.cli.main import app
from tests.data_pipeline.report.written_corpus import candidate, decision, video, write_decisions, write_shard

WICKED = '<script>alert("猫")</script><img src=x onerror=alert(1)>'
SCORES = ("relevance_mean", "relevance_max", "relevance_top3", "masked_mean", "masked_max", "masked_top3")


class Elements(HTMLParser):
    """Names and attributes of all elements, and all text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def scored(number: int, text: str, score: float, **facts: Any) -> CandidateRow:
    return candidate(number, text, **dict.fromkeys(SCORES, score), **facts)


def stage(number: int, name: str, *, cached: bool, cpu_ms: int) -> StageRow:
    return StageRow(
        video_id=f"{number:064x}", stage=name, version="1", parameters="0" * 16, model_digest="", cached=cached,
        cpu_ms=cpu_ms, wall_ms=2 * cpu_ms,
    )  # fmt: skip


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Two shards: five videos of two categories, one file that failed, eight candidates of which four are kept."""
    directory = tmp_path / "猫 & 狗"
    facts = {"category": "动物", "license_code": "CC-BY-4.0", "topics": ("萌宠", "猫"), "uploader_hash": "u"}
    broken = video(
        9, video_id=None, status="failed", error_stage="examine", error_kind="corrupt", retryable=True,
        error="/films/9.mp4 holds no picture.",
    )  # fmt: skip
    rows = [
        scored(0, "一只猫在草地上跑", 0.4), scored(0, "猫", 0.3, position=1, kind="asr"), scored(1, WICKED, 0.35),
        scored(1, "唱不完的歌", 0.1, position=1, kind="asr", flags=("lyrics", "music")), scored(2, "关于狗", 0.2),
    ]  # fmt: skip
    later = [scored(3, "两只狗", 0.5, end_ms=3000), scored(4, "一匹马", 0.25), candidate(4, "好", position=1, flags=("short",))]
    write_shard(directory, "00000", {
        "videos": [video(0, **facts), video(1, **facts), video(2, duration_ms=4000, speech_ms=1000), broken],
        "candidates": rows,
        "keyframes": [
            KeyframeRow(
                video_id="0", keyframe=k, time_ms=k, shot=0, sharpness=1.0, luma_mean=1.0, luma_deviation=1.0, hash64=k,
                dropped=dropped,
            )
            for k, dropped in enumerate((None, None, "black"))
        ],
        "audio": [AudioSpanRow(video_id="0", span=0, start_ms=0, end_ms=1500, label="singing", score=1.0, engine="e")],
        "speech": [
            SpeechRow(
                video_id="0", segment=k, start_ms=0, end_ms=1, text="听", language="zh", average_logprob=None, no_speech=None,
                compression=None, voice_share=None, music_share=None, singing_share=None, flags=flags, engine="e",
                model_digest="m",
            )
            for k, flags in enumerate(((), ("lyrics",), ("lyrics", "music"), ()))
        ],
        "stages": [stage(0, "look", cached=False, cpu_ms=400), stage(1, "look", cached=True, cpu_ms=900)],
    })  # fmt: skip
    write_shard(directory, "00001", {"videos": [video(3, duration_ms=130_400), video(4)], "candidates": later})
    reasons = ("", "", "", "lyrics", "relevance", "", "relevance", "short")
    rung = {"share": 0.67, "threshold": 0.3125, "pairs": 4, "videos": 3, "kinds": {"asr": 1, "title": 3}}
    decided = [decision(row, reason) for row, reason in zip(rows + later, reasons, strict=True)]
    write_decisions(directory, decided, score="masked_top3", threshold=0.3, ladder=[rung])
    write_table(directory / "sources.parquet", [SourceRow(source_id=f"{k}", uri="x") for k in range(8)], SourceRow)
    (directory / "corpus.json").write_text(json.dumps({"uploader_salt": "GEHEIM", "selection": {"share": 0.7, "salt": "GEHEIM"}}))
    return directory


@pytest.fixture
def report(corpus: Path) -> Report:
    return write_report(corpus, picture=lambda video, time_ms: b"jpeg")


def test_rows_kept_rejected_and_failed_add_up_to_all_of_them(report: Report) -> None:
    videos, pairs = report.statistics["videos"], report.statistics["pairs"]
    assert (report.statistics["sources"], videos["rows"], videos["measured"], videos["failed"]) == (8, 6, 5, 1)
    assert (pairs["candidates"], pairs["kept"], pairs["undecided"]) == (8, 4, 0)
    assert pairs["reasons"] == {"relevance": 2, "lyrics": 1, "short": 1}
    assert pairs["kinds"] == {"asr": {"candidates": 2, "kept": 1}, "title": {"candidates": 6, "kept": 3}}
    assert (pairs["videos_with_candidates"], pairs["videos_kept"]) == (5, 3)
    assert pairs["splits"] == {"train": {"pairs": 4, "videos": 3}}


def test_categories_licences_and_topics_are_counted_before_and_after(report: Report) -> None:
    videos = report.statistics["videos"]
    assert videos["category"] == {"": {"videos": 3, "kept": 1}, "动物": {"videos": 2, "kept": 2}}
    assert videos["license"] == {"": {"videos": 3, "kept": 1}, "CC-BY-4.0": {"videos": 2, "kept": 2}}
    assert (videos["topics"], videos["topics_total"], videos["uploaders"]) == ({"萌宠": 2, "猫": 2}, 4, 1)


def test_lengths_are_counted_by_whole_seconds(report: Report) -> None:
    seconds = report.statistics["videos"]["seconds"]
    assert seconds["bins"] == {"4": 1, "12": 3, "130": 1}
    assert (seconds["min"], seconds["max"]) == (4.0, 130.4)
    assert seconds["mean"] == pytest.approx((3 * 12 + 4 + 130.4) / 5)
    assert report.statistics["pairs"]["seconds"]["bins"] == {"3": 1, "12": 3}


def test_the_threshold_is_drawn_on_the_score_that_it_is_of_and_the_ladder_told(report: Report) -> None:
    scores = report.statistics["pairs"]["scores"]
    assert set(scores) == set(SCORES)
    assert all(sum(map(sum, column["counts"].values())) == column["scored"] == 7 for column in scores.values())
    assert [sum(scores["masked_top3"]["counts"][name]) for name in ("kept", "low", "other")] == [4, 2, 1]
    page = report.page.read_text(encoding="utf-8")
    assert page.count("≥ 0.300") == 1
    assert page.index("≥ 0.300") > page.index("遮字后 · 前三平均")
    assert "0.3125" in Elements(page).text


def test_a_share_that_is_none_of_the_usual_ones_has_its_line_in_the_ladder(corpus: Path) -> None:
    rungs = [
        {"share": share, "threshold": threshold, "pairs": pairs, "videos": 3, "kinds": {"title": pairs}}
        for share, threshold, pairs in ((1.0, 0.1, 10), (0.56, 0.5, 3))
    ]
    decided = list(read_table(corpus / "decisions.parquet", DecisionRow))

    def lines(threshold: float) -> list[tuple[str, ...]]:
        write_decisions(corpus, decided, threshold=threshold, ladder=rungs)
        page = write_report(corpus, picture=lambda video, time_ms: None).page.read_text(encoding="utf-8")
        return re.findall(r"<tr><td>(\d+ %)</td><td>([\d.]+)</td><td>(\d+)</td>", page)

    assert lines(0.3) == [("100 %", "0.1000", "10"), ("40 %", "0.3000", "4"), ("56 %", "0.5000", "3")]
    assert lines(0.5) == [("100 %", "0.1000", "10"), ("56 %", "0.5000", "3")]


def test_topics_have_a_card_only_where_there_are_topics(report: Report, tmp_path: Path) -> None:
    assert 'aria-label="topics"' in report.page.read_text(encoding="utf-8")
    write_shard(tmp_path / "plain", "00000", {"videos": [video(0)], "candidates": [candidate(0, "一匹马")]})
    page = write_report(tmp_path / "plain", picture=lambda video, time_ms: None).page.read_text(encoding="utf-8")
    assert "Topics" not in page


def test_a_threshold_on_the_mean_of_a_video_is_drawn_on_no_score_of_pairs(corpus: Path) -> None:
    write_decisions(corpus, [], threshold=0.3, level="video")
    page = write_report(corpus, picture=lambda video, time_ms: None).page.read_text(encoding="utf-8")
    assert "≥ 0.300" not in page


def test_dirt_cost_and_failures_are_told(report: Report) -> None:
    numbers = report.statistics
    assert numbers["evidence"]["speech"]["flags"] == {"lyrics": 2, "music": 1}
    assert numbers["evidence"]["keyframes"] == {"kept": 2, "black": 1}
    assert numbers["evidence"]["audio"]["ms"] == {"singing": 1500}
    assert numbers["stages"] == [
        {"stage": "look", "videos": 2, "cached": 1, "cpu_ms": 400, "wall_ms": 800, "versions": ["1"]}
    ]
    failure = {"stage": "examine", "kind": "corrupt", "count": 1, "retryable": 1, "examples": ["9.mp4 holds no picture."]}
    assert numbers["videos"]["failures"] == [failure]


def test_a_title_with_a_script_is_shown_as_text_and_runs_nowhere(report: Report) -> None:
    page = report.page.read_text(encoding="utf-8")
    elements = Elements(page)
    assert WICKED in elements.text
    assert "script" not in elements.names
    assert not [name for name, _ in elements.attributes if name.startswith("on")]
    assert any((value or "").startswith("default-src 'none'") for _, value in elements.attributes)


def test_the_page_loads_nothing_from_elsewhere(report: Report) -> None:
    elements = Elements(report.page.read_text(encoding="utf-8"))
    addresses = [value or "" for name, value in elements.attributes if name in ("src", "href", "action", "data")]
    assert addresses
    assert all(address.startswith(("data:image/jpeg;base64,", "#")) for address in addresses)
    assert not re.search(r"url\(|@import", report.page.read_text(encoding="utf-8"))


def test_the_salt_and_the_folders_of_the_machine_stay_here(report: Report) -> None:
    for path in (report.page, report.statistics_file):
        text = path.read_text(encoding="utf-8")
        assert "GEHEIM" not in text
        assert "/films/" not in text
    assert report.statistics["settings"] == {"selection": {"share": 0.7}}


def test_the_file_of_numbers_is_what_was_returned_and_a_second_report_is_the_same(corpus: Path, report: Report) -> None:
    page = report.page.read_bytes()
    assert json.loads(report.statistics_file.read_bytes()) == report.statistics
    again = write_report(corpus, picture=lambda video, time_ms: b"jpeg")
    assert again.statistics == report.statistics
    assert again.page.read_bytes() == page


def test_a_label_stands_in_both_languages_and_one_is_hidden_by_style_alone(report: Report) -> None:
    page = report.page.read_text(encoding="utf-8")
    assert page.count('class="zh"') == page.count('class="en"') > 60
    assert "#in-chinese:checked ~ * .en" in page


def test_before_anything_is_decided_all_candidates_are_undecided(corpus: Path) -> None:
    (corpus / "accounts.json").unlink()      # as while a selection is being written
    pairs = write_report(corpus, picture=lambda video, time_ms: None).statistics["pairs"]
    assert (pairs["kept"], pairs["undecided"], pairs["reasons"]) == (0, 8, {})
    assert sum(pairs["scores"]["relevance_mean"]["counts"]["kept"]) == 7


def test_pictures_stop_before_the_page_gets_too_large(corpus: Path) -> None:
    asked: list[int] = []

    def large(video: str, time_ms: int) -> bytes:
        asked.append(time_ms)
        return b"x" * 1_600_000

    write_report(corpus, picture=large)
    assert len(asked) == 2


def test_a_picture_is_the_stored_one_that_is_nearest_to_the_moment(corpus: Path) -> None:
    shard, video_id = "00002", f"{5:064x}"
    frames = [
        KeyframeRow(
            video_id=video_id, keyframe=k, time_ms=1000 * k, shot=0, sharpness=1.0, luma_mean=1.0, luma_deviation=1.0, hash64=k,
            dropped=dropped,
        )
        for k, dropped in enumerate((None, "black", None))
    ]  # fmt: skip
    write_shard(corpus, shard, {"videos": [video(5, shard=shard)], "keyframes": frames})
    pictures = StoredPictures(corpus, {video_id: shard})
    assert pictures(video_id, 0) is None
    cache = StageCache(cache_path(corpus, shard))
    cache.put("k", Kept(b"", 0, 0), content=video_id, stage="look", parts=[b"first", b"last"])
    cache.close()
    assert [pictures(video_id, time_ms) for time_ms in (0, 900, 1100, 9000)] == [b"first", b"first", b"last", b"last"]


def test_a_cache_that_is_being_written_costs_a_report_a_second_and_not_one_a_picture(
    corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def counted(path: Path, content: str) -> tuple[bytes, ...] | None:
        asked.append(content)
        return kept_pictures(path, content)

    monkeypatch.setattr("data_pipeline.report.thumbnails.kept_pictures", counted)
    StageCache(cache_path(corpus, "00000")).close()
    pictures = StoredPictures(corpus, {f"{number:064x}": "00000" for number in range(5)})
    with closing(sqlite3.connect(cache_path(corpus, "00000"))) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        began = time.monotonic()
        assert [pictures(f"{number:064x}", 0) for number in range(5)] == [None] * 5
        assert time.monotonic() - began < 10
    assert len(asked) == 1


def test_a_folder_that_is_no_corpus_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no measured video"):
        write_report(tmp_path)


def test_an_account_that_is_cut_off_is_one_sentence(corpus: Path) -> None:
    (corpus / "accounts.json").write_text("{")
    with pytest.raises(CorpusError, match=r"accounts\.json cannot be read"):
        write_report(corpus)


def test_the_command_names_the_files_and_gives_the_numbers(corpus: Path) -> None:
    done = CliRunner().invoke(app, ["corpus", "report", str(corpus)])
    assert done.exit_code == 0
    assert "8 candidate pairs: 4 kept, 4 rejected" in done.stdout
    assert "report.html" in done.stdout
    shown = CliRunner().invoke(app, ["corpus", "report", str(corpus), "--json", "--characters", "0"])
    assert json.loads(shown.stdout)["pairs"]["kept"] == 4


def test_every_stage_has_a_name_in_both_languages() -> None:
    names = [field.name for field in fields(Stages) if field.type in ("Stage", "Stage | None")]
    assert "subtitles" in names
    assert [name for name in names if label(name) == both(name, name)] == []
