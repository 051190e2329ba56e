"""LSMDC: clips of films with the sentences of their audio descriptions."""

from __future__ import annotations

from pathlib import Path

from retrieval.errors import InputError
from retrieval.evaluation.benchmarks.benchmark import Benchmark, Split
from retrieval.evaluation.benchmarks.captions import caption_benchmark, left_out_lines
from retrieval.evaluation.benchmarks.files import need_file, read_lines

_FILES = {
    "train": "LSMDC16_annos_training.csv",
    "validation": "LSMDC16_annos_val.csv",
    "test": "LSMDC16_challenge_1000_publictect.csv",
}
_LAYOUT = "an id, four times and a sentence with tabs between them"


def read_lsmdc(directory: Path, *, split: Split = "test", videos: Path | None = None) -> Benchmark:
    """The 1,000 test clips with a sentence each, or the training or validation clips, some of which have several.

    Lines are tab-separated without a heading or quoting, whatever `.csv` suggests: clip, start and end aligned, start and
    end extracted, sentence. A quote before a clip's name, which some copies have, is taken off. Lines of another shape are
    left out and counted in a notice. Videos are named by the clip, such as
    `0001_American_Beauty_00.00.51.926-00.00.54.129.avi`, in a folder for each film or not.
    Source: the LSMDC loaders of CLIP4Clip and X-Pool. Raises InputError for a missing file or when no line can be read.
    """
    file = need_file(directory, (_FILES[split],), purpose=f"LSMDC {split}")
    lines = read_lines(file)
    texts: dict[str, list[str]] = {}
    wrong = []
    for number, line in lines:
        cells = [cell.strip() for cell in line.split("\t")]
        if len(cells) == 6 and cells[0] and cells[5]:
            texts.setdefault(cells[0].removeprefix('"'), []).append(cells[5])
        else:
            wrong.append(number)
    if split == "test":
        twice = next((clip for clip, own in texts.items() if len(own) > 1), None)
        if twice is not None:
            raise InputError(f"{file} names {twice} twice: each test clip has one sentence.")
    return caption_benchmark(
        f"LSMDC {split}, 1,000 clips" if split == "test" else f"LSMDC {split}",
        texts,
        folder=videos or directory,
        published=(1000, 1000) if split == "test" else None,
        notices=left_out_lines(file, wrong, len(lines), _LAYOUT),
    )
