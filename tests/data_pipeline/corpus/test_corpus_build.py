"""A corpus is built from rows about files; every row ends in exactly one place, also after a kill."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from data_pipeline.corpus import examined, shards
from data_pipeline.corpus.build import CorpusReport, build_corpus
from data_pipeline.corpus.plan import VideoSource
from data_pipeline.corpus.rows import ClipRow, PairRow, VideoRow
from data_pipeline.corpus.samples import PictureFormat
from data_pipeline.corpus.shard_reader import ShardDataset
from data_pipeline.corpus.tables import read_table
from tests.data_pipeline.corpus.drawn_samples import caption
from tests.videos import write_video

ROOT = Path(__file__).parents[3]
SMALL = PictureFormat(height=16, width=16)


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("视频")
    for number in range(4):
        write_video(folder / f"{number}.mp4", seed=number, seconds=2, title="草地" if number == 0 else None)
    shutil.copy(folder / "0.mp4", folder / "copy of 0.mp4")
    whole = write_video(folder / "whole.mkv", seed=9, seconds=4).read_bytes()
    (folder / "half.mkv").write_bytes(whole[: len(whole) // 2])
    (folder / "notes.mp4").write_text("not a video")
    return folder


def row(path: Path, *texts: str, split: str = "train", **known: int) -> VideoSource:
    return VideoSource(path=str(path), texts=tuple(caption(text) for text in texts), split=split, **known)    # type: ignore[arg-type]


def rows_of(videos: Path) -> list[VideoSource]:
    return [
        row(videos / "0.mp4", "猫", "  ", "猫"),
        row(videos / "1.mp4", "狗", start_ms=0, end_ms=1000),
        row(videos / "1.mp4", "狗跑", start_ms=1000, end_ms=60_000),
        row(videos / "notes.mp4", "不是视频"),
        row(videos / "copy of 0.mp4", "猫", "一只猫"),
        row(videos / "gone.mp4", "没有"),
        row(videos / "copy of 0.mp4", "测试", split="test"),
        row(videos / "1.mp4", "太晚", start_ms=5000, end_ms=6000),
        row(videos / "2.mp4", " "),
        row(videos / "half.mkv", "半个"),
        row(videos / "3.mp4", "鸟", split="test"),
    ]


def account(report: CorpusReport) -> tuple[int, ...]:
    return report.rows, report.kept, report.merged, report.failed


def contents(directory: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(directory)): path.read_bytes() for path in sorted(directory.rglob("*"))
        if path.is_file() and path.name not in (".writer.lock", "examined.jsonl")
    }


def test_every_row_is_kept_merged_or_failed_for_a_reason(videos: Path, tmp_path: Path) -> None:
    report = build_corpus(rows_of(videos), tmp_path, form=SMALL, frames=2)
    assert account(report) == (11, 5, 1, 5)
    assert report.reasons == {"missing": 1, "no_text": 1, "not_a_video": 1, "span": 1, "split": 1}
    assert {Path(failure.id).name for failure in report.failures} == {
        "notes.mp4", "gone.mp4", "copy of 0.mp4", "1.mp4", "2.mp4",
    }
    assert all(failure.id in failure.message for failure in report.failures)
    assert (report.videos, report.clips, report.pairs, report.dropped_texts) == (4, 5, 6, 3)
    told = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert told["reasons"] == report.reasons
    assert len(told["failures"]) == 5


def test_tables_and_shards_tell_the_same(videos: Path, tmp_path: Path) -> None:
    build_corpus(rows_of(videos), tmp_path, form=SMALL, frames=2)
    video_rows = {video.video_id: video for video in read_table(tmp_path / "videos.parquet", VideoRow)}
    clips = list(read_table(tmp_path / "clips.parquet", ClipRow))
    pairs = list(read_table(tmp_path / "pairs.parquet", PairRow))

    first = video_rows[clips[0].video_id]
    assert first.video_id == hashlib.sha256((videos / "0.mp4").read_bytes()).hexdigest()
    assert (first.path, first.title, first.split) == (str(videos / "0.mp4"), "草地", "train")
    assert (first.width, first.height, first.duration_ms, first.video_codec) == (96, 64, 2000, "h264")
    damage = {Path(video.path).name: video.damage for video in video_rows.values()}
    assert "truncated" in str(damage.pop("half.mkv"))
    assert set(damage.values()) == {None}

    assert [(clip.start_ms, clip.end_ms) for clip in clips[:3]] == [(0, 2000), (0, 1000), (1000, 2000)]
    assert [clip.clip_id[16:] for clip in clips] == ["_0000", "_0000", "_0001", "_0000", "_0000"]
    assert [(pair.clip_id, pair.text) for pair in pairs[:3]] == [
        (clips[0].clip_id, "猫"), (clips[0].clip_id, "一只猫"), (clips[1].clip_id, "狗"),
    ]
    assert len({pair.pair_id for pair in pairs}) == len(pairs)

    dataset = ShardDataset(tmp_path / "shards")
    for number, clip in enumerate(clips):
        sample = dataset[number]
        assert (sample.key, sample.video, sample.split) == (clip.clip_id, clip.video_id, clip.split)
        assert (sample.start_ms, sample.end_ms) == (clip.start_ms, clip.end_ms)
        assert [text["text"] for text in sample.texts] == [pair.text for pair in pairs if pair.clip_id == clip.clip_id]


def test_several_processes_build_the_same_corpus(videos: Path, tmp_path: Path) -> None:
    build_corpus(rows_of(videos), tmp_path / "one", form=SMALL, frames=2, rows_per_shard=2)
    build_corpus(rows_of(videos), tmp_path / "two", form=SMALL, frames=2, rows_per_shard=2, workers=2)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_a_second_run_reads_only_what_has_changed(
    videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "videos"
    shutil.copytree(videos, folder)
    rows = [row(folder / f"{number}.mp4", "猫") for number in range(3)]
    build_corpus(rows, tmp_path / "corpus", form=SMALL)
    with (tmp_path / "corpus" / "examined.jsonl").open("a") as log:
        log.write('{"version": 1, "path": "/cut in')
    os.utime(folder / "1.mp4", ns=(1, 1))
    read: list[str] = []
    real = examined._examine
    monkeypatch.setattr(examined, "_examine", lambda path: read.append(path) or real(path))
    before = contents(tmp_path / "corpus")
    for expected in ([str(folder / "1.mp4")], []):
        read.clear()
        build_corpus(rows, tmp_path / "corpus", form=SMALL)
        assert read == expected
        assert contents(tmp_path / "corpus") == before


def test_other_rows_take_the_place_of_those_that_were_there(
    videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, corpus = tmp_path / "videos", tmp_path / "corpus"
    shutil.copytree(videos, folder)
    rows = [row(folder / name, "猫") for name in ("0.mp4", "notes.mp4", "1.mp4")]
    assert build_corpus(rows, corpus, form=SMALL, rows_per_shard=1).reasons == {"not_a_video": 1}
    before = contents(corpus / "shards")
    shutil.copy(videos / "2.mp4", folder / "notes.mp4")     # mended
    with monkeypatch.context() as patch:
        patch.setattr(shards, "append_sample", ending_after(1, shards.append_sample))
        with pytest.raises(KeyError):
            build_corpus(rows, corpus, form=SMALL, rows_per_shard=1)
    assert contents(corpus / "shards") == before        # until the new ones are whole
    assert account(build_corpus(rows, corpus, form=SMALL, rows_per_shard=1)) == (3, 3, 0, 0)
    build_corpus(rows, tmp_path / "new", form=SMALL, rows_per_shard=1)
    assert contents(corpus / "shards") == contents(tmp_path / "new/shards")
    assert account(build_corpus(rows[:1], corpus, form=PictureFormat(height=8, width=8))) == (1, 1, 0, 0)
    assert len(ShardDataset(corpus / "shards")) == 1
    assert sorted(path.name for path in corpus.iterdir() if path.is_dir()) == ["shards"]


def ending_after(count: int, real: Callable[..., None]) -> Callable[..., None]:
    calls: list[int] = []

    def counted(*given: object) -> None:
        calls.append(1)
        if len(calls) > count:
            raise KeyError
        real(*given)

    return counted


def test_a_clip_without_frames_is_in_no_table(videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = examined._examine

    def vanishing(path: str) -> examined.Examined:
        found = real(path)
        if path.endswith("1.mp4"):
            Path(path).unlink()
        return found

    folder = tmp_path / "videos"
    shutil.copytree(videos, folder)
    shutil.copy(folder / "1.mp4", folder / "again.mp4")
    monkeypatch.setattr(examined, "_examine", vanishing)
    rows = [row(folder / name, name) for name in ("0.mp4", "1.mp4", "again.mp4")]
    report = build_corpus(rows, tmp_path / "corpus", form=SMALL)
    assert account(report) == (3, 1, 0, 2)
    assert report.reasons == {"missing": 2}
    for name, row_type in (("videos", VideoRow), ("clips", ClipRow), ("pairs", PairRow)):
        assert len(list(read_table(tmp_path / "corpus" / f"{name}.parquet", row_type))) == 1    # type: ignore[type-var]


def test_a_name_that_is_not_utf8_is_a_failure(videos: Path, tmp_path: Path) -> None:
    odd = tmp_path / os.fsdecode(b"\xff.mp4")
    try:
        shutil.copy(videos / "0.mp4", odd)
    except OSError:
        pytest.skip("this file system holds UTF-8 names only")
    report = build_corpus([row(odd, "猫"), row(videos / "1.mp4", "狗\udc80")], tmp_path / "corpus", form=SMALL)
    assert (account(report), report.reasons) == ((2, 1, 0, 1), {"name": 1})
    assert ShardDataset(tmp_path / "corpus" / "shards")[0].texts[0]["text"] == "狗"


def test_a_killed_build_goes_on_and_ends_in_the_same_corpus(videos: Path, tmp_path: Path) -> None:
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    script = [sys.executable, "-m", "tests.data_pipeline.corpus.test_corpus_build", str(videos), str(killed)]
    run = subprocess.Popen(script, cwd=ROOT)
    while not (killed / "shards" / ".frames-000002.tar.part").exists():
        assert run.poll() is None
        time.sleep(0.005)
    run.kill()
    run.wait()
    assert not (killed / "report.json").exists()
    ended = build_corpus(rows_of(videos), killed, form=SMALL, frames=2, rows_per_shard=1)
    assert ended == build_corpus(rows_of(videos), whole, form=SMALL, frames=2, rows_per_shard=1)
    assert contents(killed) == contents(whole)


if __name__ == "__main__":      # the run that is killed: it halts within its third shard
    build_corpus(
        rows_of(Path(sys.argv[1])), Path(sys.argv[2]), form=SMALL, frames=2, rows_per_shard=1,
        progress=lambda stage, done, total: time.sleep(600 if (stage, done) == ("frames", 3) else 0),
    )
