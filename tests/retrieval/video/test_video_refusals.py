"""What is not a video on this disk is refused, each with its kind, before anything else is opened."""

from __future__ import annotations

import os
import socket
import threading
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from making_videos import Recipe, make, numbered, sound_packets, tone
from PIL import Image

from retrieval.errors import VideoError
from retrieval.video import VideoReader, probe, probing


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(Recipe(times=range(0, 400, 40)), tmp_path_factory.mktemp("video") / "plain.mp4")


def refusal(path: Path) -> VideoError:
    with pytest.raises(VideoError) as caught:
        VideoReader(path)
    message = str(caught.value)
    assert path.name in message
    assert "\n" not in message
    assert message.endswith(".")
    return caught.value


def test_a_missing_file_an_empty_one_and_a_folder_have_their_kinds(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "folder.mp4").mkdir()
    assert refusal(tmp_path / "none.mp4").kind == "missing"
    assert refusal(tmp_path / "empty.mp4").kind == "empty"
    assert refusal(tmp_path / "folder.mp4").kind == "not_a_file"
    assert refusal(tmp_path / "empty.mp4" / "inside.mp4").kind == "missing"


@pytest.mark.parametrize("name", ["a\0b.mp4", "a\ud800.mp4"])
def test_a_name_that_no_file_can_have_is_not_a_file(name: str) -> None:
    with pytest.raises(VideoError) as caught:
        probe(name)
    assert caught.value.kind == "not_a_file"
    str(caught.value).encode()


@pytest.mark.parametrize(("height", "width"), [(4096, 2), (2, 4096), (400, 400)])
def test_pictures_of_an_absurd_size_or_shape_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, height: int, width: int
) -> None:
    monkeypatch.setattr(probing, "_MOST_PIXELS", 100_000)
    path = tmp_path / "absurd.mkv"
    with av.open(str(path), "w") as container:
        video = container.add_stream("ffv1", rate=25)
        video.height, video.width, video.pix_fmt = height, width, "yuv444p"
        for packet in [*video.encode(av.VideoFrame(width, height, "yuv444p")), *video.encode(None)]:
            container.mux(packet)
    assert refusal(path).kind == "not_a_video"


def test_a_pipe_and_a_device_are_refused_without_being_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")            # opening it would wait for ever
    assert refusal(tmp_path / "pipe.mp4").kind == "not_a_file"
    assert refusal(Path("/dev/zero")).kind == "not_a_file"


def test_a_file_without_the_right_to_read_it_is_named(video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)   # root may read everything: the system's answer is put in its place
    assert refusal(video).kind == "permission"


def write_still(path: Path) -> Path:
    Image.fromarray(numbered(7, height=96, width=160)).save(path)
    return path


@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "webp", "bmp"])
def test_a_still_picture_is_not_a_video(tmp_path: Path, suffix: str) -> None:
    assert refusal(write_still(tmp_path / f"still.{suffix}")).kind == "not_a_video"


@pytest.mark.parametrize("content", [b"just text, no video\n" * 50, bytes(50_000), bytes(range(256)) * 200])
def test_other_content_under_a_video_name_is_not_a_video(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.mp4"
    path.write_bytes(content)
    assert refusal(path).kind == "not_a_video"


@pytest.mark.parametrize("kept_of_index", [0, 200])
def test_a_recording_cut_off_before_or_in_its_index_is_corrupt(tmp_path: Path, video: Path, kept_of_index: int) -> None:
    path, content = tmp_path / "cut.mp4", video.read_bytes()
    path.write_bytes(content[: content.index(b"moov") - 4 + kept_of_index])     # the index of this one stands at its end
    assert refusal(path).kind == "corrupt"


def test_pictures_that_all_fail_to_decode_are_corrupt(tmp_path: Path) -> None:
    path = make(Recipe(times=range(0, 400, 40), muxing={"movflags": "faststart"}), tmp_path / "bad.mp4")
    content = bytearray(path.read_bytes())
    media = content.index(b"mdat") + 4
    content[media:] = b"\xff" * (len(content) - media)
    path.write_bytes(content)
    assert refusal(path).kind == "corrupt"


def write_sound(path: Path, *, cover: bool) -> Path:
    with av.open(str(path), "w") as container:
        sound = container.add_stream("libmp3lame" if path.suffix == ".mp3" else "aac", rate=48_000)
        if cover:
            art = container.add_stream("mjpeg", rate=1)
            art.width, art.height, art.pix_fmt = 160, 96, "yuvj420p"
            art.disposition = av.stream.Disposition.attached_pic
        packets = sound_packets(sound, tone(0.5), rate=48_000)
        if cover:
            frame = av.VideoFrame.from_ndarray(numbered(1, height=96, width=160), "rgb24")
            frame.pts, frame.time_base = 0, Fraction(1, 1)
            packets = art.encode(frame) + art.encode(None) + packets
        for packet in packets:
            container.mux(packet)
    return path


def test_sound_alone_and_sound_with_a_cover_have_no_video_stream(tmp_path: Path) -> None:
    assert refusal(write_sound(tmp_path / "sound.m4a", cover=False)).kind == "no_video_stream"
    assert refusal(write_sound(tmp_path / "cover.mp4", cover=True)).kind == "no_video_stream"
    assert refusal(write_sound(tmp_path / "cover.mp3", cover=True)).kind == "not_a_video"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("list.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{}\n#EXT-X-ENDLIST\n"),
        ("list.mp4", "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{}\n#EXT-X-ENDLIST\n"),
        ("list.ffconcat", "ffconcat version 1.0\nfile '{}'\n"),
        ("list.mkv", "ffconcat version 1.0\nfile '{}'\n"),
        ("list.sdp", "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\na=control:{}\nm=video 9 RTP/AVP 96\n"),
        ("list.mpd", '<?xml version="1.0"?><MPD><Period><BaseURL>{}</BaseURL></Period></MPD>'),
    ],
)
def test_a_playlist_opens_neither_another_file_nor_an_address(
    tmp_path: Path, video: Path, name: str, content: str
) -> None:
    touched, finished = threading.Event(), threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)

        def accept_one() -> None:
            try:
                server.accept()[0].close()
                touched.set()
            except TimeoutError:
                pass

        def wait_for_visitors() -> None:
            while not finished.is_set():
                accept_one()

        waiting = threading.Thread(target=wait_for_visitors)
        waiting.start()
        for target in (str(video), f"file:{video}", f"http://127.0.0.1:{server.getsockname()[1]}/a.ts"):
            path = tmp_path / name
            path.write_text(content.format(target))
            assert refusal(path).kind == "not_a_video"
        finished.set()
        waiting.join()
        accept_one()                # one that came at the very last
    assert not touched.is_set()


def test_a_name_with_percent_signs_colons_spaces_and_chinese_is_only_a_name(tmp_path: Path, video: Path) -> None:
    odd = tmp_path / "http: 100%03d 文视 'q'.mp4"
    odd.write_bytes(video.read_bytes())
    assert probe(odd).width == 160


def test_a_relative_path_is_read_from_the_working_folder(video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(video.parent)
    assert probe(video.name).codec == "h264"


def test_no_file_stays_open(video: Path) -> None:
    def open_files() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    before = open_files()
    readers = [VideoReader(video) for _ in range(3)]
    for reader in readers:
        assert next(reader.frames()).time_ms == 0
        reader.close()
    unfinished = VideoReader(video)
    pictures = unfinished.frames()
    next(pictures)
    assert open_files() == before + 1
    with unfinished:
        pass
    assert open_files() == before
    assert np.all([frame.time_ms >= 0 for frame in VideoReader(video).frames()])
    assert open_files() == before
