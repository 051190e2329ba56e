"""The CNVid layout: `caption.json` and a CSV; the videos, where wanted, under the names that the lists give them."""

from __future__ import annotations

import csv
import io
import json
import os
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Literal

from data_pipeline.corpus.errors import CorpusError
from data_pipeline.corpus.files import disk_errors, whole_file
from data_pipeline.export.chosen import Chosen
from data_pipeline.sources.cnvid import CAPTIONS, LISTED, write_cnvid

VIDEO_FOLDER = "videos"
_BLOCK = 1 << 20
Placing = Literal["none", "link", "copy"]


def write_layout(chosen: Chosen, directory: Path, *, placing: Placing) -> None:
    """Write the lists, a video named by its id, its texts in order of time; then place its file.

    placing: none = the lists alone, link = symbolic links, copy = copies. Raises CorpusError (write, unreadable).
    """
    texts: dict[str, list[tuple[str, int, int]]] = defaultdict(list)
    for pair, clip, video in chosen.pairs():
        texts[video.video_id].append((pair.text, clip.start_ms, clip.end_ms))
    write_cnvid(directory, _entries(chosen, texts))
    if placing != "none":
        _place_files(chosen, texts, directory / VIDEO_FOLDER, placing)


def forget_entries(directory: Path, video_ids: Collection[str]) -> None:
    """Take these videos out of the lists, and their files away. Raises CorpusError (write)."""
    captions, listed = directory / CAPTIONS, directory / LISTED
    with disk_errors(captions):
        entries = json.loads(captions.read_text(encoding="utf-8"))
        addresses = dict(list(csv.reader(io.StringIO(listed.read_text(encoding="utf-8"), newline="")))[1:])
    write_cnvid(directory, (
        (name, addresses.get(name, ""), list(zip(entry["text"], _ms(entry["start"]), _ms(entry["end"]), strict=True)))
        for name, entry in entries.items() if name not in video_ids
    ))  # fmt: skip
    with disk_errors(directory):
        for path in (directory / VIDEO_FOLDER).glob("*"):
            if path.stem in video_ids:
                path.unlink()


def _entries(
    chosen: Chosen, texts: dict[str, list[tuple[str, int, int]]]
) -> Iterator[tuple[str, str, Sequence[tuple[str, int, int]]]]:
    for video in chosen.videos.values():
        if video.video_id in texts:
            in_time = sorted(texts[video.video_id], key=lambda text: text[1:])
            yield video.video_id, video.source_uri or video.path, in_time


def _ms(seconds: list[float]) -> list[int]:
    return [round(second * 1000) for second in seconds]


def _place_files(chosen: Chosen, wanted: Collection[str], folder: Path, placing: Placing) -> None:
    with disk_errors(folder):
        folder.mkdir(exist_ok=True)
        for video in chosen.videos.values():
            place = folder / f"{video.video_id}{Path(video.path).suffix.lower()}"
            if video.video_id not in wanted or os.path.lexists(place):
                continue
            if placing == "link":
                place.symlink_to(video.path)
            else:
                _copy(Path(video.path), place)


def _copy(path: Path, place: Path) -> None:
    with whole_file(place) as copy:
        for block in _blocks(path):
            copy.write(block)


def _blocks(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                yield block
    except OSError as error:
        raise CorpusError(
            "unreadable",
            f"The video {path} cannot be copied ({error.strerror or error}): bring it back, or export without copies.",
        ) from error
