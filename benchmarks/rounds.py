"""What the benchmarks of damage and kills have in common: rounds, what was wrong in any of them, one line at the end."""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

Found = tuple[Counter[str], list[str]]      # how much was done, or came out, of each kind; every wrong thing in a sentence


def arguments(doc: str | None, *, name: str = "rounds", default: int) -> argparse.ArgumentParser:
    """A parser that knows the number of rounds and the seed."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--seed", type=int, default=0)
    return parser


def repeated(one_round: Callable[[int], list[str]], *, rounds: int, to_the_end: bool = True) -> list[str]:
    """What was wrong in any round, by its number; without `to_the_end` the first that finds something is the last."""
    wrong: list[str] = []
    for number in range(rounds):
        wrong += [f"round {number}: {sentence}" for sentence in one_round(number)]
        if wrong and not to_the_end:
            break
    return wrong


def reported(work: Callable[[Path], Found], *, what: str, wrong_are: str) -> int:
    """Do the work in a directory of its own and print what it found; the exit status, 1 when something was wrong."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        counts, wrong = work(Path(scratch))
    for kind, count in counts.most_common():
        print(f"{count:6} {kind}")
    for sentence in wrong:
        print(sentence)
    print(f"{what}, {counts.total()} outcomes, {len(wrong)} {wrong_are}, {time.monotonic() - began:.0f} s")
    return 1 if wrong or not counts else 0


def whole_lines(text: str) -> list[str]:
    """The lines that were written to their end by somebody who was killed."""
    return [line[:-1] for line in text.splitlines(keepends=True) if line.endswith("\n")]
