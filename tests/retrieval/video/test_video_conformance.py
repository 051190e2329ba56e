"""For every kind of file and every way of asking, the picture and its time are exactly the expected ones."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from making_videos import Recipe, make, number_of

from retrieval.errors import InputError
from retrieval.video import DECODERS, DecodedFrame, VideoReader, at_times, every, keyframes, require_decoder, uniform

UNEVEN = (0, 10, 95, 130, 400, 401, 433, 900, 1000, 1300, 1333, 1366, 2000)
GOP_10 = {"g": "10", "sc_threshold": "0", "bf": "2"}
TENTHS = tuple(range(0, 40, 10))

RECIPES = {
    "h264, one keyframe, B-frames": Recipe(options={"g": "250", "bf": "3", "sc_threshold": "0"}, keys=(0,)),
    "h264, closed groups": Recipe(options=GOP_10, keys=TENTHS),
    "h264, open groups": Recipe(
        suffix="mkv", options={"bf": "3", "x264-params": "keyint=10:min-keyint=10:scenecut=0:open-gop=1:b-adapt=0"}
    ),
    "h264, fragmented": Recipe(options=GOP_10, muxing={"movflags": "frag_keyframe+empty_moov"}, keys=TENTHS),
    "h264, 10 bits": Recipe(options=GOP_10, pixel_format="yuv420p10le", keys=TENTHS),
    "h264, yuv444p, odd size": Recipe(options=GOP_10, pixel_format="yuv444p", size=(97, 161), keys=TENTHS),
    "h264, pixels not square": Recipe(options=GOP_10, pixel_aspect=Fraction(4, 3), size=(96, 192), keys=TENTHS),
    "h264, sound with priming": Recipe(options=GOP_10, sound_ms=1600, keys=TENTHS),
    "h264, half a second after the sound, mp4": Recipe(
        options=GOP_10, sound_ms=2100, shift=500, shown=[(i, 500 + 40 * i) for i in range(40)], keys=TENTHS
    ),
    "h264, half a second after the sound, mkv": Recipe(
        suffix="mkv", options=GOP_10, sound_ms=2100, shift=500, shown=[(i, 500 + 40 * i) for i in range(40)], keys=TENTHS
    ),
    "h264, first pictures cut by an edit list": Recipe(
        options={"g": "250", "bf": "0", "sc_threshold": "0"}, shift=-320, shown=[(8 + i, 40 * i) for i in range(32)],
        keys=(8,),          # the keyframe itself is cut away: the first picture stands for it
    ),
    "h264, transport stream, no B-frames": Recipe(
        suffix="ts", options={**GOP_10, "bf": "0"}, muxing={"muxdelay": "0", "output_ts_offset": "90"}, keys=TENTHS
    ),
    **{
        f"h264, two recordings joined, {name}": Recipe(
            suffix=suffix, options={**GOP_10, "bf": bf}, muxing=muxing, copies=2,
            shown=[(i % 40, 40 * i) for i in range(80)], keys=TENTHS,
        )
        for name, suffix, bf, muxing in (
            ("ts", "ts", "0", {"muxdelay": "0"}), ("ts, B-frames", "ts", "2", {"muxdelay": "0"}),
            ("ts, B-frames, far", "ts", "2", {"muxdelay": "0", "output_ts_offset": "5000"}),
        )
    },
    "h264, raw": Recipe(suffix="h264", options=GOP_10, keys=TENTHS),
    "h264, flv": Recipe(suffix="flv", options=GOP_10, keys=TENTHS),
    "h264, avi, B-frames": Recipe(suffix="avi", options=GOP_10, times=range(40), unit=Fraction(1, 25),
                                  shown=[(i, 40 * i) for i in range(40)], keys=TENTHS),
    "h264, uneven times, mp4": Recipe(options=GOP_10, times=UNEVEN, keys=(0, 10)),
    "h264, uneven times, mkv": Recipe(suffix="mkv", options=GOP_10, times=UNEVEN, keys=(0, 10)),
    "h264, 29.97 a second": Recipe(
        options=GOP_10, times=range(0, 40 * 1001, 1001), unit=Fraction(1, 30_000), rate=30,
        shown=[(i, int(Fraction(i * 1001, 30) + Fraction(1, 2))) for i in range(40)], keys=TENTHS, last_ms=34,
    ),
    "h264, one frame": Recipe(options=GOP_10, times=(0,), keys=(0,)),
    "h264, turned 90": Recipe(options=GOP_10, turned=(90, False, False), keys=TENTHS),
    "h264, turned 180": Recipe(options=GOP_10, turned=(180, False, False), keys=TENTHS),
    "h264, turned 270": Recipe(options=GOP_10, turned=(270, False, False), keys=TENTHS),
    "h264, mirrored": Recipe(options=GOP_10, turned=(0, True, False), keys=TENTHS),
    "h264, upside down": Recipe(options=GOP_10, turned=(0, False, True), keys=TENTHS),
    "hevc": Recipe(codec="libx265", options={"x265-params": "keyint=10:min-keyint=10:scenecut=0:open-gop=0:log-level=none"},
                   keys=TENTHS),
    "hevc, open groups, 10 bits": Recipe(
        codec="libx265", suffix="mkv", pixel_format="yuv420p10le",
        options={"x265-params": "keyint=10:min-keyint=10:scenecut=0:open-gop=1:bframes=3:log-level=none"},
    ),
    "av1": Recipe(codec="libsvtav1", options={"g": "10", "preset": "9", "crf": "15"}),
    "vp9": Recipe(codec="libvpx-vp9", suffix="webm", options={"g": "10", "deadline": "realtime", "cpu-used": "8"}),
    "vp8": Recipe(codec="libvpx", suffix="webm", options={"g": "10", "auto-alt-ref": "1", "lag-in-frames": "10"}),
    "mpeg4, avi, B-frames": Recipe(codec="mpeg4", suffix="avi", options=GOP_10, times=range(40), unit=Fraction(1, 25),
                                   shown=[(i, 40 * i) for i in range(40)]),
    "mpeg2, program stream": Recipe(codec="mpeg2video", suffix="mpg", options=GOP_10, times=range(40),
                                    unit=Fraction(1, 25), shown=[(i, 40 * i) for i in range(40)]),
    "gif": Recipe(codec="gif", suffix="gif", pixel_format="rgb8", times=(0, 10, 20, 50, 80, 100), unit=Fraction(1, 100),
                  shown=list(enumerate((0, 100, 200, 500, 800, 1000)))),
}


@pytest.fixture(scope="module", params=RECIPES.values(), ids=RECIPES.keys())
def clip(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Recipe]:
    recipe: Recipe = request.param
    return make(recipe, tmp_path_factory.mktemp("clip") / f"clip.{recipe.suffix}"), recipe


@pytest.fixture(scope="module", params=DECODERS)
def reader_of(request: pytest.FixtureRequest) -> type[VideoReader]:
    """Each kind of reader."""
    try:
        return require_decoder(request.param)
    except InputError as error:
        pytest.skip(str(error))


def seen(frames: list[DecodedFrame]) -> list[tuple[int | None, int]]:
    return [(number_of(frame.rgb()), frame.time_ms) for frame in frames]


def on_screen(expected: list[tuple[int, int]], time_ms: int) -> tuple[int, int]:
    return next((each for each in reversed(expected) if each[1] <= time_ms), expected[0])


def test_all_frames_have_their_number_and_time(clip: tuple[Path, Recipe], reader_of: type[VideoReader]) -> None:
    path, recipe = clip
    with reader_of(path) as reader:
        assert seen(list(reader.frames())) == recipe.expected()
        assert reader.damage is None
        assert reader.read_until_ms == pytest.approx(recipe.expected()[-1][1] + recipe.last_ms, abs=1)
        assert (reader.info.height, reader.info.width) == recipe.size


def test_keyframes_are_those_that_a_full_decode_marks(clip: tuple[Path, Recipe], reader_of: type[VideoReader]) -> None:
    path, recipe = clip
    with reader_of(path) as reader:
        keys = seen(list(keyframes(reader)))
        expected = recipe.expected()
        if recipe.keys is None:
            assert keys == seen([frame for frame in reader.frames() if frame.is_keyframe])
            assert keys
            assert set(keys) <= set(expected)
        else:
            assert keys == [each for each in expected if each[0] in recipe.keys]


@pytest.mark.parametrize("interval_ms", [33, 250])
def test_every_gives_what_is_on_screen_once(clip: tuple[Path, Recipe], reader_of: type[VideoReader], interval_ms: int) -> None:
    path, recipe = clip
    expected = recipe.expected()
    with reader_of(path) as reader:
        got = seen(list(every(reader, interval_ms)))
        shown = [on_screen(expected, time_ms) for time_ms in range(0, reader.read_until_ms, interval_ms)]
        assert got == list(dict.fromkeys(shown))


@pytest.mark.parametrize("count", [1, 5, 60])
def test_uniform_gives_the_middles_of_equal_spans(clip: tuple[Path, Recipe], reader_of: type[VideoReader], count: int) -> None:
    path, recipe = clip
    expected = recipe.expected()
    with reader_of(path) as reader:
        got = seen(uniform(reader, count))
        start_ms, end_ms = expected[0][1], expected[-1][1] + recipe.last_ms
        middles = [start_ms + (end_ms - start_ms) * (2 * i + 1) / (2 * count) for i in range(count)]
        acceptable = [{on_screen(expected, int(middle)), on_screen(expected, int(middle - 1))} for middle in middles]
        assert [one in allowed for one, allowed in zip(got, acceptable, strict=True)] == [True] * count


def test_at_times_answers_in_the_order_asked(clip: tuple[Path, Recipe], reader_of: type[VideoReader]) -> None:
    path, recipe = clip
    times_ms = [700, 0, 39, 40, 41, 1, 700, 10**7, 333, 1599, 1560]
    with reader_of(path) as reader:
        assert seen(at_times(reader, times_ms)) == [on_screen(recipe.expected(), time_ms) for time_ms in times_ms]


@pytest.mark.parametrize("threads", [1, 4])
def test_the_number_of_threads_changes_nothing(clip: tuple[Path, Recipe], reader_of: type[VideoReader], threads: int) -> None:
    path, recipe = clip
    with reader_of(path, threads=threads) as reader:
        assert seen(list(reader.frames())) == recipe.expected()
