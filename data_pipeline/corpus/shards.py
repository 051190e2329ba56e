"""Write samples into tar shards that any webdataset reader can read; go on where an earlier run was ended."""

from __future__ import annotations

import hashlib
import tarfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from itertools import chain, islice
from pathlib import Path

from data_pipeline.corpus.errors import CorpusError
from data_pipeline.corpus.files import CheckedFile, only_writer, whole_file
from data_pipeline.corpus.processes import Processes
from data_pipeline.corpus.samples import EncodedSample, PictureFormat, SampleSource, check_key, encode
from data_pipeline.corpus.shard_index import shard_index
from data_pipeline.corpus.shard_list import LIST_NAME, RowFailure, Shard, ShardList, load_list, save_list, shard_name
from retrieval.errors import InputError, WenshiError

_FORM = PictureFormat()

Encoded = EncodedSample | RowFailure
Encode = Callable[[Iterable[SampleSource]], Iterator[Encoded]]


def write_shards(
    sources: Iterable[SampleSource], directory: str | Path, *, form: PictureFormat = _FORM, rows_per_shard: int = 1000,
    workers: int = 1, progress: Callable[[int], None] | None = None,
) -> ShardList:
    """Write one sample for each source into `directory`, in their order, and return what each shard holds.

    A shard has `rows_per_shard` rows, fewer samples where rows fail, and is on the disk before it is listed. The same
    call with the same sources goes on after the last finished shard, whatever ended the earlier run, and gives the
    same bytes; sources behind those of a finished run are written into new shards. A source that cannot give its
    sample, or takes its process down (with workers > 1), is a failure of the list. `progress` is called with the
    number of rows done. Processes are spawned: a script with workers > 1 needs `if __name__ == "__main__":`.
    Raises InputError (an id that is unfit or comes twice), CorpusError: busy, write, unreadable, other_rows when
    the directory was written from other sources or in another form.
    """
    with only_writer(Path(directory)):
        return write_shards_alone(
            sources, directory, form=form, rows_per_shard=rows_per_shard, workers=workers, progress=progress
        )


def write_shards_alone(
    sources: Iterable[SampleSource], directory: str | Path, *, form: PictureFormat = _FORM, rows_per_shard: int = 1000,
    workers: int = 1, progress: Callable[[int], None] | None = None,
) -> ShardList:
    """`write_shards` for who is the `only_writer` of the directory already, and never busy."""
    if rows_per_shard < 1:
        raise InputError(f"rows_per_shard is {rows_per_shard}, but must be at least 1.")
    directory, tell = Path(directory), progress or (lambda done: None)
    with Processes(workers) as processes:
        encode_all: Encode = partial(processes.map, partial(_encoded, form=form), crashed=_crashed)
        shards = _begun(directory, ShardList(form=form, rows_per_shard=rows_per_shard))
        stream = _checked(sources)
        for number, shard in enumerate(shards.shards):
            same = _finished(directory, shard, _Rows(islice(stream, shard.rows)), encode_all)
            shards = _listed(directory, shards, number, same)
        for first in stream:
            rows = _Rows(chain([first], islice(stream, rows_per_shard - 1)))
            done = _counted(encode_all(rows), shards.rows, tell)
            number = len(shards.shards)
            shards = _listed(directory, shards, number, _write_shard(directory / shard_name(number), done, rows))
        tell(shards.rows)
        return shards


class _Rows:
    """Hands out sources once; `count` and `sha256` are of those that were taken."""

    def __init__(self, sources: Iterator[SampleSource]) -> None:
        self._sources = sources
        self._digest = hashlib.sha256()
        self.count = 0

    def __iter__(self) -> Iterator[SampleSource]:
        for source in self._sources:
            self._digest.update(f"{source.id} {source.fingerprint()}\n".encode())
            self.count += 1
            yield source

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()


def _checked(sources: Iterable[SampleSource]) -> Iterator[SampleSource]:
    seen: set[str] = set()
    for source in sources:
        check_key(source.id)
        if source.id in seen:
            raise InputError(f"Two samples have the id {source.id}: give every sample its own.")
        seen.add(source.id)
        yield source


