"""The benchmark of a distilled text tower: what its exit code says."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from benchmarks import distilled_text
from retrieval.encoders.loading import read_generation
from retrieval.model import ClipVectors, load_dual_encoder, save_dual_encoder
from serving.demo.unseen import MODEL

THE_SAME = ClipVectors(encoder=read_generation(str(MODEL)).encoder, revision=read_generation(str(MODEL)).revision)


@pytest.fixture
def code_for(monkeypatch, tmp_path):
    """The command's exit code for a taught model that lies in this folder."""

    def code(taught: Path) -> int:
        monkeypatch.setattr(distilled_text, "trained", lambda *arguments, **settings: taught)
        monkeypatch.setattr(distilled_text, "_TIMED", 2)
        monkeypatch.setattr(sys, "argv", ["distilled_text", "--directory", str(tmp_path), "--clips", "12"])
        return distilled_text.main()

    return code


def test_a_tower_that_loses_nothing_is_good_and_one_that_loses_more_than_a_point_ends_with_1(code_for, tmp_path, capsys):
    assert code_for(MODEL) == 0
    model = load_dual_encoder(MODEL)
    with torch.no_grad():
        model.towers.text_projection.weight.neg_()
    save_dual_encoder(model, tmp_path / "worse", files_from=MODEL, clip_vectors=THE_SAME)
    assert code_for(tmp_path / "worse") == 1
    said = capsys.readouterr().err
    assert "points of R@1 to its teacher, more than 1." in said
    assert "clip vectors" not in said
    assert [distilled_text.verdict(lost, same_clip_vectors=True) for lost in (-1.0, 1.0, 1.01)] == [0, 0, 1]


def test_a_model_with_clip_vectors_of_its_own_ends_with_1_however_good_its_texts_are(code_for, tmp_path, capsys):
    model = load_dual_encoder(MODEL)
    with torch.no_grad():
        model.towers.visual_projection.weight.neg_()
    save_dual_encoder(model, tmp_path / "others", files_from=MODEL)
    assert code_for(tmp_path / "others") == 1
    said = capsys.readouterr()
    assert said.err == "The taught model has other clip vectors than its teacher: it does not go with the teacher's library.\n"
    assert "clip vectors of the teacher's library: OTHERS" in said.out
