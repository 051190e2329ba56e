"""Build a corpus of awkward files: none may crash or hang it, and each must be measured or refused with a reason.

    python -m benchmarks.torture

The files are made by code: every container and codec at hand, turned, mirrored, odd and tiny pictures, uneven times, files cut
off anywhere and with random damage, a declared length of years, other things under the name of a video, names that people and
systems give, pipes, devices, loops of links. Files that must be measured are told apart from those that must not, and from
damaged ones, which may be either.
"""

from __future__ import annotations

import gzip
import io
import os
import random
import sys
import tarfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from PIL import Image

from benchmarks.rounds import Found, arguments, reported
from data_pipeline.building.build import build
from data_pipeline.building.local import Work, local_runner
from data_pipeline.building.measured_tables import read_measured
from data_pipeline.building.settings import BuildSettings, Limits
from data_pipeline.corpus.measured import MeasuredVideo
from tests.data_pipeline.building.stand_ins import make_stages, sources_of
from tests.retrieval.video.making_videos import Recipe, make, numbered

# What a video file may be refused for; memory: damage that declares a picture of gigabytes. Anything else (crashed, timeout,
# unexpected) is a fault of the program.
REASONS = frozenset(
    ["missing", "permission", "empty", "not_a_file", "not_a_video", "no_video_stream", "no_frames", "corrupt", "copy", "memory"]
)
ENDED = "the process that worked on it"      # in the sentence for a process that had to be ended
GOOD, BAD, EITHER = "measured", "failed", "either"
_SHORT = tuple(range(0, 400, 40))
_GROUPS = {"g": "5", "sc_threshold": "0"}
_PLAIN = Recipe(times=_SHORT, options=_GROUPS)
_UNEVEN = (0, 10, 95, 130, 400, 401, 433, 900, 1000, 1300)
_FAST = {"movflags": "faststart"}
_SIZES = ((2, 2), (2, 180), (16, 16), (98, 130), (180, 2), (720, 1280), (2160, 3840))
_RECIPES = {
    "sound": replace(_PLAIN, sound_ms=400), "long-sound": replace(_PLAIN, sound_ms=2000),
    "uneven": replace(_PLAIN, times=_UNEVEN),
    "one-frame": replace(_PLAIN, times=(0,)), "hour-apart": replace(_PLAIN, times=(0, 40, 3_600_000)),
    "late": replace(_PLAIN, shift=90_000), "early": replace(_PLAIN, shift=-120), "faststart": replace(_PLAIN, muxing=_FAST),
    "fragmented": replace(_PLAIN, muxing={"movflags": "frag_keyframe+empty_moov"}),
    "uneven-size": replace(_PLAIN, pixel_format="yuv444p", size=(97, 161)),
    "ten-bits": replace(_PLAIN, pixel_format="yuv420p10le"),
    "wide-pixels": replace(_PLAIN, pixel_aspect=Fraction(4, 3), size=(96, 192)),
    "one-a-second": replace(_PLAIN, times=tuple(range(0, 9000, 1000)), rate=1),
    "ntsc": replace(_PLAIN, times=range(0, 10_010, 1001), unit=Fraction(1, 30_000), rate=30),
    **{f"turned-{angle}": replace(_PLAIN, turned=(angle, False, False)) for angle in (90, 180, 270)},
    "mirrored": replace(_PLAIN, turned=(0, True, False)),
    **{f"size-{high}x{wide}": replace(_PLAIN, size=(high, wide)) for high, wide in _SIZES},
    **{f"in-{suffix}": replace(_PLAIN, suffix=suffix) for suffix in ("mkv", "mov", "ts", "flv", "h264", "m4v")},
    "joined": replace(_PLAIN, suffix="ts", options={**_GROUPS, "bf": "0"}, copies=2),
    "avi": replace(_PLAIN, codec="mpeg4", suffix="avi", times=range(10), unit=Fraction(1, 25)),
    "mpg": replace(_PLAIN, codec="mpeg2video", suffix="mpg", times=range(10), unit=Fraction(1, 25)),
    "hevc": replace(_PLAIN, codec="libx265", options={"x265-params": "log-level=none"}),
    "av1": replace(_PLAIN, codec="libsvtav1", options={"preset": "12"}),
    "vp9": replace(_PLAIN, codec="libvpx-vp9", suffix="webm", options={"deadline": "realtime"}),
    "vp8": replace(_PLAIN, codec="libvpx", suffix="webm", options={}),
    "moving-gif": replace(
        _PLAIN, codec="gif", suffix="gif", pixel_format="rgb8", times=(0, 10, 20), unit=Fraction(1, 100), options={}
    ),
}  # fmt: skip
_NAMES = (
    "🎬😀.mp4", "狗在草地上.mp4", "فيديو.mp4", " spaces  .mp4", "-o.mp4", "a\nb.mp4", "100%.mp4", "a?b#c.mp4", "a'b\"c.mp4",
    "$(touch x).mp4", "e\u0301.mp4", "x" * 240 + ".mp4", ".hidden.mp4", "UPPER.MP4", "nosuffix", "a.b.c.mp4.mkv", "%d.mp4",
    "file:x.mp4", "concat:a|b.mp4",
)  # fmt: skip
_TEXTS = {
    "text.mp4": b"just text, no video\n" * 50, "zeros.mp4": bytes(50_000), "noise.mp4": random.Random(0).randbytes(50_000),
    "page.mp4": b"<!DOCTYPE html><html><body>404</body></html>", "error.mp4": b'{"error": "forbidden"}',
    "list.m3u8": b"#EXTM3U\n#EXTINF:9,\nhttp://127.0.0.1:9/a.ts\n#EXTINF:9,\n/etc/passwd\n#EXT-X-ENDLIST\n",
    "list.mp4": b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
    "script.mp4": b"ffconcat version 1.0\nfile '/etc/passwd'\nfile 'script.mp4'\n",
    "stream.sdp": b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
    "list.mpd": b'<?xml version="1.0"?><MPD type="dynamic"><BaseURL>http://127.0.0.1:9/</BaseURL></MPD>',
    "head.mp4": b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom", "box.mp4": b"\xff\xff\xff\xffmoov" + bytes(64),
    "nested.mp4": b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + b"\x00\x00\x10\x00moov\x00\x00\x0f\xf8trak" * 200,
    "riff.avi": b"RIFF\xff\xff\xff\xffAVI LIST" + bytes(500), "ebml.mkv": b"\x1aE\xdf\xa3\xff" + b"\xff" * 200,
    "subtitles.mp4": "1\n00:00:00,000 --> 00:00:09,000\n字幕\n".encode(), "one-byte.mp4": b"\x00",
}  # fmt: skip


