"""MSR-VTT: 1,000 single captions (1k-A), or the official test set of 2,990 videos with 20 captions each."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from retrieval.errors import InputError
from retrieval.evaluation.benchmarks.benchmark import Benchmark, Split
from retrieval.evaluation.benchmarks.captions import caption_benchmark, captions_of
from retrieval.evaluation.benchmarks.files import find_file, need_file, read_json, read_text

Protocol = Literal["1k-A", "7k", "full"]
TEST_CSV = "MSRVTT_JSFUSION_test.csv"
_PUBLISHED = {"1k-A": (1000, 1000), "7k": (1000, 1000), "full": (2990, 59800)}
_NAMES = {
    "1k-A": "MSR-VTT 1k-A, trained on 9k",
    "7k": "MSR-VTT 1k-A, trained on 7k",
    "full": "MSR-VTT full",
}
# One file for everything, or one for training and one for testing: both are in circulation.
_TEST_INFO = ("test_videodatainfo.json", "MSRVTT_data.json", "videodatainfo.json")
_TRAIN_INFO = ("train_val_videodatainfo.json", "train_videodatainfo.json", "MSRVTT_data.json", "videodatainfo.json")
_TRAIN_CSV = {"1k-A": "MSRVTT_train.9k.csv", "7k": "MSRVTT_train.7k.csv"}


def read_msrvtt(
    directory: Path, *, protocol: Protocol = "1k-A", split: Split = "test", videos: Path | None = None
) -> Benchmark:
    """A side of a protocol, from the files as published.

    "1k-A" and "7k" test on the same 1,000 captions and differ in the training videos; "full" is the official test set.
    train: every caption of the videos of `msrvtt_training_videos`. validation: the official one, which "full" alone has;
    the others train on it. videos: the folder of video files, by default `directory`. Raises InputError if a file is
    missing or of another layout.
    """
    captions: Mapping[str, Sequence[str]]
    if split == "train":
        ids = msrvtt_training_videos(directory, protocol=protocol)
        captions = captions_of(ids, _every_official_caption(directory), directory)
    elif split == "validation":
        if protocol != "full":
            raise InputError(f"MSR-VTT {protocol} has no validation split: hold some training videos out.")
        info = need_file(directory, _TRAIN_INFO, purpose="the validation split of MSR-VTT full")
        captions = _official_captions(info, ("validate",))
    elif protocol == "full":
        captions = _official_captions(need_file(directory, _TEST_INFO, purpose="MSR-VTT full"), ("test",))
    else:
        captions = _single_captions(need_file(directory, (TEST_CSV,), purpose=f"MSR-VTT {protocol}"))
    return caption_benchmark(
        _NAMES[protocol] + ("" if split == "test" else f", {split}"),
        captions,
        folder=videos or directory,
        published=_PUBLISHED[protocol] if split == "test" else None,
    )


def msrvtt_training_videos(directory: Path, *, protocol: Protocol = "1k-A") -> tuple[str, ...]:
    """Ids of the videos that a protocol may train on: no test video is among them.

    1k-A: the 9k list. 7k: its list or, without it, the official training and validation videos. full: the official
    training videos. Raises InputError if the file is missing or if a listed video is a test video.
    """
    listed = find_file(directory, (_TRAIN_CSV[protocol],)) if protocol in _TRAIN_CSV else None
    if listed is not None:
        ids = tuple(row["video_id"] for row in _csv_rows(listed, ("video_id",)))
    elif protocol == "1k-A":
        raise InputError(
            f"{directory} holds no {_TRAIN_CSV[protocol]}, which lists the training videos: copy it there."
        )
    else:
        info = need_file(directory, _TRAIN_INFO, purpose=f"the training list of MSR-VTT {protocol}")
        ids = tuple(_official_captions(info, ("train", "validate") if protocol == "7k" else ("train",)))
    tested = set(read_msrvtt(directory, protocol=protocol).video_ids)
    leaked = next((video for video in ids if video in tested), None)
    if leaked is not None:
        raise InputError(f"{directory}: {leaked} is listed for training but is a test video of MSR-VTT {protocol}.")
    return ids


def _single_captions(path: Path) -> dict[str, list[str]]:
    captions: dict[str, list[str]] = {}
    for row in _csv_rows(path, ("video_id", "sentence")):
        if row["video_id"] in captions:
            raise InputError(f"{path} names {row['video_id']} twice: it must have one caption for each video.")
        captions[row["video_id"]] = [row["sentence"]]
    return captions


def _csv_rows(path: Path, columns: tuple[str, ...]) -> list[dict[str, str]]:
    reader = csv.DictReader(io.StringIO(read_text(path), newline=""))
    lacking = [column for column in columns if column not in (reader.fieldnames or ())]
    if lacking:
        raise InputError(f"{path} has no column {lacking[0]}: it is not the published file.")
    rows = list(reader)
    incomplete = next(
        (number for number, row in enumerate(rows, start=2) if not all(row[name] for name in columns)), None
    )
    if incomplete is not None:
        raise InputError(f"{path}, row {incomplete}, is incomplete: it needs {' and '.join(columns)}.")
    return rows


def _every_official_caption(directory: Path) -> dict[str, list[str]]:
    """Of both files where training and test are apart: the 9k list holds videos of the official test set."""
    files = (find_file(directory, _TRAIN_INFO), find_file(directory, _TEST_INFO))
    captions: dict[str, list[str]] = {}
    for file in dict.fromkeys(file for file in files if file is not None):
        captions.update(_official_captions(file, ("train", "validate", "test")))
    return captions


def _official_captions(path: Path, splits: tuple[str, ...]) -> dict[str, list[str]]:
    """Video id -> captions in the order of their sentence ids, for the videos of these splits."""
    content = read_json(path)
    try:
        chosen = [video["video_id"] for video in content["videos"] if video["split"] in splits]
        sentences: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for sentence in content["sentences"]:
            sentences[sentence["video_id"]].append(sentence)
        ordered = {video: sorted(sentences[video], key=lambda sentence: sentence["sen_id"]) for video in chosen}
        captions = {video: [sentence["caption"] for sentence in found] for video, found in ordered.items()}
    except (KeyError, TypeError) as error:
        raise InputError(
            f"{path} is not laid out as MSR-VTT publishes it: {error} is missing or out of place."
        ) from error
    if not captions:
        raise InputError(f"{path} has no video of the split {' or '.join(splits)}: it is the file of another split.")
    silent = next((video for video, texts in captions.items() if not texts), None)
    if silent is not None:
        raise InputError(f"{path} has no caption for {silent}: the file is incomplete.")
    return captions
