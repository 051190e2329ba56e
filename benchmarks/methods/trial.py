"""One trial of a row with other weights, judged by the validation split alone: how the rows' weights were chosen.

    python -m benchmarks.methods.trial --row VTM --set objective.matching.weight=0.3 --world DIR [--results FILE]

At most five trials a method; every trial is a line of the results file. A trial of this command has the seed 0 and
leaves all figures. The last four lines, InfoNCE at two other learning rates, were not done by it: they ran on a GPU,
with the seeds that their changes name, and only their R@sum was kept.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import torch

from benchmarks.methods.rows import SCALES, SMALL, recipe, row
from training.trainer import train

_RESULTS = Path(__file__).parent / "trials.jsonl"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--row", required=True)
    parser.add_argument("--set", action="append", default=[], dest="changes", metavar="A.B=VALUE")
    parser.add_argument("--world", type=Path, required=True)
    parser.add_argument("--scale", choices=tuple(SCALES), default=SMALL.name)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--results", type=Path, default=_RESULTS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    asked = row(options.row)
    changed = replace(asked, changes=(*asked.changes, *options.changes))
    settings = recipe(changed, seed=0, world=options.world, scale=SCALES[options.scale])
    with tempfile.TemporaryDirectory() as folder:
        report = train(settings, Path(folder), device=options.device)
    if not report.finished:
        return 130
    figures = {name: round(value, 3) for name, value in report.progress.validation.items()}
    line = {"row": asked.name, "scale": options.scale, "changes": options.changes, "validation": figures}
    with options.results.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line, ensure_ascii=False) + "\n")
    print(json.dumps(line, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
