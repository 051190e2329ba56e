"""Shards hold what was given, survive what happens to a run, and name what they could not take."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_pipeline.corpus import files
from data_pipeline.corpus.errors import CorpusError
from data_pipeline.corpus.files import only_writer
from data_pipeline.corpus.samples import PictureFormat, encode
from data_pipeline.corpus.shard_list import load_list
from data_pipeline.corpus.shards import write_shards
from retrieval.errors import InputError
from tests.data_pipeline.corpus.drawn_samples import DrawnSource, caption, drawn_sample, drawn_sources

ROOT = Path(__file__).parents[3]
SMALL = PictureFormat(height=24, width=32, quality=95)


def groups(tar: Path) -> Iterator[dict[str, bytes]]:
    """Members by the rule of webdataset: neighbours that share the name up to the first dot are one sample."""
    sample: dict[str, bytes] = {}
    with tarfile.open(tar) as archive:
        for member in archive:
            key, suffix = member.name.split(".", 1)
            if sample and sample["__key__"] != key.encode():
                yield sample
                sample = {}
            file = archive.extractfile(member)
            assert file is not None
            sample |= {"__key__": key.encode(), suffix: file.read()}
    if sample:
        yield sample


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(directory.iterdir()) if path.name != ".writer.lock"}


def test_a_webdataset_reader_finds_every_sample_in_order(tmp_path: Path) -> None:
    write_shards(drawn_sources(5), tmp_path, form=SMALL, rows_per_shard=2)
    tars = sorted(tmp_path.glob("*.tar"))
    assert [tar.name for tar in tars] == ["frames-000000.tar", "frames-000001.tar", "frames-000002.tar"]
    samples = [sample for tar in tars for sample in groups(tar)]
    assert [sample["__key__"].decode() for sample in samples] == [source.id for source in drawn_sources(5)]
    for number, sample in enumerate(samples):
        truth = drawn_sample("x", number=number)
        assert list(sample) == ["__key__", "json", "000.jpg", "001.jpg", "002.jpg"]
        assert json.loads(sample["json"]) == {
            "id": f"样本_{number:04d}", "video": truth.video, "start_ms": truth.start_ms, "end_ms": truth.end_ms,
            "times_ms": list(truth.times_ms), "texts": list(truth.texts), "split": truth.split, "decoder": "drawn",
        }
        for frame in range(3):
            picture = np.asarray(Image.open(io.BytesIO(sample[f"{frame:03d}.jpg"])))
            assert np.abs(picture.astype(int) - truth.frames[frame]).max() <= 3


def test_frames_of_another_size_are_stretched(tmp_path: Path) -> None:
    write_shards([drawn_sample("wide", height=30, width=90)], tmp_path, form=PictureFormat(height=40, width=20))
    sample = next(groups(tmp_path / "frames-000000.tar"))
    assert Image.open(io.BytesIO(sample["000.jpg"])).size == (20, 40)


def test_a_member_that_fills_its_last_block_is_followed_by_the_next(tmp_path: Path) -> None:
    sizes = set()
    for length in range(512):
        sample = replace(drawn_sample("a"), texts=(caption("x" * length),))
        sizes.add(len(encode(sample, SMALL).members[0][1]) % 512)
        if 0 in sizes:
            break
    write_shards([sample, drawn_sample("b")], tmp_path, form=SMALL)
    data = (tmp_path / "frames-000000.tar").read_bytes()
    described = 512 + len(encode(sample, SMALL).members[0][1])
    assert described % 512 == 0
    assert data[described:].startswith(b"a.000.jpg")
    assert [group["__key__"] for group in groups(tmp_path / "frames-000000.tar")] == [b"a", b"b"]


def test_every_row_is_written_or_failed_by_name(tmp_path: Path) -> None:
    done = write_shards(drawn_sources(7, fails=4), tmp_path, rows_per_shard=3)
    assert (done.rows, done.samples, done.reasons) == (7, 6, {"span": 1})
    assert [(failure.id, failure.message) for failure in done.failures] == [("样本_0004", "样本_0004 has no span.")]
    assert [shard.rows for shard in done.shards] == [3, 3, 1]
    assert [shard.samples for shard in done.shards] == [3, 2, 1]
    assert load_list(tmp_path) == done
    for shard in done.shards:
        data = (tmp_path / shard.name).read_bytes()
        assert (shard.bytes, shard.sha256) == (len(data), hashlib.sha256(data).hexdigest())


def test_several_processes_give_the_same_bytes_in_the_same_order(tmp_path: Path) -> None:
    sources = drawn_sources(30, fails=11)
    write_shards(sources, tmp_path / "one", rows_per_shard=8)
    write_shards(sources, tmp_path / "two", rows_per_shard=8, workers=2)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_a_row_that_takes_its_process_down_is_one_failure(tmp_path: Path) -> None:
    done = write_shards(drawn_sources(20, crashes=6), tmp_path, rows_per_shard=8, workers=2)
    assert (done.rows, done.samples, done.reasons) == (20, 19, {"crashed": 1})
    assert done.failures[0].id == "样本_0006"


def test_a_fault_of_a_source_is_no_bad_sample(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        write_shards(drawn_sources(20, breaks=10), tmp_path, rows_per_shard=8)
    assert sorted(contents(tmp_path)) == ["frames-000000.idx", "frames-000000.tar", "shards.json"]


def test_a_killed_run_goes_on_and_ends_in_the_same_bytes(tmp_path: Path) -> None:
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    script = [sys.executable, "-m", "tests.data_pipeline.corpus.drawn_samples", str(killed)]
    run = subprocess.Popen(script, cwd=ROOT)
    while not (killed / ".frames-000002.tar.part").exists():
        assert run.poll() is None
        time.sleep(0.005)
    run.kill()
    run.wait()
    assert not (killed / "frames-000002.tar").exists()
    kept = {path: path.stat().st_mtime_ns for path in killed.glob("frames-00000[01].tar")}
    assert len(kept) == 2

    done = write_shards(drawn_sources(40, fails=7), killed, rows_per_shard=8)
    write_shards(drawn_sources(40, fails=7), whole, rows_per_shard=8)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert (done.rows, done.samples) == (40, 39)
    assert contents(killed) == contents(whole)


def test_a_second_run_makes_nothing_again(tmp_path: Path) -> None:
    first = write_shards(drawn_sources(5, fails=2), tmp_path, rows_per_shard=2)
    endless = [replace(source, seconds=600) for source in drawn_sources(5, fails=2)]
    assert write_shards(endless, tmp_path, rows_per_shard=2) == first


def test_more_rows_go_into_new_shards(tmp_path: Path) -> None:
    first = write_shards(drawn_sources(3), tmp_path, rows_per_shard=2)
    longer = write_shards(drawn_sources(6), tmp_path, rows_per_shard=2)
    assert longer.shards[:2] == first.shards
    assert [shard.rows for shard in longer.shards] == [2, 1, 2, 1]


@pytest.mark.parametrize("harm", ["cut", "gone"])
def test_a_finished_shard_that_was_harmed_is_made_again(tmp_path: Path, harm: str) -> None:
    write_shards(drawn_sources(6), tmp_path, rows_per_shard=2)
    before = contents(tmp_path)
    shard = tmp_path / "frames-000001.tar"
    shard.write_bytes(shard.read_bytes()[:2000]) if harm == "cut" else shard.unlink()
    write_shards(drawn_sources(6), tmp_path, rows_per_shard=2)
    assert contents(tmp_path) == before


def test_other_rows_or_another_form_are_refused(tmp_path: Path) -> None:
    write_shards(drawn_sources(6), tmp_path, rows_per_shard=2)
    before = contents(tmp_path)
    for other in (drawn_sources(6)[::-1], drawn_sources(5), drawn_sources(6, fails=5)):
        with pytest.raises(CorpusError, match="made from other rows") as refused:
            write_shards(other, tmp_path, rows_per_shard=2)
        assert refused.value.kind == "other_rows"
    with pytest.raises(CorpusError, match="112 x 112 pixels and quality 90, not"):
        write_shards(drawn_sources(6), tmp_path, rows_per_shard=2, form=SMALL)
    assert contents(tmp_path) == before


def test_a_full_disk_leaves_no_half_file_and_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sources = drawn_sources(6)
    taken = files.CheckedFile.write

    class FullFile:
        def write(self, data: bytes) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

    def filling(self: files.CheckedFile, data: bytes) -> None:
        if self._path.name == "frames-000001.tar" and self.bytes > 2000:
            self._file = FullFile()     # type: ignore[assignment]
        taken(self, data)

    monkeypatch.setattr(files.CheckedFile, "write", filling)
    with pytest.raises(CorpusError, match=r"frames-000001.tar cannot be written \(No space left on device\)") as full:
        write_shards(sources, tmp_path, rows_per_shard=2)
    assert (full.value.kind, str(full.value).count("\n")) == ("write", 0)
    assert sorted(contents(tmp_path)) == ["frames-000000.idx", "frames-000000.tar", "shards.json"]
    monkeypatch.undo()
    assert write_shards(sources, tmp_path, rows_per_shard=2).samples == 6


def test_two_writers_at_once_are_refused(tmp_path: Path) -> None:
    with only_writer(tmp_path), pytest.raises(CorpusError, match="Another process is writing") as refused:
        write_shards(drawn_sources(1), tmp_path)
    assert refused.value.kind == "busy"


@pytest.mark.parametrize("unfit", ["", "a.b", "a/b", "a b", "猫" * 100, "\udc80"])
def test_ids_that_readers_would_cut_are_refused(unfit: str) -> None:
    with pytest.raises(InputError, match="cannot name files in a shard"):
        drawn_sample(unfit)


def test_an_id_that_comes_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Two samples have the id 样本_0001"):
        write_shards([*drawn_sources(4), DrawnSource(1)], tmp_path, rows_per_shard=2)


def test_a_damaged_list_is_one_sentence(tmp_path: Path) -> None:
    write_shards(drawn_sources(1), tmp_path)
    (tmp_path / "shards.json").write_text("{}")
    with pytest.raises(CorpusError, match="is damaged"):
        load_list(tmp_path)