def write_pack(folder: Path) -> dict[Path, str]:
    """All files, with what must become of each."""
    expected: dict[Path, str] = {}
    for writer in (_videos, _named, _no_videos, _no_files, _damaged):
        place = folder / writer.__name__.strip("_")
        place.mkdir(parents=True)
        expected.update(writer(place))
    return expected


def _videos(folder: Path) -> Iterator[tuple[Path, str]]:
    for name, recipe in _RECIPES.items():
        yield make(recipe, folder / f"{name}.{recipe.suffix}"), GOOD
    for field in (b"mvhd", b"tkhd", b"mdhd"):
        yield _of_years(folder, field), GOOD


def _of_years(folder: Path, field: bytes) -> Path:
    """A video that declares the greatest length there is, in one of the boxes that say one."""
    path = make(replace(_PLAIN, times=(*_SHORT, 440 + field[0]), muxing=_FAST), folder / f"{field.decode()}.mp4")
    content = bytearray(path.read_bytes())
    at = content.index(field) + 4 + (20 if field == b"tkhd" else 16)
    content[at : at + 4] = b"\x7f\xff\xff\xff"
    path.write_bytes(content)
    return path


def _named(folder: Path) -> Iterator[tuple[Path, str]]:
    for number, name in enumerate(_NAMES):
        plain = make(replace(_PLAIN, times=(*_SHORT, 440 + number)), folder / "making.mp4")
        yield plain.rename(folder / name), GOOD
    for number, suffix in enumerate(("txt", "jpg", "mp3", "avi", "mkv")):
        path = make(replace(_PLAIN, times=(*_SHORT, 500 + number)), folder / "making.mp4")
        yield path.rename(folder / f"wrong.{suffix}"), GOOD
    unreadable = make(replace(_PLAIN, times=(*_SHORT, 600)), folder / "unreadable.mp4")
    unreadable.chmod(0)
    yield unreadable, EITHER        # who runs as root reads it


