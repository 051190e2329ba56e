"""Shots end where the picture changes at once; clips tile the video and carry pictures spread over them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from av.video.frame import VideoFrame
from making_videos import Recipe, make, number_of

from retrieval.video import ClipCutter, CutClip, DecodedFrame, ShotDetector, VideoReader, detect_shots

SCENES = np.random.default_rng(5).integers(30, 220, (30, 9, 16, 3), dtype=np.uint8)


def scene(number: int, *, shift: int = 0, brightness: int = 0) -> np.ndarray:
    """A picture of coloured blocks, moved to the right by some pixels and brightened."""
    picture = SCENES[number].repeat(10, axis=0).repeat(10, axis=1)
    return np.clip(np.roll(picture, shift, axis=1).astype(int) + brightness, 0, 255).astype(np.uint8)


def frames(pictures: Sequence[np.ndarray], *, step_ms: int = 40) -> list[DecodedFrame]:
    return [
        DecodedFrame(decoded, time_ms=i * step_ms, duration_ms=step_ms)
        for i, picture in enumerate(pictures)
        for decoded in [VideoFrame.from_ndarray(picture, "rgb24").reformat(format="yuv420p")]
    ]


def cuts_of(given: list[DecodedFrame]) -> list[int]:
    detector = ShotDetector()
    return [cut for frame in given for cut in detector.feed(frame)] + detector.finish()


def test_hard_cuts_are_found_at_the_first_frame_of_the_new_shot() -> None:
    lengths = [10, 25, 8, 40, 9]
    pictures = [scene(shot) for shot, length in enumerate(lengths) for _ in range(length)]
    assert cuts_of(frames(pictures)) == [int(start) * 40 for start in np.cumsum(lengths)[:-1]]


def test_a_cut_is_told_two_frames_after_it() -> None:
    detector = ShotDetector()
    told = [detector.feed(frame) for frame in frames([scene(0)] * 12 + [scene(1)] * 5)]
    assert [i for i, cuts in enumerate(told) if cuts] == [14]
    assert told[14] == [480]


def test_steady_movement_and_slow_fades_are_no_cuts() -> None:
    assert cuts_of(frames([scene(0, shift=6 * i) for i in range(40)])) == []
    assert cuts_of(frames([scene(0, brightness=4 * i) for i in range(40)])) == []


def test_a_cut_within_movement_is_found() -> None:
    assert cuts_of(frames([scene(i // 20, shift=2 * i) for i in range(40)])) == [800]


def test_a_flash_is_no_cut() -> None:
    pictures = [scene(0)] * 15 + [scene(0, brightness=150)] + [scene(0)] * 15
    assert cuts_of(frames(pictures)) == []


def test_every_other_frame_repeated_does_not_look_like_cuts() -> None:
    """Animation drawn on twos: the picture changes with every second frame only."""
    assert cuts_of(frames([scene(0, shift=8 * (i // 2)) for i in range(60)])) == []


def test_a_cut_right_before_the_end_is_found_without_its_look_ahead() -> None:
    assert cuts_of(frames([scene(0)] * 20 + [scene(1)])) == [800]


def test_shots_tile_the_video_from_the_first_frame_to_the_end(tmp_path) -> None:  # type: ignore[no-untyped-def]
    recipe = Recipe(times=range(0, 1600, 40), shift=500, sound_ms=2100)
    with VideoReader(make(recipe, tmp_path / "late.mp4")) as reader:
        shots = detect_shots(reader)
        assert shots[0][0] == 500
        assert shots[-1][1] == reader.read_until_ms == 2100
        assert all(one[1] == other[0] for one, other in pairwise(shots))


def clips_of(
    lengths: Sequence[int], *, step_ms: int = 40, size: int | None = 24, end_ms: int | None = None
) -> list[CutClip]:
    cutter = ClipCutter(height=size, width=size)
    clips, number = [], 0
    for shot, length in enumerate(lengths):
        for _ in range(length):
            frame = frames([scene(shot % 30)])[0]
            frame.time_ms = number * step_ms
            clips += cutter.feed(frame)
            number += 1
    return clips + cutter.finish(number * step_ms if end_ms is None else end_ms)


def spans(clips: list[CutClip]) -> list[tuple[int, int]]:
    return [(clip.start_ms, clip.end_ms) for clip in clips]


def test_a_clip_is_a_shot_that_is_short_enough() -> None:
    assert spans(clips_of([50, 100, 60])) == [(0, 2000), (2000, 6000), (6000, 8400)]


@pytest.mark.parametrize(
    ("seconds", "parts"),
    [(10, [10]), (12, [6, 6]), (19, [9.5, 9.5]), (20, [10, 10]), (25, [10, 7.5, 7.5]), (30, [10, 10, 10]),
     (41, [10, 10, 10, 5.5, 5.5])],
)
def test_a_long_shot_is_split_into_near_equal_parts_of_ten_seconds_at_most(seconds: int, parts: list[float]) -> None:
    clips = clips_of([seconds * 10], step_ms=100)
    assert [clip.end_ms - clip.start_ms for clip in clips] == [part * 1000 for part in parts]
    assert clips[0].start_ms == 0
    assert all(one.end_ms == other.start_ms for one, other in pairwise(clips))


@pytest.mark.parametrize(("shot_frames", "count"), [(250, 8), (125, 4), (190, 6), (25, 4), (9, 4), (8, 4)])
def test_a_clip_has_four_to_eight_frames_spread_evenly(shot_frames: int, count: int) -> None:
    clip = clips_of([shot_frames])[0]
    length = shot_frames * 40
    ideal = [length * (2 * i + 1) / (2 * count) for i in range(count)]
    assert len(clip.frame_times_ms) == count
    assert max(abs(one - other) for one, other in zip(clip.frame_times_ms, ideal, strict=True)) <= max(130, length / 8)
    assert list(clip.frame_times_ms) == sorted(set(clip.frame_times_ms))
    assert clip.keyframe_ms in clip.frame_times_ms
    assert clip.pictures is not None
    assert clip.pictures.shape == (count, 24, 24, 3)


def test_a_short_shot_after_a_cut_has_its_four_frames_too() -> None:
    assert [len(clip.frame_times_ms) for clip in clips_of([100, 9, 100, 12, 8, 50])] == [4, 4, 4, 4, 4, 4]


def test_a_clip_with_fewer_frames_has_them_all() -> None:
    clip, = clips_of([3])
    assert clip.frame_times_ms == (0, 40, 80)
    one, = clips_of([1])
    assert (one.start_ms, one.end_ms, one.frame_times_ms, one.keyframe_ms) == (0, 40, (0,), 0)


def test_one_frame_that_stays_for_half_a_minute_stands_for_every_part() -> None:
    clips = clips_of([1, 1], step_ms=35_000, end_ms=36_000)
    assert clips[-1].end_ms == 36_000
    assert max(clip.end_ms - clip.start_ms for clip in clips) <= 10_000
    assert all(clip.start_ms <= clip.frame_times_ms[0] < clip.end_ms for clip in clips)
    first = [clip for clip in clips if clip.end_ms <= 35_000]
    assert all(np.array_equal(clip.pictures, first[0].pictures) for clip in first)


def test_without_a_size_no_picture_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DecodedFrame, "rgb", lambda *_, **__: pytest.fail("converted"))
    clips = clips_of([50, 60], size=None)
    assert spans(clips) == [(0, 2000), (2000, 4400)]
    assert all(clip.pictures is None and len(clip.frame_times_ms) == 4 for clip in clips)


def test_few_frames_are_converted(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    convert = DecodedFrame.rgb
    monkeypatch.setattr(DecodedFrame, "rgb", lambda frame, **size: made.append(frame.time_ms) or convert(frame, **size))
    clips_of([500])
    assert len(made) <= 4 * 20 + 16


def test_what_is_held_stays_bounded_however_long_a_shot_is() -> None:
    cutter = ClipCutter(height=8, width=8)
    most = 0
    for i in range(800):
        frame = frames([scene(0)])[0]
        frame.time_ms = i * 250
        cutter.feed(frame)
        most = max(most, len(cutter._candidates) + len(cutter._undecided))
    assert most <= 2 * 40 + 20


def test_the_keyframe_is_a_sharp_one_near_the_middle() -> None:
    blurred = np.full((90, 160, 3), 120, np.uint8)
    cutter = ClipCutter(height=90, width=160)
    given = frames([blurred] * 80 + [scene(0) // 16 + 112] * 10 + [blurred] * 50)       # too alike to be a cut
    clips = [clip for frame in given for clip in cutter.feed(frame)] + cutter.finish(5600)
    clip, = clips
    assert clip.frame_times_ms[1:3] == (2040, 3440)
    assert clip.keyframe_ms == 3440


def test_pictures_are_those_of_their_times(tmp_path) -> None:  # type: ignore[no-untyped-def]
    path = make(Recipe(times=range(0, 8000, 40), options={"g": "50"}), tmp_path / "clip.mp4")
    with VideoReader(path) as reader:
        cutter = ClipCutter(height=96, width=160)
        clips = [clip for frame in reader.frames() for clip in cutter.feed(frame)] + cutter.finish(reader.read_until_ms)
    for clip in clips:
        assert clip.pictures is not None
        assert [number_of(picture) for picture in clip.pictures] == [time_ms // 40 for time_ms in clip.frame_times_ms]
    assert (clips[0].start_ms, clips[-1].end_ms) == (0, 8000)


def test_no_frame_gives_no_clip_and_bad_sizes_are_refused() -> None:
    assert ClipCutter(height=8, width=8).finish(0) == []
    with pytest.raises(ValueError, match="width"):
        ClipCutter(height=8, width=None)
    with pytest.raises(ValueError, match="longest_ms"):
        ClipCutter(height=8, width=8, longest_ms=0)


def test_a_picture_that_stays_for_a_month_is_cut_into_a_bounded_number_of_clips() -> None:
    month_ms = 30 * 86_400_000
    clips = clips_of([1, 1], step_ms=month_ms, end_ms=2 * month_ms)
    assert len(clips) <= 300
    assert (clips[0].start_ms, clips[-1].end_ms) == (0, 2 * month_ms)
    assert all(one.end_ms == other.start_ms for one, other in pairwise(clips))
