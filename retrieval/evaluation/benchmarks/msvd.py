"""MSVD: short clips of YouTube, each with some forty English captions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from retrieval.errors import InputError
from retrieval.evaluation.benchmarks.benchmark import Benchmark, Split
from retrieval.evaluation.benchmarks.captions import caption_benchmark, captions_of
from retrieval.evaluation.benchmarks.files import need_file, read_ids
from retrieval.evaluation.benchmarks.pickles import read_plain_pickle

Captions = Literal["all", "first"]
CAPTIONS = "raw-captions.pkl"
_LISTS = {"train": "train_list.txt", "validation": "val_list.txt", "test": "test_list.txt"}
_PUBLISHED = {"all": (670, 27763), "first": (670, 670)}


def read_msvd(
    directory: Path, *, captions: Captions = "all", split: Split = "test", videos: Path | None = None
) -> Benchmark:
    """MSVD from `train_list.txt`, `val_list.txt`, `test_list.txt` (an id a line) and `raw-captions.pkl` (id -> captions,
    each a list of words); videos are named by their id, such as `-4wsuPCjDBc_5_15.avi`.

    captions: "all" asks with every caption. A run then has video to text twice: `video_to_text` ranks all captions and
    counts the best of the video's own, `video_to_grouped_text` ranks videos by their best caption, which is what
    CLIP4Clip reports. "first" keeps the first caption of each video and is one-to-one, as VLM2Vec-V2 (MMEB-V2) measures.
    The three differ by 10 to 30 points.
    Source of the layout: the MSVD loader of CLIP4Clip, the lists of collaborative-experts (1,200, 100 and 670 videos).
    Raises InputError for a missing file, another layout, or a video without a caption.
    """
    purpose = f"MSVD {split}"
    listed = need_file(directory, (_LISTS[split],), purpose=purpose)
    file = need_file(directory, (CAPTIONS,), purpose=purpose)
    texts = captions_of(read_ids(listed), _captions(file), file)
    if captions == "first":
        texts = {video: own[:1] for video, own in texts.items()}
    kept = "all captions" if captions == "all" else "first caption of each video"
    return caption_benchmark(
        f"MSVD {split}, {kept}", texts, folder=videos or directory, published=_PUBLISHED[captions] if split == "test" else None
    )


def _captions(path: Path) -> dict[str, list[str]]:
    content = read_plain_pickle(path)
    if not isinstance(content, dict):
        raise InputError(f"{path} is not a mapping of videos to captions: it is not the published file.")
    return {str(video): [text for text in map(_joined, own) if text] for video, own in content.items()}


def _joined(words: Sequence[Any] | str) -> str:
    return words.strip() if isinstance(words, str) else " ".join(map(str, words)).strip()
