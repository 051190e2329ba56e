"""The audit: which pairs a person sees, and what the answers say about all of them."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from data_pipeline.audit import sampling
from data_pipeline.audit.precision import Answer, findings, wilson
from data_pipeline.audit.sampling import Drawn
from data_pipeline.audit.sheet import read_sheet, write_sheet
from data_pipeline.building.settings import BuildSettings, save_settings
from data_pipeline.corpus.measured import DecisionRow
from data_pipeline.corpus.tables import write_table
from data_pipeline.selection.settings import SelectionSettings
from retrieval.errors import InputError
from serving.cli.main import app
from tests.data_pipeline.export.finished_corpus import title_of, write_videos
from tests.data_pipeline.export.measured_corpus import candidate, write_measured


def scored(directory: Path, scores: list[float | None], *, texts: list[str] | None = None) -> Path:
    """A corpus of one video with a candidate for each score."""
    rows = [
        candidate("ab" * 32, number, text=texts[number] if texts else f"文{number}", relevance_top3=score)
        for number, score in enumerate(scores)
    ]
    write_measured(directory, candidates=rows)
    return directory


def selecting_by(corpus: Path, score: str) -> Path:
    save_settings(corpus, BuildSettings(selection=SelectionSettings(score=score)))
    return corpus


def command(corpus: Path, *arguments: str):
    return CliRunner().invoke(app, ["corpus", "audit", str(corpus), *arguments], catch_exceptions=False)


def draw(corpus: Path, count: int, *, score: str = "relevance_top3", seed: int = 0) -> list[Drawn]:
    return sampling.draw(corpus, count, score=score, seed=seed)


def answers(*groups: tuple[float, int, int, int]) -> list[Answer]:
    """(score, stratum_rows, fitting, not fitting) of each stratum."""
    return [
        Answer(score=score, kept=True, stratum=number, stratum_rows=rows, fits=fits)
        for number, (score, rows, good, bad) in enumerate(groups) for fits in [True] * good + [False] * bad
    ]


def test_every_tenth_of_the_scores_gives_as_many_pairs_and_the_same_ones_again(tmp_path):
    scores = np.random.default_rng(0).permutation(400) / 400
    corpus = scored(tmp_path, list(map(float, scores)))
    drawn = draw(corpus, 50)
    assert [one.candidate.pair_id for one in draw(corpus, 50)] == [one.candidate.pair_id for one in drawn]
    assert {one.candidate.pair_id for one in draw(corpus, 50, seed=1)} != {one.candidate.pair_id for one in drawn}
    assert sorted(one.stratum for one in drawn) == sorted(list(range(10)) * 5)
    for one in drawn:
        assert one.stratum == int(one.score * 10 + 1e-6)
        assert one.stratum_rows == 40


def test_a_small_corpus_gives_all_it_has(tmp_path):
    drawn = draw(scored(tmp_path, [0.1, 0.2, 0.3, None]), 200)
    assert sorted(one.score for one in drawn) == pytest.approx([0.1, 0.2, 0.3])
    assert [one.stratum_rows for one in drawn] == [1, 1, 1]


def test_pairs_are_drawn_from_those_that_the_score_decides_about(tmp_path):
    corpus = scored(tmp_path, [0.1, 0.2, 0.3, 0.4])
    reasons = ["relevance", "lyrics", "", "duplicate_text"]
    write_table(corpus / "decisions.parquet", [
        DecisionRow(
            pair_id=f"abababababababab_{n:06d}", keep=not reason, reason=reason, split="train", text_cluster="",
            video_cluster="",
        )
        for n, reason in enumerate(reasons)
    ], DecisionRow)  # fmt: skip
    assert {(round(one.score, 1), one.kept) for one in draw(corpus, 9)} == {(0.1, False), (0.3, True)}


def test_without_a_score_the_reason_is_told(tmp_path):
    with pytest.raises(InputError, match="has the score"):
        draw(scored(tmp_path, [None]), 9)
    with pytest.raises(InputError, match="no score"):
        draw(tmp_path, 9, score="text")


def test_the_interval_is_that_of_wilson():
    # 10 of 10, and half of 20: values of the closed form
    z2 = 1.959963984540054**2
    assert wilson(1.0, 10) == pytest.approx((10 / (10 + z2), 1.0))
    assert wilson(0.5, 20) == pytest.approx((0.29929, 0.70070), abs=1e-4)
    assert wilson(0.0, 0) == (0.0, 1.0)


def test_answers_are_weighted_back_to_the_corpus():
    found = findings(answers((0.1, 900, 5, 15), (0.9, 100, 20, 0)), wanted=0.9)
    weights = np.array([45.0] * 20 + [5.0] * 20)
    fits = np.array([1] * 5 + [0] * 15 + [1] * 20)
    assert found.everything.precision == pytest.approx((weights * fits).sum() / weights.sum()) == pytest.approx(0.325)
    assert found.everything.effective == pytest.approx(weights.sum() ** 2 / (weights**2).sum())
    top = found.above[-1]
    assert (top.threshold, top.precision, top.share, top.answered) == (0.9, 1.0, pytest.approx(0.1), 20)
    assert found.reached is top
    assert found.sure is None       # 20 of 20 has an interval from 84 %
    assert findings(answers((0.1, 900, 5, 15), (0.9, 100, 40, 0)), wanted=0.9).sure.threshold == 0.9


def test_the_interval_covers_the_truth_as_often_as_it_says():
    """A corpus of which every pair is known, sampled and judged many times."""
    random = np.random.default_rng(7)
    score = np.sort(random.uniform(size=5000))
    fits = random.uniform(size=5000) < score
    truth, covered = fits.mean(), 0
    for _ in range(200):
        judged = [
            Answer(score=float(score[i]), kept=True, stratum=int(s), stratum_rows=len(part), fits=bool(fits[i]))
            for s, part in enumerate(np.array_split(np.arange(5000), 10)) for i in random.choice(part, 20, replace=False)
        ]
        one = findings(judged, wanted=0.9).everything
        covered += one.low <= truth <= one.high
    assert covered / 200 >= 0.93


def test_what_could_not_be_decided_counts_as_not_asked():
    given = [*answers((0.5, 100, 10, 0)), Answer(score=0.5, kept=True, stratum=0, stratum_rows=100, fits=None)]
    assert (findings(given, wanted=0.5).everything.precision, findings(given, wanted=0.5).undecided) == (1.0, 1)
    with pytest.raises(InputError, match="No pair has been judged"):
        findings(given[-1:], wanted=0.5)


def test_a_sheet_comes_back_from_a_spreadsheet_with_its_answers(tmp_path):
    corpus = scored(tmp_path, [-0.1, 0.2, 0.3, 0.4], texts=['=1+1,"x"', "二\n行", "三", "四"])
    drawn = sorted(draw(corpus, 4), key=lambda one: one.score)
    sheet = tmp_path / "audit.csv"
    write_sheet(sheet, drawn)
    assert read_sheet(sheet) == []
    rows = list(csv.DictReader(io.StringIO(sheet.read_text(encoding="utf-8-sig"), newline="")))
    assert [row["text"] for row in rows] == ['\'=1+1,"x"', "二\n行", "三", "四"]
    filled = io.StringIO(newline="")
    writer = csv.DictWriter(filled, rows[0].keys())
    writer.writeheader()
    writer.writerows({**row, "verdict": verdict} for row, verdict in zip(rows, ["是", "N", "？", ""], strict=True))
    sheet.write_text(filled.getvalue(), encoding="gb18030")
    found = read_sheet(sheet)
    assert [answer.fits for answer in found] == [True, False, None]
    assert [answer.score for answer in found] == pytest.approx([-0.1, 0.2, 0.3], abs=1e-6)


@pytest.mark.parametrize(("line", "words"), [
    ("p,maybe,0.5,y,0,10", "none of y, n"), ("p,y,high,y,0,10", "no number"),
    ("p,y,0.5,y,0,10\np,n,0.5,y,0,10", "judges p again"),
])  # fmt: skip
def test_a_sheet_with_a_wrong_cell_is_refused_with_its_line(tmp_path, line, words):
    (tmp_path / "a.csv").write_text(f"pair_id,verdict,score,kept,stratum,stratum_rows\n{line}\n")
    with pytest.raises(InputError, match=words):
        read_sheet(tmp_path / "a.csv")


def test_the_command_writes_a_page_that_needs_nothing_else_and_reads_the_sheet_back(tmp_path):
    paths = write_videos(tmp_path / "videos", 2)
    corpus = selecting_by(write_measured(tmp_path / "corpus", paths=paths), "relevance_top3")
    run = partial(command, corpus)
    assert run("-n", "3").stdout.startswith("3 pairs to look at")
    page = (corpus / "audit.html").read_text()
    assert re.findall(r'(?:src|href)="(?!data:)[^"]*"|https?://', page) == []
    data = json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL).group(1))
    assert {len(row["pictures"]) for row in data["rows"]} == {4}
    assert all(row["pictures"][0].startswith("data:image/jpeg;base64,") for row in data["rows"])
    assert title_of(0) in page
    sheet = corpus / "audit.csv"
    sheet.write_text(re.sub(r"(?m)^([0-9a-f]{16}_\d+),", r"\1,y", sheet.read_text(encoding="utf-8-sig")))
    answer = json.loads(run("--read", str(sheet), "--json").stdout)
    assert (answer["everything"]["precision"], answer["everything"]["answered"]) == (1.0, 3)
    assert "3 pairs judged" in run("--read", str(sheet)).stdout
    with pytest.raises(InputError, match="holds verdicts already"):
        run("-n", "3")


def two_scores(directory: Path, count: int = 20) -> Path:
    """A corpus in which a high score of one name is a low one of the other."""
    write_measured(directory, candidates=[
        candidate("ab" * 32, number, relevance_top3=number / 100, masked_top3=0.9 - number / 100) for number in range(count)
    ])
    return directory


@pytest.mark.parametrize("score", ["masked_top3", "relevance_top3"])
def test_a_sample_is_drawn_and_thresholds_are_told_by_the_score_that_selects(tmp_path, score):
    corpus = selecting_by(two_scores(tmp_path), score)
    assert json.loads(command(corpus, "--json").stdout)["score"] == score
    sheet = corpus / "audit.csv"
    rows = list(csv.DictReader(io.StringIO(sheet.read_text(encoding="utf-8-sig"), newline="")))
    assert {row["score_name"] for row in rows} == {score}
    assert max(float(row["score"]) for row in rows) == pytest.approx(0.9 if score == "masked_top3" else 0.19)
    sheet.write_text(re.sub(r"(?m)^([0-9a-f]{16}_\d+),", r"\1,y", sheet.read_text(encoding="utf-8-sig")))
    said = command(corpus, "--read", str(sheet)).stdout
    assert f"  threshold for {score}  precision" in said
    assert re.search(rf"A precision of 90% is reached from a threshold of 0\.\d{{4}} for {score}: ", said)
    assert json.loads(command(corpus, "--read", str(sheet), "--json").stdout)["score"] == score


def test_another_score_can_be_asked_for_and_is_named(tmp_path):
    corpus = selecting_by(two_scores(tmp_path), "masked_top3")
    assert "spread over relevance_top3" in command(corpus, "--score", "relevance_top3").stdout


def test_where_no_score_is_known_or_no_pair_has_it_that_is_told(tmp_path):
    corpus = two_scores(tmp_path)
    with pytest.raises(InputError, match="is not known, so name one with --score"):
        command(corpus)
    with pytest.raises(InputError, match=r"No pair of .* has the score masked_mean: build it with a relevance model, or draw by"):
        command(selecting_by(corpus, "masked_mean"))


def test_a_sheet_of_before_scores_had_names_is_read_and_two_names_are_refused(tmp_path):
    sheet = tmp_path / "a.csv"
    sheet.write_text("pair_id,verdict,score,kept,stratum,stratum_rows\np,y,0.5,y,0,10\n")
    assert findings(read_sheet(sheet), wanted=0.9).score is None
    mixed = [replace(answer, score_name=name) for answer in answers((0.5, 9, 1, 0)) for name in ("masked_top3", "masked_max")]
    with pytest.raises(InputError, match="several scores"):
        findings(mixed, wanted=0.9)


def test_a_text_cannot_leave_its_place_in_the_page(tmp_path):
    scored(tmp_path, [0.5], texts=["</script><script>alert(1)</script>"])
    shown = command(tmp_path, "--score", "relevance_top3", "--json")
    assert len(json.loads(shown.stdout)["problems"]) == 1
    assert "</script><script>alert" not in (tmp_path / "audit.html").read_text()
    assert not math.isnan(draw(tmp_path, 1)[0].score)
