"""VATEX: ten English and ten Chinese captions for each video."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Literal

from retrieval.errors import InputError
from retrieval.evaluation.benchmarks.benchmark import Benchmark
from retrieval.evaluation.benchmarks.captions import caption_benchmark
from retrieval.evaluation.benchmarks.files import read_json

Language = Literal["zh", "en"]
_CAPTIONS = {"zh": "chCap", "en": "enCap"}


def read_vatex(
    file: Path, *, language: Language = "zh", videos: Path | None = None, subset: Collection[str] | None = None
) -> Benchmark:
    """Every caption of one language asks for its video.

    file: a published list, such as `vatex_validation_v1.0.json`, of rows with videoID, enCap, chCap. videos: the folder
    of video files, named by videoID, by default that of `file`. subset: the ids of a custom split; the protocol names its
    size. Raises InputError for another layout, or for ids in `subset` that the file does not have.
    """
    rows = read_json(file)
    column = _CAPTIONS[language]
    try:
        captions = {row["videoID"]: [str(text) for text in row[column]] for row in rows}
    except (KeyError, TypeError) as error:
        raise InputError(
            f"{file} is not laid out as VATEX publishes it: {error} is missing or out of place."
        ) from error
    if len(captions) != len(rows):
        raise InputError(f"{file} names a video twice: {len(rows)} rows, {len(captions)} ids.")
    protocol = f"VATEX {language}, {file.stem}"
    if subset is not None:
        unknown = sorted(set(subset) - set(captions))
        if unknown:
            raise InputError(
                f"{file} does not have {len(unknown)} videos of the split, the first of which is {unknown[0]}."
            )
        captions = {video: captions[video] for video in captions if video in set(subset)}
        protocol += f", {len(captions):,} of {len(rows):,} videos"
    silent = next((video for video, texts in captions.items() if not any(text.strip() for text in texts)), None)
    if silent is not None:
        raise InputError(f"{file} has no {column} for {silent}: it may be the file of the other language.")
    return caption_benchmark(protocol, captions, folder=videos or file.parent)
