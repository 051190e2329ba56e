"""`wenshi evaluate` as a person meets it: files in, figures out, one sentence for what cannot be used."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from retrieval.errors import InputError
from retrieval.evaluation import qb_norm, retrieval_metrics
from retrieval.evaluation.postprocessing import QUERY_BANK_TEMPERATURE
from serving.cli.evaluate_model import BANK_TEMPERATURE, read_bank
from serving.cli.main import app


def wenshi(*arguments: object) -> str:
    done = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.fixture
def scores(tmp_path: Path) -> Path:
    np.save(
        tmp_path / "s.npy",
        np.random.default_rng(0).standard_normal((30, 30)).astype(np.float16) + np.eye(30, dtype="f2"),
    )
    return tmp_path / "s.npy"


def figures(output: str, row: int = 0) -> dict[str, float]:
    return json.loads(output)["results"][row]["metrics"]


def test_scores_and_a_diagonal_give_the_figures_of_the_library(scores):
    printed = figures(wenshi("evaluate", "--similarity", scores, "--relevance", "diagonal", "--json"))
    assert printed == retrieval_metrics(np.load(scores)).figures()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("r.json", json.dumps([[query, (query + 1) % 30] for query in range(30)])),
        ("r.jsonl", "".join(f'{{"query": {q}, "relevant": [{q}, {(q + 1) % 30}]}}\n' for q in reversed(range(30)))),
        ("r.jsonl", "".join(f'{{"query": {q}, "relevant": {{"{q}": 1, "{(q + 1) % 30}": 3}}}}\n' for q in range(30))),
    ],
)
def test_judgements_are_read_in_three_forms(scores, tmp_path, name, text):
    (tmp_path / name).write_text(text)
    output = wenshi("evaluate", "--similarity", scores, "--relevance", tmp_path / name, "--json")
    expected = retrieval_metrics(np.load(scores), [{query, (query + 1) % 30} for query in range(30)])
    assert figures(output) == expected.figures()
    assert json.loads(output)["results"][0]["graded"]["metrics"]["ndcg_at_10"] > 0


def test_a_person_reads_a_table(scores):
    printed = wenshi("evaluate", "--similarity", scores, "--relevance", "diagonal", "--dual-softmax", "0.5")
    assert "30 queries, 30 videos" in printed
    assert f"{retrieval_metrics(np.load(scores)).recall_at_1:.1f}" in printed
    assert re.search(r"R@sum both ways, pooled: \d+\.\d of 600   \d+\.\d to \d+\.\d\n", printed)
    assert "pooled+dual_softmax/text_to_video: temperature 0.5; uses all test queries at once" in printed


def test_two_kept_runs_are_compared(scores, tmp_path):
    wenshi("evaluate", "--similarity", scores, "--relevance", "diagonal", "--output", tmp_path / "a")
    np.save(scores, np.load(scores) + 3 * np.eye(30))
    wenshi("evaluate", "--similarity", scores, "--relevance", "diagonal", "--output", tmp_path / "b")

    compared = json.loads(wenshi("evaluate", "compare", tmp_path / "a", tmp_path / "b", "--json"))["figures"]
    assert (compared[0]["row"], compared[0]["figure"]) == ("pooled/text_to_video", "recall_at_1")
    assert compared[0]["test"]["low"] > 0
    assert compared[0]["test"]["p_value"] < 0.01
    assert "p = 0.0" in wenshi("evaluate", "compare", tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "a" / "report.html").is_file()


@pytest.mark.parametrize(
    ("array", "relevance", "message"),
    [
        (np.full((2, 2), np.nan), "diagonal", "NaN for query 0 and item 0"),
        (np.zeros((2, 3)), "diagonal", "as many items as queries"),
        (np.zeros(3), "diagonal", "must be a matrix"),
        (np.array([["a"]]), "diagonal", "real numbers"),
        (np.array([[{}]], dtype=object), "diagonal", "not a NumPy file of numbers"),
        (np.zeros((2, 2)), "nowhere.json", "cannot be read"),
        (np.zeros((2, 2)), "[[0], []]", "query 1 has no relevant item"),
        (np.zeros((2, 2)), "[[0], [7]]", "item 7, but the items are 0 to 1"),
        (np.zeros((2, 2)), "[[0]]", "2 queries, but judgements for 1"),
        (np.zeros((2, 2)), '{"0": [1]}', "must hold a JSON list"),
        (np.zeros((2, 2)), "[0, 1]", "must list item ids"),
        (np.zeros((2, 2)), '[["0"], ["1"]]', "not a set of column ids"),
        (np.zeros((2, 2)), "rows:{}", "line 1, must be"),
        (np.zeros((2, 2)), 'rows:{"query": 2, "relevant": [0]}', "line 1, is for query 2"),
        (np.zeros((2, 2)), 'rows:{"query": 0, "relevant": [0]}', "no row for query 1"),
        (np.zeros((2, 2)), 'rows:{"query": 0, "relevant": [0]}\n{"query": 0, "relevant": [1]}', "second time"),
        (np.zeros((2, 2)), 'rows:{"query": 0, "relevant": {"x": 1}}', "item id that is not a number"),
    ],
)
def test_bad_input_is_one_sentence(tmp_path, array, relevance, message):
    np.save(tmp_path / "s.npy", array)
    if relevance.startswith("rows:"):
        (tmp_path / "r.jsonl").write_text(relevance.removeprefix("rows:"))
        relevance = str(tmp_path / "r.jsonl")
    elif relevance[0] in "[{":
        (tmp_path / "r.json").write_text(relevance)
        relevance = str(tmp_path / "r.json")
    with pytest.raises(InputError, match=message) as refused:
        wenshi("evaluate", "--similarity", tmp_path / "s.npy", "--relevance", relevance)
    assert "\n" not in str(refused.value)


def test_half_of_the_input_is_asked_for(scores):
    with pytest.raises(InputError, match="both needed"):
        wenshi("evaluate", "--similarity", scores)


def test_measuring_scores_loads_no_model_library(scores):
    code = (
        "import sys; from serving.cli.main import app; "
        f"app(['evaluate', '--similarity', {str(scores)!r}, '--relevance', 'diagonal'], standalone_mode=False); "
        "sys.exit('torch' in sys.modules or 'jieba' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--json", "compare", "a", "b"], "--json has no use before `compare`"),
        (["--dual-softmax", "1", "compare", "a", "b"], "--dual-softmax has no use before `compare`"),
        (["--frames", "12", "model", "m", "--benchmark", "b"], "--frames has no use before `model`"),
        (["-o", "x", "--json", "compare", "a", "b"], "--json, --output has no use before `compare`"),
        (["--dual-softmax", "-1", "compare", "a", "b"], "a temperature must be a number above 0, not -1"),
        (["--similarity", "S", "--relevance", "diagonal", "--dual-softmax", "nan"], "above 0, not nan"),
        (["--similarity", "S", "--relevance", "diagonal", "--frames", "12"], "--frames has no use without --benchmark"),
        (["--similarity", "S", "--relevance", "diagonal", "--videos", "."], "--videos has no use without --benchmark"),
    ],
)
def test_an_option_that_would_be_ignored_is_refused(scores, arguments, sentence):
    done = CliRunner().invoke(app, ["evaluate", *(str(scores) if one == "S" else one for one in arguments)])
    assert done.exit_code == 2
    assert sentence in " ".join(done.stderr.replace("│", " ").split())


def test_a_bank_of_scores_gives_a_row_of_its_own_at_its_temperature(scores, tmp_path):
    bank = np.random.default_rng(5).standard_normal((12, 30)).astype(np.float32)
    np.save(tmp_path / "bank.npy", bank)
    arguments = ["evaluate", "--similarity", scores, "--relevance", "diagonal", "--query-bank", tmp_path / "bank.npy", "--json"]
    for temperature, more in ((0.05, []), (0.5, ["--query-bank-temperature", "0.5"])):
        (row,) = json.loads(wenshi(*arguments, *more))["post_processed_results"]
        assert row["note"].startswith(f"12 bank queries, temperature {temperature:g};")
        assert row["metrics"] == retrieval_metrics(qb_norm(np.load(scores), bank, temperature=temperature)).figures()


@pytest.mark.parametrize(
    ("bank", "sentence"),
    [
        (np.zeros((2, 3)), "the bank scores 3 items, but similarity has 30"),
        (np.full((2, 30), np.nan), "in the query bank, similarity is NaN for query 0"),
        (np.full((2, 30), np.inf), "in the query bank, similarity holds infinite"),
    ],
)
def test_a_bank_that_does_not_fit_is_refused(scores, tmp_path, bank, sentence):
    np.save(tmp_path / "bank.npy", bank)
    with pytest.raises(InputError, match=sentence):
        wenshi("evaluate", "--similarity", scores, "--relevance", "diagonal", "--query-bank", tmp_path / "bank.npy")


def test_the_temperature_of_a_bank_is_the_librarys_and_needs_a_bank(scores):
    assert BANK_TEMPERATURE == QUERY_BANK_TEMPERATURE
    measured = (["--similarity", str(scores), "--relevance", "diagonal"], ["model", "m", "--benchmark", "b.jsonl"])
    for arguments in measured:
        done = CliRunner().invoke(app, ["evaluate", *arguments, "--query-bank-temperature", "1"])
        assert done.exit_code == 2
        assert "no use without --query-bank" in " ".join(done.stderr.replace("│", " ").split())


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("\n \n", "is empty"),
        (" 红车 \n绿车\n", "1 of the benchmark's own queries, such as '红车'"),
        (b"\xff\xfe\xff", "not UTF-8"),
    ],
)
def test_a_bank_of_texts_that_cannot_be_used_is_one_sentence(tmp_path, content, sentence):
    path = tmp_path / "bank.txt"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError, match=sentence):
        read_bank(path, asked=["红车"])