def _begun(directory: Path, wanted: ShardList) -> ShardList:
    """The list of an earlier run, or a new one."""
    listed = load_list(directory)
    if listed is None:
        save_list(directory, wanted)
        return wanted
    if (listed.form, listed.rows_per_shard) != (wanted.form, wanted.rows_per_shard):
        raise CorpusError(
            "other_rows",
            f"{directory} holds shards of {listed.rows_per_shard} rows in {_words(listed.form)}, not of "
            f"{wanted.rows_per_shard} rows in {_words(wanted.form)}: choose another directory, or ask for the same.",
        )
    return listed


def _words(form: PictureFormat) -> str:
    return f"{form.height} x {form.width} pixels and quality {form.quality}"


def _listed(directory: Path, shards: ShardList, number: int, shard: Shard) -> ShardList:
    """The list with this shard at its place, saved, and the shard's index beside it."""
    if shard not in shards.shards[number : number + 1]:
        shards = replace(shards, shards=(*shards.shards[:number], shard, *shards.shards[number + 1 :]))
        save_list(directory, shards)
    shard_index(directory / shard.name, shard)
    return shards


def _finished(directory: Path, shard: Shard, rows: _Rows, encode_all: Encode) -> Shard:
    """A listed shard, once it is known to be made from these rows; made again where its file is lost or cut."""
    path = directory / shard.name
    if path.is_file() and path.stat().st_size == shard.bytes:
        for _ in rows:
            pass
        _refuse_other(directory, shard, rows)
        return shard
    return _write_shard(path, encode_all(rows), rows, known=shard)


def _refuse_other(directory: Path, shard: Shard, rows: _Rows) -> None:
    if (rows.count, rows.sha256) != (shard.rows, shard.rows_sha256):
        raise CorpusError(
            "other_rows",
            f"{shard.name} in {directory} was made from other rows than these: choose another directory, or delete "
            f"that one (with its {LIST_NAME}) to make it again.",
            shard=shard.name,
        )


def _encoded(source: SampleSource, *, form: PictureFormat) -> Encoded:
    """A sample as files; what its source raises on purpose becomes a failure, a fault of the source passes."""
    try:
        sample = source.sample(height=form.height, width=form.width)
    except WenshiError as error:
        return RowFailure(id=source.id, kind=getattr(error, "kind", type(error).__name__), message=str(error))
    if sample.id != source.id:
        raise ValueError(f"The source {source.id} gave the sample {sample.id}.")
    return encode(sample, form)


def _crashed(source: SampleSource) -> Encoded:
    return RowFailure(id=source.id, kind="crashed", message=f"The process that made the sample {source.id} crashed.")


def _write_shard(path: Path, results: Iterable[Encoded], rows: _Rows, *, known: Shard | None = None) -> Shard:
    splits: Counter[str] = Counter()
    failed: list[RowFailure] = []
    with whole_file(path) as file:
        for result in results:
            if isinstance(result, RowFailure):
                failed.append(result)
            else:
                splits[result.split] += 1
                append_sample(file, result)
        end_shard(file)
        if known is not None:
            _refuse_other(path.parent, known, rows)
    return Shard(
        name=path.name, rows=rows.count, rows_sha256=rows.sha256, samples=splits.total(),
        splits=dict(sorted(splits.items())), bytes=file.bytes, sha256=file.sha256, failed=tuple(failed),
    )


def append_sample(file: CheckedFile, sample: EncodedSample) -> None:
    """Write the files of a sample behind what a shard holds so far."""
    for suffix, content in sample.members:
        member = tarfile.TarInfo(f"{sample.id}.{suffix}")       # its time, owner and group are 0
        member.size = len(content)
        # GNU form holds UTF-8 names as they are: no second header for each member with a Chinese name
        file.write(member.tobuf(tarfile.GNU_FORMAT, "utf-8", "strict"))
        file.write(content + bytes(-len(content) % tarfile.BLOCKSIZE))


def end_shard(file: CheckedFile) -> None:
    """Close a shard: two empty blocks, and more to a full record, as tar programs write it."""
    ended = file.bytes + 2 * tarfile.BLOCKSIZE
    file.write(bytes(2 * tarfile.BLOCKSIZE + -ended % tarfile.RECORDSIZE))


def _counted(results: Iterable[Encoded], before: int, tell: Callable[[int], None]) -> Iterator[Encoded]:
    for done, result in enumerate(results, start=before + 1):
        yield result
        tell(done)
