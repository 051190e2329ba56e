"""The memory of a build with real engines is held against what the engines themselves hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import corpus_memory
from benchmarks.corpus_memory import Peak
from tests.data_pipeline.building.stand_ins import make_stages

pytest.importorskip("pyarrow", reason="tables need pyarrow")

_MIB = 1 << 20


def _peak(*, here: int, workers: int) -> Peak:
    peak = Peak()
    peak.before, peak.most_here, peak.most_workers = 100 * _MIB, here * _MIB, workers * _MIB
    return peak


@pytest.mark.parametrize(("first", "wrong"), [(3000, 0), (900, 1)])
def test_engines_may_be_large_but_videos_may_not_add_to_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: int, wrong: int
) -> None:
    peaks = iter([_peak(here=150, workers=first), _peak(here=200, workers=3100)])
    monkeypatch.setattr(corpus_memory, "_peak", lambda *_: next(peaks))
    counts, told = corpus_memory.run_with_engines(tmp_path, videos=1)
    assert counts["MiB in the worker at most"] == 3100
    assert len(told) == wrong


def test_the_few_are_measured_apart_from_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr(corpus_memory, "default_stages", make_stages)
    monkeypatch.setattr(corpus_memory, "_FIRST", 1)
    assert corpus_memory.run_with_engines(tmp_path, videos=2)[1] == []
    told = capsys.readouterr().out
    assert "1 of 1 videos measured" in told
    assert "2 of 2 videos measured" in told
