"""Sound comes as mono samples that lie where they are heard."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from making_videos import Recipe, make, sound_packets, tone, video_packets

from retrieval.errors import VideoError
from retrieval.video import iter_audio, read_audio


def write_sound(
    path: Path, samples: np.ndarray, *, start: int = 0, codec: str = "aac", rate: int = 48_000, layout: str = "stereo"
) -> Path:
    """A 2 s video from 0 and a sound track whose first sample is heard at sample number `start`."""
    recipe = Recipe(times=range(0, 2000, 40))
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25)
        video.height, video.width, video.pix_fmt = 96, 160, "yuv420p"
        video.codec_context.time_base = recipe.unit
        sound = container.add_stream(codec, rate=rate, layout=layout)
        packets = video_packets(video, recipe) + sound_packets(sound, samples, rate=rate, start=start, layout=layout)
        for packet in sorted(packets, key=lambda each: each.dts * each.time_base):
            container.mux(packet)
    return path


def click(at_seconds: float, *, length_seconds: float = 2.0, rate: int = 48_000) -> np.ndarray:
    samples = np.zeros(round(length_seconds * rate), np.float32)
    samples[round(at_seconds * rate) : round((at_seconds + 0.02) * rate)] = 0.8
    return samples


def heard_at(samples: np.ndarray, rate: int = 16_000) -> float:
    return float(np.argmax(np.abs(samples) > 0.3)) / rate


@pytest.mark.parametrize(
    ("suffix", "codec"), [("mp4", "aac"), ("mkv", "aac"), ("mkv", "libopus"), ("mkv", "flac"), ("mp4", "libmp3lame")]
)
def test_a_click_is_heard_where_it_was_put(tmp_path: Path, suffix: str, codec: str) -> None:
    path = write_sound(tmp_path / f"click.{suffix}", click(0.5), codec=codec)
    samples = read_audio(path)
    assert samples.dtype == np.float32
    assert samples.ndim == 1
    assert heard_at(samples) == pytest.approx(0.5, abs=0.004)
    assert len(samples) / 16_000 == pytest.approx(2.0, abs=0.05)


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_sound_that_starts_late_follows_silence(tmp_path: Path, suffix: str) -> None:
    path = write_sound(tmp_path / f"late.{suffix}", click(0.5, length_seconds=1.2), start=36_000)
    samples = read_audio(path)
    assert np.abs(samples[:11_000]).max() < 1e-3
    assert heard_at(samples) == pytest.approx(1.25, abs=0.004)


def test_pitch_level_and_rate_are_kept(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "tone.mkv", tone(2.0, hertz=440, level=0.9), codec="flac")
    for rate in (8_000, 16_000, 44_100, 48_000):
        samples = read_audio(path, sample_rate=rate)
        assert len(samples) == 2 * rate
        spectrum = np.abs(np.fft.rfft(samples[: 2 * rate] * np.hanning(2 * rate)))
        assert spectrum.argmax() / 2 == pytest.approx(440, abs=1)
        assert np.abs(samples).max() == pytest.approx(0.9, abs=0.02)    # two equal channels do not add up


def test_pieces_are_the_whole_and_bounded(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "tone.mp4", tone(2.0))
    pieces = list(iter_audio(path, chunk_samples=5_000))
    assert {len(piece) for piece in pieces[:-1]} == {5_000}
    assert 0 < len(pieces[-1]) <= 5_000
    assert np.array_equal(np.concatenate(pieces), read_audio(path))


def write_two_runs(path: Path, *, second_at_ms: int) -> Path:
    """Half a second of sound from 0, half a second from another time, a click at 100 ms of each; packets of 100 ms."""
    with av.open(str(path), "w") as container:
        sound = container.add_stream("pcm_s16le", rate=48_000, layout="mono")
        samples = (click(0.1, length_seconds=0.5) * 32_767).astype(np.int16)
        for start in (0, 48 * second_at_ms):
            for begin in range(0, len(samples), 4_800):
                frame = av.AudioFrame.from_ndarray(samples[None, begin : begin + 4_800], "s16", "mono")
                frame.sample_rate, frame.pts, frame.time_base = 48_000, start + begin, Fraction(1, 48_000)
                container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
    return path


def test_a_gap_in_the_sound_is_silence_of_its_length(tmp_path: Path) -> None:
    samples = read_audio(write_two_runs(tmp_path / "gap.mkv", second_at_ms=1_500))
    assert heard_at(samples) == pytest.approx(0.1, abs=0.002)
    assert heard_at(samples[16_000:]) == pytest.approx(0.6, abs=0.002)
    assert np.abs(samples[8_100:23_900]).max() == 0
    assert len(samples) / 16_000 == pytest.approx(2.0, abs=0.001)


def test_sound_that_overlaps_what_was_heard_is_cut_so_that_the_rest_stays_in_time(tmp_path: Path) -> None:
    samples = read_audio(write_two_runs(tmp_path / "overlap.mkv", second_at_ms=420))
    assert heard_at(samples[8_000:]) == pytest.approx(0.02, abs=0.002)      # 420 + 100 ms
    assert len(samples) / 16_000 == pytest.approx(0.92, abs=0.001)


def test_a_video_without_sound_says_so(tmp_path: Path) -> None:
    path = make(Recipe(times=range(0, 400, 40)), tmp_path / "silent.mp4")
    with pytest.raises(VideoError, match="sound") as caught:
        read_audio(path)
    assert caught.value.kind == "no_audio"


def test_bad_arguments_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="sample_rate"):
        read_audio(tmp_path / "any.mp4", sample_rate=0)
    with pytest.raises(VideoError, match="does not exist"):
        read_audio(tmp_path / "any.mp4")
