"""DiDeMo: Flickr videos, the first 30 seconds of which are described by sentences about moments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from retrieval.errors import InputError
from retrieval.evaluation.benchmarks.benchmark import Benchmark, Split, some
from retrieval.evaluation.benchmarks.captions import caption_benchmark
from retrieval.evaluation.benchmarks.files import find_file, need_file, read_ids, read_json
from retrieval.evaluation.benchmarks.moments import Moment, paragraphs

ANNOTATED_MS = 30_000
_CHUNK_MS = 5_000
_FILES = {"train": "train", "validation": "val", "test": "test"}
_PUBLISHED = {"train": 8392, "validation": 1065, "test": 1004}


def read_didemo(directory: Path, *, split: Split = "test", videos: Path | None = None) -> Benchmark:
    """Paragraph retrieval: all sentences of a video, joined, ask for it. Of a video the first 30 s are looked at, which is
    all that the annotators saw (CLIP4Clip reads 31 s).

    directory: `{train,val,test}_data.json`, and `{train,val,test}_list.txt`, the videos that the retrieval protocol keeps
    (8,392, 1,065 and 1,004). Without the list all annotated videos are asked for, and a notice says so. Videos are
    named as in the files, such as `54322086@N00_2408598493_274c77d26a.avi`; another suffix, or one more, will do.
    Source: README of LocalizingMoments for the annotations, collaborative-experts for the lists, CLIP4Clip's DiDeMo
    loader for the paragraph protocol. Raises InputError for a missing file or another layout.
    """
    moments = read_didemo_moments(directory, split=split)
    texts = paragraphs(moments)
    listed = find_file(directory, (f"{_FILES[split]}_list.txt",))
    notices = []
    if listed is not None:
        ids = read_ids(listed)
        without = [video for video in ids if video not in texts]
        if without:
            notices.append(f"{len(without):,} of {len(ids):,} videos of {listed} have no sentence: {some(without)}.")
        texts = {video: texts[video] for video in ids if video in texts}
    return caption_benchmark(
        f"DiDeMo {split}, paragraphs, first 30 s",
        texts,
        folder=videos or directory,
        published=(_PUBLISHED[split],) * 2,
        notices=notices,
        aliases={Path(video).stem: video for video in texts},
        end_ms=ANNOTATED_MS,
    )


def read_didemo_moments(directory: Path, *, split: Split = "test") -> tuple[Moment, ...]:
    """Every sentence of `{train,val,test}_data.json` with the moment each annotator gave it, in the order of the file.

    Rows have `video`, `description` and `times`, pairs of 5-second chunks: (1, 4) is 5 s to 25 s. The end of the last
    chunk may lie after the end of the video. Raises InputError for a missing file or another layout.
    """
    file = need_file(directory, (f"{_FILES[split]}_data.json",), purpose=f"DiDeMo {split}")
    rows = read_json(file)
    try:
        return tuple(_moment(row) for row in rows)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{file} is not laid out as DiDeMo publishes it: {error} is missing or out of place.") from error


def _moment(row: dict[str, Any]) -> Moment:
    spans = tuple((int(first) * _CHUNK_MS, (int(last) + 1) * _CHUNK_MS) for first, last in row["times"])
    return Moment(video=str(row["video"]), text=str(row["description"]).strip(), spans_ms=spans)
