"""What is read from shards is what was written, from any thread or process; damage is told with shard and key."""

from __future__ import annotations

import multiprocessing
import pickle
import tarfile
from collections.abc import Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from data_pipeline.corpus.errors import CorpusError
from data_pipeline.corpus.samples import PictureFormat
from data_pipeline.corpus.shard_reader import ShardDataset, decode
from data_pipeline.corpus.shards import write_shards
from retrieval.errors import InputError
from tests.data_pipeline.corpus.drawn_samples import drawn_sample, drawn_sources

COUNT = 12
SMALL = PictureFormat(height=24, width=32, quality=95)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    write_shards(drawn_sources(COUNT), tmp_path, form=SMALL, rows_per_shard=5)
    return tmp_path


def outcomes(dataset: ShardDataset) -> list[str]:
    """Key of each sample that can be read and decoded; kind, shard and key of the error of the others."""
    told = []
    for number in range(len(dataset)):
        try:
            sample = dataset[number]
            decode(sample)
            told.append(sample.key[-2:])
        except CorpusError as error:
            told.append(f"{error.kind} {error.shard} {error.key}")
    return told


def checksum(dataset: ShardDataset, numbers: Sequence[int]) -> list[int]:
    return [int(decode(dataset[number]).sum()) for number in numbers]


def test_samples_come_back_as_they_were_given(directory: Path) -> None:
    dataset = ShardDataset(directory)
    assert len(dataset) == COUNT
    for number in (11, 0, 4, 5):
        sample, truth = dataset[number], drawn_sample("x", number=number)
        assert sample.key == dataset.key(number) == f"样本_{number:04d}"
        assert sample.video == dataset.video(number) == truth.video
        assert (sample.times_ms, sample.duration_ms, sample.texts) == (truth.times_ms, 900, truth.texts)
        assert sample.split == truth.split
        pictures = decode(sample)
        assert pictures.dtype == np.uint8
        assert pictures.shape == truth.frames.shape
        assert np.abs(pictures.astype(int) - truth.frames).max() <= 3
        assert (decode(sample, [2, 0, 2]) == pictures[[2, 0, 2]]).all()
    with pytest.raises(IndexError):
        dataset[COUNT]
    assert len(list(dataset)) == COUNT      # type: ignore[call-overload]


def test_a_split_has_its_own_samples_only(directory: Path) -> None:
    assert outcomes(ShardDataset(directory, split="test")) == ["04", "09"]
    assert len(ShardDataset(directory, split="train")) == COUNT - 2
    with pytest.raises(InputError, match="no samples of the split 'validation': it has test, train"):
        ShardDataset(directory, split="validation")


def test_an_index_read_from_the_headers_is_the_kept_one(directory: Path) -> None:
    kept = {path: path.read_bytes() for path in directory.glob("*.idx")}
    assert len(kept) == 3
    before = outcomes(ShardDataset(directory))
    for path in kept:
        path.unlink()
    assert outcomes(ShardDataset(directory)) == before
    assert {path: path.read_bytes() for path in kept} == kept


def test_an_index_of_another_tar_is_not_believed(directory: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    write_shards(drawn_sources(COUNT)[::-1], other, form=SMALL, rows_per_shard=5)
    (directory / "frames-000000.idx").write_bytes((other / "frames-000000.idx").read_bytes())
    assert outcomes(ShardDataset(directory)) == [f"{number:02d}" for number in range(COUNT)]
    (directory / "frames-000000.idx").write_text("{")
    assert outcomes(ShardDataset(directory)) == [f"{number:02d}" for number in range(COUNT)]


def test_long_and_foreign_names_are_found(tmp_path: Path) -> None:
    names = ["很长的名字" * 13, "n" * 200, "🐈", "e\u0301"]
    write_shards([drawn_sample(name) for name in names], tmp_path)
    for path in tmp_path.glob("*.idx"):
        path.unlink()
    assert [sample.key for sample in ShardDataset(tmp_path)] == names       # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "pool",
    [partial(ThreadPoolExecutor, 4),
     partial(ProcessPoolExecutor, 2, mp_context=multiprocessing.get_context("spawn"))],
    ids=["threads", "processes"],
)
def test_several_workers_read_the_same(directory: Path, pool: type[Executor]) -> None:
    dataset = ShardDataset(directory)
    parts = [[number, COUNT - 1 - number] * 5 for number in range(COUNT)]
    with pool() as workers:
        assert list(workers.map(partial(checksum, dataset), parts)) == [checksum(dataset, part) for part in parts]


