"""A raw collection is real files with sound and texts, and beside them the truth about every one."""

from __future__ import annotations

import json
import os
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from data_pipeline.fonts import find_cjk_font
from data_pipeline.miniature.raw_collection import Collection, write_collection
from data_pipeline.miniature.raw_plan import RawVideo, raw_video, subtitles
from data_pipeline.miniature.sounds import RATE, SOUNDS, Sound, sound
from data_pipeline.miniature.world import generate
from retrieval.errors import InputError
from retrieval.video import read_sidecar
from retrieval.video.audio import read_audio

FILES = 24


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    return write_collection(tmp_path_factory.mktemp("raw"), videos=FILES, side=64, frames_per_second=4, workers=1)


@pytest.fixture(scope="module")
def plans() -> list[RawVideo]:
    return [raw_video(clip) for clip in generate(400, seed=3, split="train", dirt=0.5)]


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_every_file_has_a_row_of_facts_and_a_label(collection: Collection) -> None:
    files = sorted(path.name for path in collection.manifest.parent.glob("videos/*.mp4"))
    for path in (collection.manifest, collection.labels):
        assert [Path(row["file"]).name for row in rows(path)] == files
    assert len(files) == collection.videos == collection.drawn == FILES


def test_a_file_has_the_pictures_and_the_sound_of_its_label(collection: Collection) -> None:
    for label in rows(collection.labels):
        with av.open(str(collection.labels.parent / label["file"])) as file:
            assert bool(file.streams.audio) == (label["sound"] is not None)
            frames = sum(1 for _ in file.decode(video=0))
        assert frames == round(label["duration_ms"] * 4 / 1000)
        if label["sound"]:
            samples = read_audio(collection.labels.parent / label["file"])
            assert len(samples) / 16 == pytest.approx(label["duration_ms"], abs=140)
            assert (np.abs(samples).max() < 0.01) == (label["sound"] == "silence")


def test_the_transcript_beside_a_file_is_what_its_label_says(collection: Collection) -> None:
    for label in rows(collection.labels):
        told = [(one["start_ms"], one["end_ms"], one["text"]) for one in label["texts"] if one["kind"] == "asr"]
        sidecar = (collection.labels.parent / label["file"]).with_suffix(".srt")
        assert sidecar.is_file() == bool(told)
        if told:
            assert [(line.start_ms, line.end_ms, line.text) for line in read_sidecar(sidecar)] == told


def test_drawing_again_draws_nothing_and_a_lost_or_cut_file_is_the_same_again(collection: Collection) -> None:
    directory = collection.manifest.parent
    before = {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()}
    lost, cut, *_ = sorted(directory.glob("videos/*.mp4"))
    lost.unlink()
    cut.write_bytes(cut.read_bytes()[:700])
    next(directory.glob("videos/*.srt")).unlink()
    silent = next(path for path in directory.glob("videos/*.mp4") if not path.with_suffix(".srt").is_file())
    silent.with_suffix(".srt").write_text("of another collection")
    again = write_collection(directory, videos=FILES, side=64, frames_per_second=4, workers=1)
    assert again.drawn == 2
    assert {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()} == before


@pytest.mark.skipif(find_cjk_font() is None, reason="no Chinese font on this machine")
def test_a_burnt_in_line_is_seen_low_in_the_picture_while_it_is_said(collection: Collection) -> None:
    label = next(row for row in rows(collection.labels) if row["burnt_in"])
    start_ms, end_ms = next((one["start_ms"], one["end_ms"]) for one in label["texts"] if one["kind"] == "asr")
    with av.open(str(collection.labels.parent / label["file"])) as file:
        frames = [(frame.time * 1000, frame.to_ndarray(format="rgb24")) for frame in file.decode(video=0)]
    shown = next(picture for time, picture in frames if start_ms <= time < end_ms)
    before = next(picture for time, picture in frames if time < start_ms)
    change = np.abs(shown.astype(int) - before).max(axis=2) > 60
    assert change[int(0.75 * len(change)):].mean() > 5 * change[: int(0.7 * len(change))].mean()


def test_all_kinds_of_dirt_sound_and_text_are_there_and_most_facts_too(plans: list[RawVideo]) -> None:
    assert set(Counter(plan.dirt for plan in plans)) == {
        None, "weak", "lyrics", "mismatched", "near_duplicate", "static",
    }
    assert {plan.sound for plan in plans} == {*SOUNDS, None}
    assert {plan.cue_truth for plan in plans if plan.cues} == {"true", "weak", "lyrics", "mismatched", "invention"}
    assert 0.1 < sum(plan.bait for plan in plans) / len(plans) < 0.2
    assert 0.25 < sum(plan.burnt_in for plan in plans) / len(plans) < 0.45
    assert len({plan.uploader for plan in plans}) > 50
    assert all("#" in plan.title for plan in plans if plan.bait)


def test_what_is_heard_goes_with_what_is_written(plans: list[RawVideo]) -> None:
    for plan in plans:
        if plan.cue_truth == "lyrics":
            assert plan.sound == "singing"
        elif plan.cues and plan.cue_truth != "invention":
            assert plan.sound == "speech"
        else:
            assert plan.sound in ("music", "silence", None)


def test_a_sentence_becomes_lines_that_follow_one_another_and_say_all_of_it() -> None:
    text = "草地上有一只红色的大猫，从左边走到了右边然后又跳了起来。"
    lines = subtitles(text, start_ms=100, end_ms=3000)
    assert "".join(line for *_, line in lines) == text.replace("，", "").replace("。", "")
    assert max(len(line) for *_, line in lines) <= 12
    assert (lines[0][0], lines[-1][1]) == (100, 3000)
    assert all(before[1] == after[0] for before, after in pairwise(lines))


@pytest.mark.parametrize("kind", SOUNDS)
def test_a_sound_is_the_same_again_as_long_as_asked_and_never_too_loud(kind: Sound) -> None:
    made = [sound(kind, milliseconds=1500, random=np.random.default_rng(5)) for _ in range(2)]
    assert np.array_equal(*made)
    assert made[0].shape == (RATE * 3 // 2,)
    assert made[0].dtype == np.float32
    assert np.abs(made[0]).max() <= 1


def test_a_voice_pauses_and_music_keeps_its_beat() -> None:
    def quiet(kind: Sound) -> float:
        """The share of tenths of a second with little sound."""
        samples = sound(kind, milliseconds=20_000, random=np.random.default_rng(2))
        loudness = np.sqrt((samples.reshape(-1, RATE // 10) ** 2).mean(axis=1))
        return float((loudness < 0.25 * np.median(loudness)).mean())

    assert quiet("speech") > 0.02
    assert quiet("music") == quiet("singing") == 0


@pytest.mark.parametrize("side", [63, 62])
def test_an_impossible_size_is_one_sentence(tmp_path: Path, side: int) -> None:
    with pytest.raises(InputError, match="cannot be encoded"):
        write_collection(tmp_path, videos=1, side=side)


def test_drafts_that_a_kill_left_are_swept_once_they_are_old(tmp_path: Path) -> None:
    left = tmp_path / "videos" / ".00001.mp4.17.silent"
    left.parent.mkdir()
    left.touch()
    os.utime(left, (0, 0))
    write_collection(tmp_path, videos=1, side=64, frames_per_second=2, workers=1)
    assert not left.exists()
