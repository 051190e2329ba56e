"""A writer killed at random moments breaks no promise; a library that lost something is noticed."""

from __future__ import annotations

import subprocess
import sys

from benchmarks import library_kills as kills
from retrieval.library import Library, snapshots


def test_kills_break_no_promise():
    """In a process of its own: a fork of one in which threads of OpenMP run can hang."""
    answer = subprocess.run(
        [sys.executable, "-m", "benchmarks.library_kills", "--rounds", "6", "--seed", "4"], capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "6 kills" in answer.stdout
    assert " 0 broken promises" in answer.stdout


def test_a_lost_video_and_one_that_came_back_are_noticed(tmp_path):
    promised = kills.Promised()
    with Library.open(tmp_path / "library", write=True, create=True) as library:
        kills.put(library, 1, 1, 0)
        kills.put(library, 2, 2, 0)
    for line in ("begin put 1,1", "done put 0", "begin put 3,5", "done put 0", "begin remove 2,-1", "done remove 0"):
        promised.hear(line)
    broken = kills.examine(tmp_path / "library", promised)
    assert [sentence[:7] for sentence in broken] == ["video 2", "video 3"]


def test_only_the_write_under_way_may_have_happened_or_not(tmp_path):
    promised = kills.Promised()
    with Library.open(tmp_path / "library", write=True, create=True) as library:
        kills.put(library, 1, 4, 0)
    for line in ("begin put 1,3", "done put 0", "begin put 1,4"):
        promised.hear(line)
    assert [state.versions[1] for state in promised.library_states()] == [3, 4]
    assert kills.examine(tmp_path / "library", promised) == []
    assert promised.library.versions[1] == 4


def test_a_restore_under_way_happened_as_a_whole_or_not_at_all(tmp_path):
    lines = [f"begin put {number},{version}\ndone put 0" for number, version in ((1, 1), (2, 2))]
    lines += ["begin snapshot 0,0\ndone snapshot 0"]
    lines += [f"begin put {number},{version}\ndone put 0" for number, version in ((1, 3), (3, 4))]
    lines += ["begin restore 0,0"]
    states = {"before": {1: 3, 2: 2, 3: 4}, "after": {1: 1, 2: 2}, "mixed": {1: 1, 2: 2, 3: 4}, "lost": {2: 2}}
    wrong = {}
    with Library.open(tmp_path / "snapshotted", write=True, create=True) as library:
        kills.put(library, 1, 1, 0)
        kills.put(library, 2, 2, 0)
    for name, versions in states.items():
        promised = kills.Promised()
        with Library.open(tmp_path / name / "library", write=True, create=True) as library:
            for number, version in versions.items():
                kills.put(library, number, version, 0)
        snapshots.take(tmp_path / "snapshotted", tmp_path / name / "snapshot")
        for line in "\n".join(lines).splitlines():
            promised.hear(line)
        wrong[name] = [sentence[:7] for sentence in kills.examine(tmp_path / name / "library", promised)]
    assert wrong == {"before": [], "after": [], "mixed": ["video 1"], "lost": ["video 1"]}
