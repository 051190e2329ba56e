"""A damaged file gives what can be read, exactly, and says what is missing."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest
from making_videos import Recipe, make, number_of

from retrieval.video import VideoReader, at_times, keyframes, uniform
from retrieval.video.decoding import Tally, decode_frames
from retrieval.video.timeline import _tagged_duration

NOISY = {"g": "250", "bf": "2", "sc_threshold": "0"}


def packet_places(path: Path) -> list[tuple[int, int, int]]:
    """(place in the file, size, pts) of every video packet, in file order."""
    with av.open(str(path)) as container:
        return [(packet.pos, packet.size, packet.pts) for packet in container.demux(video=0) if packet.size]


def cut_after(path: Path, packets: int, *, share_of_next: float = 0.0) -> int:
    """Keep a number of whole packets and a part of the next; return how many pictures are whole."""
    place, size, _ = packet_places(path)[packets]
    end = place + int(size * share_of_next)
    path.write_bytes(path.read_bytes()[:end])
    return packets


@pytest.mark.parametrize("threads", [0, 1, 4])
@pytest.mark.parametrize(("suffix", "share"), [("mp4", 0.1), ("mp4", 0.9), ("mkv", 0.1), ("mkv", 0.9)])
def test_a_truncated_file_gives_every_whole_picture_and_says_how_much(
    tmp_path: Path, suffix: str, share: float, threads: int
) -> None:
    muxing = {"movflags": "faststart"} if suffix == "mp4" else {}
    path = make(Recipe(suffix=suffix, times=range(0, 4000, 40), options={**NOISY, "bf": "0"}, muxing=muxing),
                tmp_path / f"cut.{suffix}")
    whole = cut_after(path, 37, share_of_next=share)
    with VideoReader(path, threads=threads) as reader:
        got = [(number_of(frame.rgb()), frame.time_ms) for frame in reader.frames()]
        assert got == [(i, 40 * i) for i in range(whole)]
        assert reader.read_until_ms == 40 * whole
        assert reader.damage is not None
        assert reader.damage.startswith("truncated: 1.5 s of 4.0 s could be read")


def test_a_truncated_file_is_sampled_over_what_can_be_read(tmp_path: Path) -> None:
    path = make(Recipe(times=range(0, 4000, 40), options={**NOISY, "g": "10"}, muxing={"movflags": "faststart"}),
                tmp_path / "cut.mp4")
    cut_after(path, 40)
    with VideoReader(path) as reader:
        readable = [frame.time_ms for frame in reader.frames()]
        end_ms = reader.read_until_ms
        assert end_ms < 1700
        expected = [max(t for t in readable if t <= end_ms * (2 * i + 1) / 8) for i in range(4)]
        assert [frame.time_ms for frame in uniform(reader, 4)] == expected
        assert [frame.time_ms for frame in at_times(reader, [10_000])] == [readable[-1]]
        assert [number_of(frame.rgb()) for frame in keyframes(reader)] == [0, 10, 20, 30]


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("broken", [20, 38, 39])
def test_a_broken_picture_is_skipped_counted_and_costs_no_other(tmp_path: Path, broken: int, threads: int) -> None:
    """Every picture is a keyframe here, so that nothing else depends on the broken one."""
    path = make(Recipe(options={"g": "1", "bf": "0"}), tmp_path / "broken.mp4")
    place, size, _ = packet_places(path)[broken]
    content = bytearray(path.read_bytes())
    content[place : place + size] = b"\xff" * size
    path.write_bytes(content)
    with VideoReader(path, threads=threads) as reader:
        got = [(number_of(frame.rgb()), frame.time_ms) for frame in reader.frames()]
        assert got == [(i, 40 * i) for i in range(40) if i != broken]
        assert reader.damage is not None
        assert "1 frame could not be decoded" in reader.damage


def test_damage_is_none_again_for_the_next_sound_pass(tmp_path: Path) -> None:
    path = make(Recipe(times=range(0, 4000, 40), muxing={"movflags": "faststart"}), tmp_path / "cut.mp4")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])
    with VideoReader(path) as reader:
        list(reader.frames())
        assert reader.damage is not None
        path.write_bytes(whole)
        list(reader.frames())
        assert reader.damage is None


def test_sound_that_outlasts_the_pictures_is_no_damage(tmp_path: Path) -> None:
    for suffix in ("mp4", "mkv", "flv"):
        path = make(Recipe(suffix=suffix, times=range(0, 800, 40), sound_ms=4000), tmp_path / f"long.{suffix}")
        with VideoReader(path) as reader:
            assert len(list(reader.frames())) == 20
            assert reader.damage is None, suffix


class Unreadable:
    """A container that gives some packets and then nothing but read errors."""

    def __init__(self, container: av.container.InputContainer, packets: int) -> None:
        self._container = container
        self._packets = islice(container.demux(video=0), packets)

    def __getattr__(self, name: str) -> object:
        return getattr(self._container, name)

    def demux(self, *streams: av.stream.Stream) -> Iterator[av.Packet]:
        yield from self._packets
        raise av.InvalidDataError(1, "read error")


@pytest.mark.parametrize("threads", [1, 4])
def test_pictures_still_in_the_decoder_are_given_when_the_rest_cannot_be_read(tmp_path: Path, threads: int) -> None:
    path = make(Recipe(options={**NOISY, "bf": "0"}), tmp_path / "part.mp4")
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        video.codec_context.thread_count, video.thread_type = threads, "AUTO"
        frames = list(decode_frames(Unreadable(container, 20), video, Tally()))     # type: ignore[arg-type]
    assert len(frames) == 20


@pytest.mark.parametrize("tag", [
    "00:00:1/0", "1e9999999", "0:0:1e9999999", "-1:00:00", "00:00:01.0000000000", "1" * 5000 + ":00:00",
])
def test_a_broken_length_tag_is_no_length(tag: str) -> None:
    assert _tagged_duration({"DURATION": tag}) is None
    assert _tagged_duration({"DURATION-eng": "01:00:02.500000000\0"}) == Fraction(7205, 2)


def test_timestamps_that_jump_back_never_make_times_run_back(tmp_path: Path) -> None:
    one = make(Recipe(suffix="ts", options=NOISY), tmp_path / "one.ts").read_bytes()
    joined = tmp_path / "joined.ts"
    joined.write_bytes(one + one)               # as recorders that restart do
    with VideoReader(joined) as reader:
        times = np.array([frame.time_ms for frame in reader.frames()])
    assert len(times) >= 78
    assert np.all(np.diff(times) > 0)
    assert 3000 <= times[-1] <= 3200
