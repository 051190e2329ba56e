"""What each training method is worth: a table over paired seeds on the miniature world with dirt.

    python -m benchmarks.methods [--seeds 5] [--rows NAME,…] [--world DIR] [--results FILE] [--processes 2] [--table-only]
        [--scale small|large] [--device cpu|cuda]

The world is drawn once, and runs in a world that was drawn otherwise (with another font) do not count; every run is a
line of the results file, and a run whose line is there is not done again. Each row is trained with the same seeds:
the same first weights, clips and order. Gains are paired by seed; an interval is a 95 % interval of the mean by
Student's t. The small scale is for a CPU: its committed runs took 2 to 12 minutes of one core's time. The large one,
with models of 12 times the weights, is for a GPU, which several processes share; its runs have a results file of their
own. Printed is the world that has most rows: runs elsewhere, also those of before worlds were told apart, are counted
below the table.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.methods.job import elsewhere, of_rows, read_finished, run_all
from benchmarks.methods.rows import ROWS, SCALES, SMALL, row
from benchmarks.methods.table import table_of
from benchmarks.methods.world import write_world

_RESULTS = {"small": "results.jsonl", "large": "results-large.jsonl"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--rows", help="only these, separated by commas")
    parser.add_argument("--world", type=Path, default=Path("methods-world"))
    parser.add_argument("--results", type=Path, help="beside this code by default, a file a scale")
    parser.add_argument("--scale", choices=tuple(SCALES), default=SMALL.name)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--table-only", action="store_true", help="print what is there")
    options = parser.parse_args()
    rows = ROWS if options.rows is None else tuple(row(name.strip()) for name in options.rows.split(","))
    scale, results = SCALES[options.scale], options.results or Path(__file__).parent / _RESULTS[options.scale]
    if not options.table_only:
        write_world(options.world, workers=options.processes)
        runs = run_all(
            rows, seeds=options.seeds, world=options.world, path=results, processes=options.processes, scale=scale,
            device=options.device,
        )
        for done in runs:
            print(f"{done.row}, seed {done.seed}: R@sum {done.figures['test.r_sum']:.1f}", file=sys.stderr, flush=True)
    finished = read_finished(results)
    print(table_of(ROWS, of_rows(finished, ROWS, scale)))
    left_out = elsewhere(finished, ROWS, scale)
    if left_out:
        print(f"\nNot shown: {left_out}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