def _no_videos(folder: Path) -> Iterator[tuple[Path, str]]:
    for name, content in _TEXTS.items():
        (folder / name).write_bytes(content)
        yield folder / name, BAD
    for suffix in ("png", "jpg", "gif", "webp", "bmp", "tiff"):
        path = folder / f"still-{suffix}.mp4"
        Image.fromarray(numbered(7, height=96, width=160)).save(path, format="jpeg" if suffix == "jpg" else suffix)
        yield path, BAD
    video = make(_PLAIN, folder / "making.mp4").read_bytes()
    (folder / "making.mp4").unlink()
    (folder / "packed.mp4").write_bytes(gzip.compress(video))
    yield folder / "packed.mp4", BAD
    with tarfile.open(folder / "tar.mp4", "w") as tar:
        tar.addfile(tarfile.TarInfo("a.txt"), io.BytesIO())
    yield folder / "tar.mp4", BAD


def _no_files(folder: Path) -> Iterator[tuple[Path, str]]:
    (folder / "empty.mp4").touch()
    (folder / "folder.mp4").mkdir()
    os.mkfifo(folder / "pipe.mp4")
    for name, target in (("gone", "nowhere.mp4"), ("loop", "loop.mp4"), ("device", "/dev/zero"), ("self", ".")):
        (folder / f"{name}.mp4").symlink_to(target)
    names = ("empty", "folder", "pipe", "gone", "loop", "device", "self", "missing", "empty.mp4/inside", "y" * 300)
    for name in names:
        yield folder / f"{name}.mp4", BAD


def _damaged(folder: Path) -> Iterator[tuple[Path, str]]:
    chance = random.Random(0)
    bases = {
        "index-first.mp4": replace(_PLAIN, muxing=_FAST), "index-last.mp4": replace(_PLAIN, sound_ms=400),
        "matroska.mkv": replace(_PLAIN, suffix="mkv"), "transport.ts": replace(_PLAIN, suffix="ts"),
    }  # fmt: skip
    for name, recipe in bases.items():
        content = make(recipe, folder / name).read_bytes()
        (folder / name).unlink()
        for percent in (1, 10, 30, 60, 90, 99):
            yield _written(folder / f"cut-{percent}-{name}", content[: len(content) * percent // 100]), EITHER
        for number in range(6):
            broken = bytearray(content)
            for _ in range(4 ** (number % 3 + 1)):
                broken[chance.randrange(len(broken))] = chance.randrange(256)
            yield _written(folder / f"rot-{number}-{name}", bytes(broken)), EITHER
        middle = len(content) // 2
        hole = content[:middle] + bytes(middle // 2) + content[middle + middle // 2 :]
        yield _written(folder / f"hole-{name}", hole), EITHER


def _written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def run(scratch: Path, *, workers: int) -> Found:
    """What became of the files, and every one that crashed, hung or was not told of as it should be."""
    expected = write_pack(scratch / "files")
    settings = BuildSettings(limits=Limits(stall_seconds=30, memory_gib=1))
    work = Work(directory=scratch / "corpus", settings=settings, make_stages=make_stages)
    build(sources_of(*expected), work, local_runner(workers))
    found = {row.path: row for row in read_measured(scratch / "corpus", MeasuredVideo)}
    wrong = [sentence for path, wanted in expected.items() for sentence in _wrong(found.get(str(path)), path, wanted)]
    return Counter(row.error_kind or row.status for row in found.values()), wrong


def _wrong(row: MeasuredVideo | None, path: Path, wanted: str) -> Iterator[str]:
    if row is None:
        yield f"{path.name!r} is not accounted for"
    elif row.status == GOOD and wanted == BAD:
        yield f"{path.name!r} is no video and was measured"
    elif row.status != GOOD and (row.error_kind not in REASONS or not row.error or ENDED in row.error):
        yield f"{path.name!r}: {row.error_kind}: {row.error}"
    elif row.status != GOOD and wanted == GOOD:
        yield f"{path.name!r} is a video and was refused: {row.error}"


def main() -> int:
    parser = arguments(__doc__, name="workers", default=2)
    options = parser.parse_args()
    return reported(lambda scratch: run(scratch, workers=options.workers), what="awkward files", wrong_are="wrong")


if __name__ == "__main__":
    sys.exit(main())
