"""ChinaOpen-1k: a thousand videos of Bilibili with a caption written by a person, a title and tags, in Chinese."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from retrieval.errors import InputError
from retrieval.evaluation.benchmarks.benchmark import Benchmark, some
from retrieval.evaluation.benchmarks.captions import caption_benchmark
from retrieval.evaluation.benchmarks.files import need_file, read_json

Text = Literal["caption", "title"]
Language = Literal["zh", "en"]
FILES = ("ChianOpen-1K-annotations.json", "ChinaOpen-1K-annotations.json")     # the first is how it is published
_TEXTS = {"caption": "Manual-caption", "title": "User-title"}
_LANGUAGES = {"zh": "Captions", "en": "Captions-en"}


def read_chinaopen(
    directory: Path, *, text: Text = "caption", language: Language = "zh", videos: Path | None = None
) -> Benchmark:
    """One text of each video asks for it: its caption or its title, in Chinese or in the published translation.

    The file is {id: {Captions: {User-title, Manual-caption}, Captions-en: the same, Labels, Labels-en}}. A video whose
    text is empty stays in the gallery, is asked for by nothing, and is named in a notice.
    Source: the annotations and the README of the authors' repository, JewelChen2019/ChinaOpen. How the files of the
    videos are named, which are given on request, is not said there: they are looked for by their id, such as
    `BV1CN411o7WE.mp4`. No published retrieval protocol was found: every video is in the gallery, once.
    Raises InputError for a missing file or another layout.
    """
    file = need_file(directory, FILES, purpose="ChinaOpen-1k")
    content = read_json(file)
    try:
        found = {video: str(row[_LANGUAGES[language]][_TEXTS[text]] or "").strip() for video, row in content.items()}
    except (AttributeError, KeyError, TypeError) as error:
        raise InputError(
            f"{file} is not laid out as ChinaOpen-1k is published: {error} is missing or out of place."
        ) from error
    silent = [video for video, own in found.items() if not own]
    notices = [f"{len(silent):,} of {len(found):,} videos have no {text}: {some(silent)}."] if silent else []
    return caption_benchmark(
        f"ChinaOpen-1k {language}, {text} to video",
        {video: [own] if own else [] for video, own in found.items()},
        folder=videos or directory,
        published=(1000, 1000),
        notices=notices,
    )
