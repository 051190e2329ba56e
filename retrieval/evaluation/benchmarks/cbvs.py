"""CBVS-20K: queries of a search engine and covers of short videos, judged by people as 0, 1 or 2."""

from __future__ import annotations

from pathlib import Path

from retrieval.evaluation.benchmarks.benchmark import Benchmark, BenchmarkQuery, Grading
from retrieval.evaluation.benchmarks.captions import left_out_lines
from retrieval.evaluation.benchmarks.files import PICTURE_SUFFIXES, VIDEO_SUFFIXES, locate_videos, need_file, read_lines

FILE = "cbvs20k.txt"
_LAYOUT = "a query, a cover, its address and a grade with tabs between them"
_GRADES = frozenset("012")


def read_cbvs(directory: Path, *, videos: Path | None = None) -> Benchmark:
    """Every query ranks the covers that were judged for it: the positive-negative ratio, and nDCG of gains 2^grade - 1.

    `cbvs20k.txt` has a line a judged pair: query, cover, address of its picture, grade, with tabs between them. videos:
    the folder of the pictures, fetched from those addresses and named by the cover, such as `70001002_d3349orxhl9.jpg`.
    A pair that is there twice counts once, by its last grade. A query whose covers all have one grade orders nothing and
    is left out, as the published code leaves it out of nDCG. Both are counted in notices, and so are lines of another shape.
    Published as well, but not what this measures: MAP, for which only grade 2 is relevant there, and R@k, whose gallery no
    public source describes (here: all covers, every grade above 0 relevant).
    Source: `cbvs20k.txt` and `uniclip/eval` of the authors' repository, QQBrowserVideoSearch/CBVS-UniCLIP.
    Raises InputError for a missing file or when no line can be read.
    """
    file = need_file(directory, (FILE,), purpose="CBVS-20K")
    lines = read_lines(file)
    judged: dict[str, dict[str, float]] = {}
    wrong, pairs = [], 0
    for number, line in lines:
        cells = [cell.strip() for cell in line.split("\t")]
        if len(cells) == 4 and cells[0] and cells[1] and cells[3] in _GRADES:
            judged.setdefault(cells[0], {})[cells[1]] = float(cells[3])
            pairs += 1
        else:
            wrong.append(number)
    notices = left_out_lines(file, wrong, len(lines), _LAYOUT)
    ordered = {query: grades for query, grades in judged.items() if len(set(grades.values())) > 1}
    covers = list(dict.fromkeys(cover for grades in judged.values() for cover in grades))
    return Benchmark(
        protocol="CBVS-20K, judged covers",
        videos=locate_videos(covers, videos or directory, suffixes=PICTURE_SUFFIXES | VIDEO_SUFFIXES),
        queries=tuple(
            BenchmarkQuery(id=str(number), text=query, relevant=grades)
            for number, (query, grades) in enumerate(ordered.items())
        ),
        notices=(*notices, *_counted(judged, pairs=pairs, ordered=len(ordered))),
        grading=Grading(gain="exponential", among="judged"),
    )


def _counted(judged: dict[str, dict[str, float]], *, pairs: int, ordered: int) -> list[str]:
    repeated, level = pairs - sum(map(len, judged.values())), len(judged) - ordered
    said = []
    if repeated:
        said.append(f"{repeated:,} of {pairs:,} judged pairs are there more than once and count once.")
    if level:
        said.append(f"{level:,} of {len(judged):,} queries have covers of one grade alone and are left out.")
    return said
