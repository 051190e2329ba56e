"""The filter experiment counts as its formulas say, and speaks of nothing but what was committed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.methods.job import Finished, append_finished
from benchmarks.relevance_filter.arms import ARMS, arm
from benchmarks.relevance_filter.jobs import finished_runs, settings_of
from benchmarks.relevance_filter.measuring import (
    auc,
    draws_of_videos,
    filter_figures,
    leak_figures,
    masking_figures,
    read_labelled,
    share_of,
)
from benchmarks.relevance_filter.tables import tables_of
from data_pipeline.building.commits import MEASURED, Commit, append_commit
from data_pipeline.building.measured_tables import TABLES, write_tables
from data_pipeline.corpus.measured import CandidateRow, MeasuredVideo
from data_pipeline.miniature.raw_collection import LABELS

# kind, truth, score and flags of a text; each is of a video of its own.
TEXTS = (
    ("title", "true", 0.9, ()), ("asr", "true", 0.8, ()), ("asr", "true", 0.4, ()), ("asr", "mismatched", 0.3, ()),
    ("asr", "lyrics", 0.7, ("no_voice",)), ("asr", "lyrics", 0.2, ("lyrics",)), ("asr", "lyrics", 0.5, ()),
    ("asr", "invention", 0.1, ("invention",)),
)  # fmt: skip


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """A collection's labels and a committed shard of its candidates."""
    names = [f"{number:064x}" for number in range(1, len(TEXTS) + 1)]
    labels = [
        {"file": f"videos/{name}.mp4", "texts": [{"kind": kind, "truth": truth}]}
        for name, (kind, truth, _, _) in zip(names, TEXTS, strict=True)
    ]
    (tmp_path / LABELS).write_text("".join(json.dumps(label) + "\n" for label in labels))
    videos = [
        MeasuredVideo(
            source_id=name[32:], shard="00000", status="measured", video_id=name, path=f"/videos/{name}.mp4", duration_ms=5000,
            license_code="CC0-1.0",
        )
        for name in names
    ]  # fmt: skip
    masked = [score if truth != "lyrics" else 0.0 for _, truth, score, _ in TEXTS]      # lyrics are read off the screen
    candidates = [
        CandidateRow(
            pair_id=f"{name}_0", video_id=name, source_id=name[32:], shard="00000", kind=kind, start_ms=0, end_ms=5000,
            text=chr(0x4E00 + 9 * place) * 6, language="zh", characters=6, flags=flags, keyframes=1, relevance_mean=score,
            relevance_max=score, relevance_top3=score, masked_mean=masked[place], masked_max=score, masked_top3=score,
        )
        for place, (name, (kind, _, score, flags)) in enumerate(zip(names, TEXTS, strict=True))
    ]  # fmt: skip
    shard = tmp_path / MEASURED / "00000"
    shard.mkdir(parents=True)
    write_tables(shard, {name: [] for name in TABLES} | {"videos": videos, "candidates": candidates})
    append_commit(tmp_path, Commit(
        shard="00000", version=1, directory="00000", stages_key="drawn", rows=len(videos), measured=len(videos), failed=0,
        candidates=len(candidates),
    ))  # fmt: skip
    return tmp_path


def test_the_area_under_the_curve_is_the_share_of_ordered_pairs() -> None:
    random = np.random.default_rng(0)
    right, wrong = random.integers(0, 9, 40) / 1.0, random.integers(0, 7, 30) / 1.0
    slow = np.mean([(a > b) + (a == b) / 2 for a in right for b in wrong]) * 100
    assert auc(right, wrong) == pytest.approx(slow)
    assert np.isnan(auc(right, wrong[:0]))


def test_a_share_of_nothing_is_known_as_nothing() -> None:
    assert (share_of(0, 0).low, share_of(0, 0).high) == (0, 100)
    assert share_of(5, 10).percent == 50


