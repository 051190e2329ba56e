"""A decoded frame gives its picture in the asked size, the right way round, in the right colours."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame
from making_videos import Recipe, make, number_of, numbered

from retrieval.errors import VideoError
from retrieval.video import DecodedFrame, VideoReader, probe
from retrieval.video.frame import Converter
from retrieval.video.orientation import Orientation, frame_orientation


def decoded(picture: np.ndarray, *, pixel_format: str = "yuv420p", orientation: Orientation | None = None) -> DecodedFrame:
    frame = VideoFrame.from_ndarray(picture, "rgb24").reformat(format=pixel_format)
    return DecodedFrame(frame, time_ms=0, duration_ms=40, orientation=orientation or Orientation())


def halves(height: int, width: int) -> np.ndarray:
    """Left half red, right half blue, top tenth white."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[:, : width // 2] = (200, 30, 30)
    picture[:, width // 2 :] = (30, 30, 200)
    picture[: height // 10] = 255
    return picture


def test_rgb_as_shown_keeps_size_and_colours() -> None:
    picture = halves(120, 200)
    got = decoded(picture).rgb()
    assert got.shape == (120, 200, 3)
    assert got.dtype == np.uint8
    assert got.flags.c_contiguous
    inner = np.abs(got[20:].astype(int) - picture[20:])[:, [20, 60, 140, 180]]
    assert inner.max() <= 6


def test_stretch_gives_exactly_the_asked_size() -> None:
    frame = decoded(halves(120, 200))
    assert frame.rgb(height=50, width=60).shape == (50, 60, 3)
    assert frame.rgb(height=50).shape == (50, 200, 3)
    assert frame.rgb(width=60).shape == (120, 60, 3)


def test_crop_takes_the_centre_of_the_picture_scaled_to_its_short_side() -> None:
    picture = np.zeros((100, 300, 3), np.uint8)
    picture[:, 100:200] = 255                       # the centre square, and nothing else, is white
    got = decoded(picture).rgb(height=50, width=50, fit="crop")
    assert got.shape == (50, 50, 3)
    assert got[:, 2:-2].min() > 240
    tall = decoded(picture.swapaxes(0, 1)).rgb(height=50, width=50, fit="crop")
    assert tall[2:-2].min() > 240


@pytest.mark.parametrize("turned", [False, True])
def test_crop_of_a_long_narrow_picture_scales_its_centre_only(turned: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = np.zeros((10, 4000, 3), np.uint8)
    picture[:, 1995:2005] = 255
    if turned:
        picture = picture.swapaxes(0, 1)
    sizes = []
    convert = Converter.convert
    monkeypatch.setattr(Converter, "convert", lambda self, frame, **asked: sizes.append(
        asked["height"] * asked["width"]) or convert(self, frame, **asked))
    frame = decoded(np.ascontiguousarray(picture), pixel_format="yuv444p")
    got = frame.rgb(height=200, width=200, fit="crop")
    assert got.shape == (200, 200, 3)
    assert got[20:-20, 20:-20].min() > 240
    assert max(sizes) <= 40_000


def test_what_cannot_be_scaled_is_a_video_error() -> None:
    frame = decoded(halves(20, 20))
    with pytest.raises(VideoError) as caught:
        frame.rgb(height=2**16, width=2**16)
    assert caught.value.kind in ("corrupt", "memory")


def test_inside_keeps_the_aspect_and_never_enlarges() -> None:
    frame = decoded(halves(120, 200))
    assert frame.rgb(height=100, width=100, fit="inside").shape == (60, 100, 3)
    assert frame.rgb(height=100, fit="inside").shape == (60, 100, 3)
    assert frame.rgb(width=100, fit="inside").shape == (60, 100, 3)
    assert frame.rgb(height=30, width=100, fit="inside").shape == (30, 50, 3)
    assert frame.rgb(height=1000, width=1000, fit="inside").shape == (120, 200, 3)
    assert frame.rgb(fit="inside").shape == (120, 200, 3)


def test_sizes_are_of_the_turned_picture() -> None:
    """A picture stored lying is stood up once, and asked for in its shown size."""
    shown = halves(200, 120)
    frame = decoded(np.ascontiguousarray(np.rot90(shown)), orientation=Orientation(transposed=True, mirrored_x=True))
    assert (frame.height, frame.width) == (200, 120)
    got = frame.rgb(height=100, width=60)
    assert got.shape == (100, 60, 3)
    assert got.flags.c_contiguous
    assert got[50, 10, 0] > 150 > got[50, 50, 0]    # red left
    assert got[2, 30].min() > 200                   # white on top


@pytest.mark.parametrize("fit", ["", "fill", "Crop"])
def test_an_unknown_fit_or_an_empty_size_is_refused(fit: str) -> None:
    frame = decoded(halves(20, 20))
    with pytest.raises(ValueError, match="fit"):
        frame.rgb(fit=fit)      # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at least 1"):
        frame.rgb(height=0, width=10)


@pytest.mark.parametrize(
    "pixel_format",
    ["yuv420p", "yuvj420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv422p12le", "nv12", "p010le", "rgb24", "gbrp", "yuyv422"],
)
def test_planes_of_every_pixel_format_agree(pixel_format: str) -> None:
    got = decoded(halves(180, 320), pixel_format=pixel_format).planes()
    assert got.shape == (3, 36, 64)
    assert got.dtype == np.uint8
    expected = decoded(halves(180, 320), pixel_format="yuv444p").planes()
    inner = np.abs(got.astype(int) - expected)[:, 6:, [5, 15, 50, 60]]
    assert inner.max() <= (30 if "j" in pixel_format else 8)


def test_planes_of_grey_pictures_have_neutral_colour() -> None:
    got = decoded(halves(180, 320), pixel_format="gray").planes()
    assert np.all(got[1:] == 128)
    assert got[0].std() > 10


def test_planes_are_taken_from_tiny_and_odd_pictures() -> None:
    for size in ((1, 1), (3, 5), (37, 65)):
        assert decoded(np.full((*size, 3), 90, np.uint8), pixel_format="yuv444p").planes().shape == (3, 36, 64)


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_side_data_of_an_unknown_kind_does_not_hide_the_rotation(degrees: int) -> None:
    class Strange:
        rotation = (-degrees + 180) % 360 - 180         # as PyAV counts: against the clock, from -180

        @property
        def side_data(self) -> None:
            raise ValueError("31 is not a valid Type")

    assert frame_orientation(Strange()).rotation == degrees     # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("turned", "rotation"),
    [((90, False, False), 270), ((180, False, False), 180), ((270, False, False), 90), ((0, True, False), 0)],
)
def test_probe_tells_size_and_clockwise_rotation_as_shown(
    tmp_path: Path, turned: tuple[int, bool, bool], rotation: int
) -> None:
    info = probe(make(Recipe(times=range(0, 200, 40), turned=turned), tmp_path / "turned.mp4"))
    assert (info.rotation, info.height, info.width) == (rotation, 96, 160)


def test_probe_describes_what_the_container_says(tmp_path: Path) -> None:
    recipe = Recipe(times=range(0, 1000, 40), sound_ms=1000, pixel_aspect=Fraction(4, 3), size=(96, 192))
    info = probe(make(recipe, tmp_path / "plain.mp4"))
    assert (info.container, info.codec, info.audio_codec, info.has_audio) == ("mp4", "h264", "aac", True)
    assert (info.width, info.height, info.duration_ms) == (192, 96, 1000)
    assert info.frames_per_second == pytest.approx(25)
    assert probe(make(Recipe(suffix="mkv", codec="libsvtav1"), tmp_path / "a.mkv")).codec == "av1"
    assert probe(make(Recipe(suffix="mkv"), tmp_path / "b.mkv")).container == "matroska"


@pytest.mark.parametrize(("suffix", "encoding"), [("avi", "gb18030"), ("avi", "utf-8"), ("mp4", "utf-8"), ("mkv", "utf-8")])
def test_a_chinese_title_is_read_in_the_encoding_it_was_written_in(tmp_path: Path, suffix: str, encoding: str) -> None:
    path = tmp_path / f"titled.{suffix}"
    title = "草地上的狗在追球"
    with av.open(str(path), "w") as container:
        container.metadata["title"] = title
        video = container.add_stream("mpeg4", rate=25)
        video.width, video.height, video.pix_fmt = 160, 96, "yuv420p"
        for packet in [*video.encode(VideoFrame.from_ndarray(numbered(0, height=96, width=160), "rgb24")), *video.encode(None)]:
            container.mux(packet)
    if encoding != "utf-8":
        written, wanted = title.encode(), title.encode(encoding)
        path.write_bytes(path.read_bytes().replace(written, wanted + bytes(len(written) - len(wanted))))
    assert probe(path).title == title


READ_LARGE_FRAMES = """
import gc, resource, sys
from retrieval.video import ClipCutter, VideoReader
gc.disable()                    # a picture goes when its frame goes, without a collection
cutter = ClipCutter(height=64, width=64)
with VideoReader(sys.argv[1], threads=1) as reader:
    for number, frame in enumerate(reader.frames()):
        cutter.feed(frame)
        if number == 30:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_memory_stays_flat_over_hundreds_of_large_pictures(tmp_path: Path) -> None:
    path = tmp_path / "large.mp4"
    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=25)
        video.width, video.height, video.pix_fmt = 1920, 1080, "yuv420p"
        video.set_display_rotation(90)
        picture = VideoFrame(1920, 1080, "yuv420p")
        for number in range(250):
            picture.pts = number
            container.mux(video.encode(picture))
        container.mux(video.encode(None))
    done = subprocess.run([sys.executable, "-c", READ_LARGE_FRAMES, path], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 100_000           # kilobytes; all pictures together take 780,000


def test_pictures_of_one_reader_can_be_made_by_several_threads(tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    path = make(Recipe(), tmp_path / "clip.mp4")
    with VideoReader(path) as reader, ThreadPoolExecutor(4) as pool:
        frames = list(reader.frames())
        sizes = [(48, 80), (96, 160), (60, 100)]
        made = list(pool.map(lambda i: frames[i % 40].rgb(height=sizes[i % 3][0], width=sizes[i % 3][1]), range(240)))
    assert [number_of(picture) for picture in made] == [i % 40 for i in range(240)]
