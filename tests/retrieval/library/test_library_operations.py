"""Random operations leave a library that answers as plain dictionaries do."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import operations
from retrieval.library import Library, words


@pytest.mark.parametrize(("pool", "seed"), [(12, 1), (100, 2)])
def test_every_answer_is_that_of_the_model(tmp_path: Path, pool: int, seed: int) -> None:
    done = operations.run(tmp_path, operations=300, seed=seed, pool=pool)
    assert done.total() == 300
    assert len(done) > 10
    assert operations.MOST_FRESH != words.MOST_FRESH


@pytest.mark.parametrize("broken", ["put_location", "remove", "activate", "clips"])
def test_a_lost_write_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    monkeypatch.setattr(Library, broken, lambda self, *_, **__: [] if broken == "clips" else None)
    with pytest.raises(operations.Difference, match="seed 1, operation"):
        operations.run(tmp_path, operations=2000, seed=1, pool=20)
