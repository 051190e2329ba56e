"""Joined recordings go on where the part before ended; one far timestamp neither lengthens a video nor its sound."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from making_videos import Recipe, joined_transport_streams, make, number_of, sound_packets, tone, video_packets

from retrieval.video import ClipCutter, VideoReader, iter_audio, keyframes, read_audio, uniform
from retrieval.video.continuity import Continuity

GOP_10 = {"g": "10", "sc_threshold": "0", "bf": "2"}
HOURS_6, DAYS_30 = 6 * 3_600_000, 30 * 86_400_000


def write(path: Path, times: list[int], *, sound: np.ndarray | None = None, rate: int = 48_000) -> Path:
    """A video with pictures at some times (ms), and sound from 0; a click is put into it by the caller."""
    recipe = Recipe(times=times, options={"g": "10", "bf": "0"})
    with av.open(str(path), "w", options={"muxdelay": "0"} if path.suffix == ".ts" else {}) as container:
        video = container.add_stream("libx264", rate=25, options=recipe.options)
        video.height, video.width, video.pix_fmt = 96, 160, "yuv420p"
        video.codec_context.time_base = video.time_base = recipe.unit
        packets = []
        if sound is not None:
            track = container.add_stream("aac", rate=rate, layout="mono")
            packets = sound_packets(track, sound, rate=rate, layout="mono")
        packets += video_packets(video, recipe)
        for packet in sorted(packets, key=lambda each: each.dts * each.time_base):
            container.mux(packet)
    return path


def test_the_sound_of_both_parts_of_a_joined_recording_is_heard_with_its_pictures(tmp_path: Path) -> None:
    sound = np.zeros(96_000, np.float32)
    sound[48_000:49_000] = 0.8              # at 1 s, while picture 25 is shown
    path = write(tmp_path / "part.ts", list(range(0, 2000, 40)), sound=sound)
    path.write_bytes(joined_transport_streams(path.read_bytes() * 3))
    samples = read_audio(path)
    with VideoReader(path) as reader:
        shown = [frame.time_ms for frame in reader.frames() if number_of(frame.rgb()) == 25]
    loud = np.flatnonzero(np.abs(samples) > 0.3) / 16
    heard = [float(loud[(loud > time_ms - 500) & (loud < time_ms + 500)][0]) for time_ms in shown]
    assert len(shown) == 3
    assert shown[2] > 4500
    assert heard == pytest.approx(shown, abs=60)
    assert len(samples) / 16_000 == pytest.approx(6.0, abs=0.2)


def test_keyframes_have_the_times_of_a_full_decode_where_times_run_back_a_little(tmp_path: Path) -> None:
    parts = [
        make(Recipe(suffix="ts", options=GOP_10, muxing={"output_ts_offset": str(at)}), tmp_path / f"{at}.ts").read_bytes()
        for at in (90, 91)                  # the first ends at 91.6 s
    ]
    path = tmp_path / "joined.ts"
    path.write_bytes(joined_transport_streams(b"".join(parts)))
    with VideoReader(path) as reader:
        expected = [frame.time_ms for frame in reader.frames() if frame.is_keyframe]
        assert [frame.time_ms for frame in keyframes(reader)] == expected
        assert len(expected) == 8


@pytest.mark.parametrize("far_ms", [HOURS_6, DAYS_30])
@pytest.mark.parametrize("place", [20, 39])
def test_one_far_timestamp_makes_neither_clips_nor_silence(tmp_path: Path, far_ms: int, place: int) -> None:
    times = [40 * i for i in range(40)]
    times[place:] = [far_ms + 40 * i for i in range(40 - place)]
    path = write(tmp_path / "far.mkv", times, sound=tone(1.6))
    with VideoReader(path) as reader:
        cutter = ClipCutter(height=8, width=8)
        assert sum(len(cutter.feed(frame)) for frame in reader.frames()) == 0
        assert reader.damage is not None
        assert "far ahead" in reader.damage
        assert reader.read_until_ms == pytest.approx(1600, abs=50)
        assert len(cutter.finish(reader.read_until_ms)) == 1
        assert uniform(reader, 3)[-1].time_ms < 1600
    assert sum(len(piece) for piece in iter_audio(path)) / 16_000 == pytest.approx(1.6, abs=0.2)


def test_far_timestamps_of_the_sound_make_no_silence(tmp_path: Path) -> None:
    path = tmp_path / "far.mkv"
    with av.open(str(path), "w") as container:
        track = container.add_stream("pcm_s16le", rate=8_000, layout="mono")
        for start in (*range(0, 8_000, 800), *range(8 * DAYS_30, 8 * DAYS_30 + 8_000, 800)):
            frame = av.AudioFrame.from_ndarray(np.full((1, 800), 9_000, np.int16), "s16", "mono")
            frame.sample_rate, frame.pts, frame.time_base = 8_000, start, Fraction(1, 8_000)
            container.mux(track.encode(frame))
    assert len(read_audio(path, sample_rate=8_000)) == pytest.approx(16_000, abs=10)


def test_a_slide_that_stands_for_nine_minutes_keeps_its_time(tmp_path: Path) -> None:
    path = write(tmp_path / "slides.mkv", [0, 540_000, 1_080_000, 1_081_000])
    with VideoReader(path) as reader:
        assert [frame.time_ms for frame in reader.frames()] == [0, 540_000, 1_080_000, 1_081_000]
        assert reader.damage is None


def test_a_slide_that_stands_for_longer_keeps_its_time_while_there_is_sound(tmp_path: Path) -> None:
    path = write(tmp_path / "lecture.mkv", [0, 800_000, 801_000], sound=np.zeros(801 * 8_000, np.float32), rate=8_000)
    with VideoReader(path) as reader:
        assert [frame.time_ms for frame in reader.frames()] == [0, 800_000, 801_000]
        assert reader.damage is None
        assert next(keyframes(reader)).time_ms == 0


class Packet:
    """Of a track at 1,000 ticks a second."""

    time_base = Fraction(1, 1000)

    def __init__(self, kind: str, pts: int, *, duration: int = 40) -> None:
        self.pts = self.dts = pts
        self.duration = duration
        self.stream = type("Stream", (), {"index": ("video", "audio", "subtitle").index(kind), "type": kind})


def placed(*packets: Packet) -> list[int]:
    continuity = Continuity(0.0)
    for packet in packets:
        continuity.place(packet)            # type: ignore[arg-type]
    return [packet.pts for packet in packets]


def test_sound_and_text_of_a_part_move_with_its_pictures() -> None:
    assert placed(
        Packet("video", 0), Packet("audio", 10), Packet("video", 4000), Packet("audio", 4010),
        Packet("video", 100), Packet("audio", 4030), Packet("audio", 110), Packet("subtitle", 150),
    ) == [0, 10, 4000, 4010, 4040, 4030, 4050, 4090]


def test_one_wrong_timestamp_moves_nothing_else() -> None:
    for wrong in (DAYS_30, -5000):
        assert placed(
            Packet("video", 4000), Packet("audio", 4030), Packet("video", wrong), Packet("video", 4080), Packet("audio", 4070),
        ) == [4000, 4030, 4040, 4080, 4070]


def test_an_absurd_length_is_taken_away() -> None:
    packet = Packet("video", 0, duration=DAYS_30)
    placed(packet)
    assert packet.duration == 0
