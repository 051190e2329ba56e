"""One flipped byte anywhere in a library is named, unless nothing that is stored has changed by it."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import flips
from retrieval.library import checks


def test_flipped_bytes_are_named_or_changed_nothing(tmp_path: Path) -> None:
    outcomes, wrong = flips.run(tmp_path / "library", flips=40, seed=11)
    assert wrong == []
    assert {outcome.split(":")[0] for outcome in outcomes} == {"database", "frames", "segments"}
    assert sum(count for outcome, count in outcomes.items() if outcome.endswith(flips.NAMED)) >= 15


def test_a_check_that_overlooks_damage_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "check", lambda database: [])
    _, wrong = flips.run(tmp_path / "library", flips=25, seed=11)
    assert wrong