def test_a_broken_picture_is_named(directory: Path) -> None:
    tar = directory / "frames-000001.tar"
    with tarfile.open(tar) as archive:
        place = archive.getmember("样本_0006.001.jpg").offset_data
    with tar.open("r+b") as file:
        file.seek(place)
        file.write(bytes(200))
    dataset = ShardDataset(directory)
    assert outcomes(dataset)[5:8] == ["05", "damaged frames-000001.tar 样本_0006", "07"]
    assert decode(dataset[6], [0, 2]).shape == (2, 24, 32, 3)       # its other pictures are whole
    with pytest.raises(CorpusError, match=r"样本_0006 in frames-000001.tar is damaged \(picture 1 is no whole JPEG\)"):
        decode(dataset[6])


def test_a_broken_description_is_named(directory: Path) -> None:
    tar = directory / "frames-000000.tar"
    with tarfile.open(tar) as archive:
        place = archive.getmember("样本_0002.json").offset_data
    with tar.open("r+b") as file:
        file.seek(place)
        file.write(b"\xff\xfe")
    assert outcomes(ShardDataset(directory))[1:4] == ["01", "damaged frames-000000.tar 样本_0002", "03"]
    (directory / "frames-000000.idx").unlink()
    assert outcomes(ShardDataset(directory))[1:4] == ["01", "damaged frames-000000.tar 样本_0002", "03"]
    lost = outcomes(ShardDataset(directory, split="train"))     # nothing tells any more of which split it is
    assert lost.count("lost frames-000000.tar None") == 1
    assert len(lost) == COUNT - 2


def test_a_description_of_another_sample_is_not_believed(directory: Path) -> None:
    tar = directory / "frames-000000.tar"
    data = tar.read_bytes()
    tar.write_bytes(data.replace('{"id":"样本_0003"'.encode(), '{"id":"样本_0009"'.encode()))
    with pytest.raises(CorpusError, match="its description is another sample's") as damaged:
        ShardDataset(directory)[3]
    assert damaged.value.key == "样本_0003"


@pytest.mark.parametrize("within", ["样本_0006.001.jpg", "样本_0006.json"])
def test_a_cut_shard_gives_what_is_before_the_cut_and_counts_the_rest(directory: Path, within: str) -> None:
    tar = directory / "frames-000001.tar"
    with tarfile.open(tar) as archive:
        place = archive.getmember(within).offset_data
    with tar.open("r+b") as file:
        file.truncate(place + 10)
    told = outcomes(ShardDataset(directory))
    assert len(told) == COUNT
    assert told[:6] == ["00", "01", "02", "03", "04", "05"]
    assert told[-2:] == ["10", "11"]
    lost = told[6:10]
    if within.endswith("jpg"):
        assert lost.pop(0) == "damaged frames-000001.tar 样本_0006"
    assert set(lost) == {"lost frames-000001.tar None"}
    splits = [len(ShardDataset(directory, split=split)) for split in ("train", "test")]
    assert splits == [COUNT - 2, 2]


def test_a_shard_that_is_cut_while_it_is_read_is_a_damaged_sample(directory: Path) -> None:
    dataset = ShardDataset(directory)
    with (directory / "frames-000002.tar").open("r+b") as file:
        file.truncate(int(dataset._indices[2].offsets[-1]) + 100)
    assert dataset[10].key == "样本_0010"
    with pytest.raises(CorpusError, match=r"frames-000002\.tar is damaged \(the shard ends within it\)") as damaged:
        dataset[11]
    assert (damaged.value.kind, damaged.value.key) == ("damaged", "样本_0011")


def test_a_missing_shard_is_told_at_once(directory: Path) -> None:
    (directory / "frames-000001.tar").unlink()
    with pytest.raises(CorpusError, match=r"frames-000001\.tar cannot be read"):
        ShardDataset(directory)


def test_an_empty_place_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no shards"):
        ShardDataset(tmp_path)


def test_errors_travel_between_processes() -> None:
    error = pickle.loads(pickle.dumps(CorpusError("damaged", "Broken.", shard="a.tar", key="猫")))
    assert (error.kind, str(error), error.shard, error.key) == ("damaged", "Broken.", "a.tar", "猫")
