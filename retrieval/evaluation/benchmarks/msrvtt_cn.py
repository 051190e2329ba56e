"""MSR-VTT-CN: the videos of MSR-VTT with captions in Chinese, written anew for the test and translated for training."""

from __future__ import annotations

import json
from pathlib import Path

from retrieval.evaluation.benchmarks.benchmark import Benchmark, Split
from retrieval.evaluation.benchmarks.captions import caption_benchmark, left_out_lines
from retrieval.evaluation.benchmarks.files import find_file, need_file, read_lines
from retrieval.evaluation.benchmarks.msrvtt import TEST_CSV, read_msrvtt

_FILES = {
    "train": ("msrvtt10kcntrain_google_enc2zh.caption.txt", "CN_MSRVTT_RET_train.jsonl"),
    "validation": ("msrvtt10kcnval_zh.caption.txt",),
    "test": ("msrvtt10kcntest_zh.caption.txt", "CN_MSRVTT_RET_test.jsonl"),
}
_LAYOUT = {".txt": "a caption's id, such as video7020#zh#0, a blank and a caption", ".jsonl": "a row with clip_name and caption"}


def read_msrvtt_cn(directory: Path, *, split: Split = "test", videos: Path | None = None) -> Benchmark:
    """Every Chinese caption asks for its video; the gallery is the videos that the file names.

    Two layouts, by the file that is there. NRCCR: `msrvtt10kcn{train_google_enc2zh,val_zh,test_zh}.caption.txt`, a line
    `video7020#zh#0 caption`; training captions are machine translations. CNVid: `CN_MSRVTT_RET_{train,test}.jsonl`, rows
    {clip_name, caption}, all machine translations; these files were announced and never released.
    The split is to be MSR-VTT's. Where `MSRVTT_JSFUSION_test.csv` lies beside, the test videos are compared with 1k-A's and
    the protocol says whether they are the same; no public source says which split the published figures are of.
    Source: the loaders of LiJiaBei-7/nrccr, which name files and lines, and of AntMMF's cnvid_vtp. Lines of another shape
    are left out and counted in a notice. Raises InputError for a missing file or when no line can be read.
    """
    file = need_file(directory, _FILES[split], purpose=f"MSR-VTT-CN {split}")
    lines = read_lines(file)
    texts: dict[str, list[str]] = {}
    wrong = []
    for number, line in lines:
        found = _row(line) if file.suffix == ".jsonl" else _line(line)
        if found is None:
            wrong.append(number)
        else:
            texts.setdefault(found[0], []).append(found[1])
    notices = left_out_lines(file, wrong, len(lines), _LAYOUT[file.suffix])
    same = _as_1k_a(directory, set(texts)) if split == "test" else None
    return caption_benchmark(
        f"MSR-VTT-CN {split}, {file.name}" + {None: "", True: ", the videos of 1k-A", False: ", not the videos of 1k-A"}[same],
        texts,
        folder=videos or directory,
        notices=notices,
    )


def _as_1k_a(directory: Path, ids: set[str]) -> bool | None:
    if find_file(directory, (TEST_CSV,)) is None:
        return None
    return ids == set(read_msrvtt(directory).video_ids)


def _line(line: str) -> tuple[str, str] | None:
    name, _, caption = line.partition(" ")
    video, mark, _ = name.partition("#")
    return (video, caption.strip()) if video and mark and caption.strip() else None


def _row(line: str) -> tuple[str, str] | None:
    try:
        row = json.loads(line)
        video, caption = Path(row["clip_name"]).stem, row["caption"].strip()
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return (video, caption) if video and caption else None
