"""Taking videos out of shards that are written, without decoding anything again."""

from __future__ import annotations

import hashlib
import tarfile
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from data_pipeline.corpus.errors import CorpusError
from data_pipeline.corpus.files import only_writer, whole_file
from data_pipeline.corpus.samples import EncodedSample, SampleSource
from data_pipeline.corpus.shard_index import shard_index
from data_pipeline.corpus.shard_list import Shard, load_list, save_list
from data_pipeline.corpus.shards import append_sample, end_shard

_ID_START = 16      # digits of a video's id that begin the ids of its samples
_UNKNOWN_ROWS = ""


def remove_videos(directory: Path, video_ids: Collection[str], *, remaining: Iterable[SampleSource] = ()) -> int:
    """Write the shards that hold one of these videos again without it, and return how many those were.

    Failures of the videos go too, for their sentences name files. remaining: the sources that the shards would be made from
    now; where they are those that stay, `write_shards` goes on from what is left. May be ended at any time and called again.
    Raises CorpusError: busy, write, unreadable.
    """
    starts = {video[:_ID_START] for video in video_ids}

    def is_gone(sample_id: str) -> bool:
        return sample_id[:_ID_START] in starts

    with only_writer(directory):
        for unfinished in directory.glob(".*.part"):
            unfinished.unlink()
        listed = load_list(directory)
        shards = [] if listed is None else list(listed.shards)
        numbers = [number for number, shard in enumerate(shards) if _is_touched(directory / shard.name, shard, is_gone)]
        if listed is None or not numbers:
            return 0
        order = _Order(remaining)
        for number in numbers:
            shards[number] = _rewritten(directory / shards[number].name, shards[number], is_gone, order)
            save_list(directory, replace(listed, shards=tuple(shards)))
            shard_index(directory / shards[number].name, shards[number])
        return len(numbers)


class _Order:
    """The digest of the rows of a shard, from the sources in their order; unknown where a row has no source."""

    def __init__(self, sources: Iterable[SampleSource]) -> None:
        self._lines = {source.id: f"{source.id} {source.fingerprint()}\n" for source in sources}

    def digest(self, ids: Collection[str]) -> str:
        if not self._lines.keys() >= {*ids}:
            return _UNKNOWN_ROWS
        digest = hashlib.sha256()
        for sample_id, line in self._lines.items():
            if sample_id in ids:
                digest.update(line.encode())
        return digest.hexdigest()


def _is_touched(tar: Path, shard: Shard, is_gone: Callable[[str], bool]) -> bool:
    """Also when an earlier call wrote the tar and was ended before it was listed."""
    if any(is_gone(failure.id) for failure in shard.failed) or tar.stat().st_size != shard.bytes:
        return True
    return any(is_gone(key) for key in shard_index(tar, shard).keys)


def _rewritten(tar: Path, shard: Shard, is_gone: Callable[[str], bool], order: _Order) -> Shard:
    splits: Counter[str] = Counter()
    ids: set[str] = set()
    index = shard_index(tar, shard)
    split_of = dict(zip(index.keys, index.splits, strict=True))
    with whole_file(tar) as file:
        for sample in _samples(tar):
            if not is_gone(sample.id):
                append_sample(file, sample)
                ids.add(sample.id)
                splits[split_of[sample.id]] += 1
        end_shard(file)
    failed = tuple(failure for failure in shard.failed if not is_gone(failure.id))
    ids.update(failure.id for failure in failed)
    return Shard(
        name=shard.name, rows=len(ids), rows_sha256=order.digest(ids), samples=splits.total(),
        splits=dict(sorted(splits.items())), bytes=file.bytes, sha256=file.sha256, failed=failed,
    )


def _samples(tar: Path) -> Iterator[EncodedSample]:
    try:
        with tarfile.open(tar, "r:") as archive:
            files = (member for member in archive if member.isfile())
            for key, members in groupby(files, key=lambda member: member.name.partition(".")[0]):
                content = tuple((member.name.partition(".")[2], _content(archive, member)) for member in members)
                yield EncodedSample(id=key, split="", members=content)
    except (tarfile.TarError, OSError) as error:
        raise CorpusError("unreadable", f"{tar} cannot be read ({error}): delete it and export again.", shard=tar.name) from error


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    assert file is not None
    return file.read()
