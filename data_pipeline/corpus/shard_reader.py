"""Samples of a directory of shards by number, read in place: nothing is unpacked, no file is held open."""

from __future__ import annotations

import io
import json
import struct
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from data_pipeline.corpus.errors import CorpusError
from data_pipeline.corpus.samples import SampleText
from data_pipeline.corpus.shard_index import ShardIndex, shard_index
from data_pipeline.corpus.shard_list import LIST_NAME, Shard, load_list
from retrieval.errors import InputError

_LOST = -1          # in place of a row: the sample is behind the cut or broken end of its shard


@dataclass(frozen=True, kw_only=True)
class ShardSample:
    """A clip as it lies in a shard; dirt: as of `Sample`. Times are ms on the video's timeline; jpegs: one for each of them."""

    key: str
    shard: str
    video: str
    start_ms: int
    end_ms: int
    times_ms: tuple[int, ...]
    texts: tuple[SampleText, ...]
    split: str
    jpegs: tuple[bytes, ...]
    dirt: str | None = None

    @property
    def duration_ms(self) -> int:
        return self.end_ms - self.start_ms


class ShardDataset:
    """The finished shards of a directory as a sequence of samples, in the order in which they were written.

    split: only the samples of this split. Can be pickled, and read from several threads and processes at once. Samples
    that a damaged shard has lost are counted in `len` and raise CorpusError (lost) in their place, at the shard's end.
    Raises InputError when there are no shards or none of this split, CorpusError (unreadable).
    """

    def __init__(self, directory: str | Path, *, split: str | None = None) -> None:
        self.directory = Path(directory)
        self.split = split
        listed = load_list(self.directory)
        if listed is None:
            raise InputError(f"{self.directory} holds no shards (no {LIST_NAME}): name the directory they were written to.")
        self.form = listed.form
        self._names = [shard.name for shard in listed.shards]
        self._indices = [shard_index(self.directory / shard.name, shard) for shard in listed.shards]
        rows = [_rows_of(index, shard, split) for index, shard in zip(self._indices, listed.shards, strict=True)]
        self._shard = np.repeat(np.arange(len(rows), dtype=np.int32), [len(part) for part in rows])
        self._row = np.concatenate([np.zeros(0, np.int32), *rows])
        if split is not None and not len(self._row):
            splits = sum((Counter(shard.splits) for shard in listed.shards), Counter[str]())
            raise InputError(
                f"{self.directory} has no samples of the split {split!r}: it has {', '.join(sorted(splits)) or 'none'}."
            )

    def __len__(self) -> int:
        return len(self._row)

    def __getitem__(self, number: int) -> ShardSample:
        """Read one sample. Raises CorpusError (damaged, lost, unreadable) that names shard and key, IndexError."""
        index, row, name = self._place(number)
        if row == _LOST:
            raise CorpusError("lost", f"A sample is lost with the end of {name}: write the shards again.", shard=name)
        key = index.keys[row]
        try:
            description, *jpegs = self._read(index, row, name)
            return _sample(json.loads(description), jpegs, key=key, shard=name)
        except (ValueError, KeyError, TypeError) as error:
            raise _damaged(name, key, str(error)) from error
        except OSError as error:
            raise CorpusError(
                "unreadable", f"{name} cannot be read ({error.strerror or error}): check the disk.", shard=name, key=key
            ) from error

    def key(self, number: int) -> str:
        """The sample's key, without reading it; empty for a lost one."""
        index, row, _ = self._place(number)
        return index.keys[row] if row != _LOST else ""

    def video(self, number: int) -> str:
        """The id of the sample's video, without reading the sample; empty where it is lost or cannot be read."""
        index, row, _ = self._place(number)
        return index.videos[row] if row != _LOST else ""

    def _place(self, number: int) -> tuple[ShardIndex, int, str]:
        if not 0 <= number < len(self):
            raise IndexError(f"There is no sample {number}: there are {len(self)}.")
        shard = int(self._shard[number])
        return self._indices[shard], int(self._row[number]), self._names[shard]

    def _read(self, index: ShardIndex, row: int, name: str) -> list[bytes]:
        """The sample's members, which lie in a row, by one read."""
        begin, end = int(index.first[row]), int(index.first[row + 1])
        offsets, sizes = index.offsets[begin:end].tolist(), index.sizes[begin:end].tolist()
        start, length = offsets[0], offsets[-1] + sizes[-1] - offsets[0]
        with (self.directory / name).open("rb", buffering=0) as file:
            file.seek(start)
            data = file.read(length)
        if len(data) < length:
            raise ValueError("the shard ends within it")
        return [data[offset - start : offset - start + size] for offset, size in zip(offsets, sizes, strict=True)]


def decode(sample: ShardSample, frame_numbers: Sequence[int] | None = None) -> NDArray[np.uint8]:
    """The pictures of a sample, uint8 [F, H, W, 3], RGB, for the frames asked (all by default) in the order asked.

    Raises CorpusError (damaged) for a JPEG that is broken or of another size than the first, IndexError.
    """
    numbers = range(len(sample.jpegs)) if frame_numbers is None else frame_numbers
    pictures = [_picture(sample, number) for number in numbers]
    if len({picture.shape for picture in pictures}) > 1:
        raise _damaged(sample.shard, sample.key, "its pictures differ in size")
    return np.stack(pictures) if pictures else np.zeros((0, 0, 0, 3), np.uint8)


def _picture(sample: ShardSample, number: int) -> NDArray[np.uint8]:
    jpeg = sample.jpegs[number]
    try:
        with Image.open(io.BytesIO(jpeg), formats=("JPEG",)) as picture:
            return np.asarray(picture if picture.mode == "RGB" else picture.convert("RGB"))
    except (OSError, ValueError, SyntaxError, struct.error, Image.DecompressionBombError) as error:
        raise _damaged(sample.shard, sample.key, f"picture {number} is no whole JPEG") from error


def _rows_of(index: ShardIndex, shard: Shard, split: str | None) -> NDArray[np.int32]:
    """Rows of the split, then a mark for each sample that the shard should have and has not."""
    rows = [row for row, of in enumerate(index.splits) if split is None or of == split]
    declared = shard.samples if split is None else shard.splits.get(split, 0)
    return np.array(rows + [_LOST] * (declared - len(rows)), np.int32)


def _sample(description: dict[str, Any], jpegs: list[bytes], *, key: str, shard: str) -> ShardSample:
    if description["id"] != key:
        raise ValueError("its description is another sample's")
    if len(description["times_ms"]) != len(jpegs):
        raise ValueError(f"it has {len(description['times_ms'])} times, but {len(jpegs)} pictures")
    return ShardSample(
        key=key, shard=shard, video=description["video"], start_ms=description["start_ms"],
        end_ms=description["end_ms"], times_ms=tuple(description["times_ms"]), texts=tuple(description["texts"]),
        split=description["split"], jpegs=tuple(jpegs), dirt=description.get("dirt"),
    )


def _damaged(shard: str, key: str, reason: str) -> CorpusError:
    return CorpusError(
        "damaged", f"The sample {key} in {shard} is damaged ({reason}): write the shards again.", shard=shard, key=key
    )