def test_precision_and_recall_are_those_of_the_labels(corpus: Path) -> None:
    rows = {(row["score"], row.get("share")): row for row in filter_figures(read_labelled(corpus, corpus))}
    everything, most = rows["masked_top3", 1.0], rows["masked_top3", 0.56]
    assert everything["kept"] == 8
    assert everything["precision"]["percent"] == pytest.approx(37.5)    # type: ignore[index]
    assert most["kept"] == 5        # the scores from 0.4 up
    assert most["precision"]["percent"] == pytest.approx(60)    # type: ignore[index]
    assert most["recall"]["percent"] == pytest.approx(100)      # type: ignore[index]
    assert rows["masked_top3", None]["auc_lyrics"] == pytest.approx(100 * 7 / 9, abs=0.01)


def test_what_covering_text_adds_is_the_difference_on_the_same_candidates(corpus: Path) -> None:
    rows = {row["score"]: row for row in masking_figures(read_labelled(corpus, corpus), draws=200)}
    # plain: of 15 pairs of a true and a wrong one 13 stand in order; covered: lyrics fall behind all, so all do
    assert rows["masked_mean"]["auc_gain"]["points"] == pytest.approx(100 * 2 / 15, abs=0.01)      # type: ignore[index]
    assert rows["masked_mean"]["auc_gain"]["low"] >= 0          # type: ignore[index]
    assert rows["masked_mean"]["precision_gain"]["points"] == 25        # type: ignore[index]  # of the four best, three for two
    assert rows["masked_max"]["auc_gain"] == {"points": 0, "low": 0, "high": 0}


def test_videos_are_drawn_as_wholes() -> None:
    video = np.array([7, 3, 7, 5, 7, 3])
    for places in draws_of_videos(video, 50):
        drawn = video[places]
        times = [int((drawn == one).sum()) / int((video == one).sum()) for one in (3, 5, 7)]
        assert sum(times) == 3
        assert all(time == int(time) for time in times)
        assert len(set(places[drawn == 7])) in (0, 3)


def test_each_net_is_reported_alone_and_with_the_other(corpus: Path) -> None:
    rows = {(row["net"], row["share"]): row["lyrics"] for row in leak_figures(read_labelled(corpus, corpus))}
    assert rows["none", 1.0] == 3
    assert rows["rule no_voice", 1.0] == rows["rule lyrics", 1.0] == 2
    assert rows["rules", 1.0] == 1
    assert rows["relevance", 0.56] == 2         # those of 0.7 and 0.5
    assert rows["rules and relevance", 0.56] == 1       # of five that the rules leave, the three best


def test_a_run_counts_only_for_its_corpus_and_settings(tmp_path: Path) -> None:
    results = tmp_path / "runs.jsonl"
    for corpus_digest in ("one", "two"):
        settings = settings_of(arm("raw"), corpus_digest)
        append_finished(results, Finished(row="raw", seed=0, settings=settings, figures={"tuned.r_sum": 1.0}))
    assert finished_runs(results, "one")["raw"] == {0: {"tuned.r_sum": 1.0}}
    assert finished_runs(results, "three")["raw"] == {}
    assert len({settings_of(one, "one") for one in ARMS}) == len(ARMS)


def test_the_gain_over_the_raw_corpus_is_paired_by_seed(tmp_path: Path) -> None:
    results = tmp_path / "runs.jsonl"
    for name, seed, value in (("raw", 0, 10.0), ("raw", 1, 20.0), ("filtered 78%", 1, 26.0)):
        figures = {"zero.r_sum": value, "tuned.r_sum": value, "tuned.text_to_video.r1": 1.0}
        append_finished(results, Finished(row=name, seed=seed, settings="x", figures=figures))
    line = next(line for line in tables_of(tmp_path / "filter.jsonl", results).splitlines() if "filtered" in line)
    assert line.split(" | ")[5:] == ["6.0", "6.0 |"]
