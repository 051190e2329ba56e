"""The evaluator's benchmark measures every path and says when a target is missed."""

from __future__ import annotations

import pytest

from benchmarks.evaluator import KINDS, evaluated, measure, scores


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "tensor" not in kind])
def test_a_kind_is_kept_or_missed_by_time_and_by_memory(kind, capsys):
    assert measure(kind, 40, 0, most_seconds=60, most_bytes=1e12)
    assert "MISSED" not in capsys.readouterr().out
    assert not measure(kind, 40, 0, most_seconds=-1, most_bytes=1e12)
    assert capsys.readouterr().out.endswith("MISSED\n")
    assert not measure(kind, 40, 0, most_seconds=60, most_bytes=40 * 40)


def test_the_paths_are_those_that_they_are_called():
    _, graded = evaluated("graded float32", scores("graded float32", 40, 0))
    assert graded is not None
    assert len(graded.ndcg) == 40
    plain, _ = evaluated("float32", scores("float32", 40, 0))
    soft, _ = evaluated("dual softmax of float32", scores("float32", 40, 0))
    assert (plain.text_to_video.mean_rank, plain.video_to_text.mean_rank) != (
        soft.text_to_video.mean_rank, soft.video_to_text.mean_rank
    )  # fmt: skip
