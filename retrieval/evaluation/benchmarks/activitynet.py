"""ActivityNet Captions: long videos, each with a paragraph whose sentences have their times."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from retrieval.errors import InputError
from retrieval.evaluation.benchmarks.benchmark import Benchmark
from retrieval.evaluation.benchmarks.captions import caption_benchmark
from retrieval.evaluation.benchmarks.files import need_file, read_json
from retrieval.evaluation.benchmarks.moments import Moment, paragraphs

Part = Literal["train", "val1", "val2"]
_FILES = {"train": "train.json", "val1": "val_1.json", "val2": "val_2.json"}
_PUBLISHED = {"train": 10009, "val1": 4917, "val2": 4885}


def read_activitynet(directory: Path, *, part: Part = "val1", videos: Path | None = None) -> Benchmark:
    """Paragraph retrieval: all sentences of a video, joined, ask for it, and the whole video answers.

    directory: `train.json`, `val_1.json`, `val_2.json`. val1 (4,917 videos) is what retrieval is measured on; val2 (4,885)
    describes most of the same videos once more, so the two are never joined. Videos are named by their id with or
    without the leading `v_`. CLIP4Clip also reads `val_ids.json`, which is not needed: it asks for the videos of val_1
    alone. Source: CLIP4Clip's ActivityNet loader, the lists of collaborative-experts.
    Raises InputError for a missing file or another layout.
    """
    texts = paragraphs(read_activitynet_moments(directory, part=part))
    return caption_benchmark(
        f"ActivityNet Captions {part}, paragraphs",
        texts,
        folder=videos or directory,
        published=(_PUBLISHED[part],) * 2,
        aliases={video.removeprefix("v_"): video for video in texts},
    )


def read_activitynet_moments(directory: Path, *, part: Part = "val1") -> tuple[Moment, ...]:
    """Every sentence with its time, in the order of the file: {id: {duration, timestamps, sentences}}, times in seconds.

    A time whose start lies after its end, as a few do, is turned round. Raises InputError as `read_activitynet`.
    """
    file = need_file(directory, (_FILES[part],), purpose=f"ActivityNet Captions {part}")
    content = read_json(file)
    try:
        return tuple(moment for video, row in content.items() for moment in _moments(video, row))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{file} is not laid out as ActivityNet Captions publishes it: {error} is missing or out of place."
        ) from error


def _moments(video: str, row: dict[str, Any]) -> list[Moment]:
    return [
        Moment(video=video, text=str(text).strip(), spans_ms=(_in_order(span),))
        for text, span in zip(row["sentences"], row["timestamps"], strict=True)
    ]


def _in_order(span: list[float]) -> tuple[int, int]:
    start, end = sorted(round(1000 * float(seconds)) for seconds in span)
    return start, end
