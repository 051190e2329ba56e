"""Files, pictures and clips: the right bytes of the library's videos, and of nothing else."""

from __future__ import annotations

import io
import os
import shutil
import time

import av
import numpy as np
import pytest
from PIL import Image

from retrieval.errors import InputError
from retrieval.video import VideoReader, at_times
from serving.api.ranges import Unsatisfiable, parse_range
from serving.ingest.run import AddOptions, add_videos
from serving.media.cache import DiskCache
from serving.media.files import MediaFile
from tests.videos import write_video


def media(ids, name, what):
    return f"/media/{ids[name]}/{what}"


def picture(answer) -> np.ndarray:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/jpeg"
    return np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGB")).astype(int)


def test_a_file_is_served_whole_and_in_ranges(client, filled, ids):
    content = (filled / "videos" / "city.mp4").read_bytes()
    address = media(ids, "city.mp4", "file")
    whole = client.get(address)
    assert (whole.status_code, whole.content) == (200, content)
    assert whole.headers["content-type"] == "video/mp4"
    part = client.get(address, headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, content[10:20])
    assert part.headers["content-range"] == f"bytes 10-19/{len(content)}"
    assert client.get(address, headers={"Range": "bytes=-7"}).content == content[-7:]
    behind = client.get(address, headers={"Range": f"bytes={len(content)}-"})
    assert (behind.status_code, behind.headers["content-range"]) == (416, f"bytes */{len(content)}")
    head = client.head(address)
    assert (head.content, head.headers["content-length"]) == (b"", str(len(content)))
    known = client.get(address, headers={"If-None-Match": whole.headers["etag"]})
    assert (known.status_code, known.content) == (304, b"")
    other = client.get(address, headers={"Range": "bytes=0-3", "If-Range": '"another"'})
    assert (other.status_code, other.content) == (200, content)


@pytest.mark.parametrize(
    ("header", "span"),
    [
        (None, None), ("bytes=0-0", (0, 1)), ("bytes=5-", (5, 10)), ("bytes=-3", (7, 10)), ("bytes=-30", (0, 10)),
        ("bytes=2-99", (2, 10)), ("bytes=5-2", None), ("bytes=-", None), ("bytes=0-1,4-5", None), ("lines=1-2", None),
    ],
)  # fmt: skip
def test_ranges_are_read_as_the_standard_says(header, span):
    assert parse_range(header, 10) == span


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=-0"])
def test_a_range_behind_the_end_cannot_be_had(header):
    with pytest.raises(Unsatisfiable):
        parse_range(header, 10)


@pytest.mark.parametrize("time_ms", [0, 1900, 2100, 3999])
def test_a_poster_shows_the_frame_on_screen(client, filled, ids, time_ms):
    shown = picture(client.get(media(ids, "公园.mp4", f"poster.jpg?t={time_ms}&width=160")))
    with VideoReader(filled / "videos" / "公园.mp4") as reader:
        (frame,) = at_times(reader, [time_ms])
    assert np.abs(shown - frame.rgb(width=160, height=320, fit="inside")).mean() < 6


def test_a_strip_has_ten_pictures_side_by_side(client, ids):
    strip = picture(client.get(media(ids, "公园.mp4", "sprite.jpg")))
    assert strip.shape[1] == 1600
    assert np.abs(strip[:, :160].mean((0, 1)) - strip[:, -160:].mean((0, 1))).max() > 10     # the two shots


def test_a_clip_holds_the_frames_of_its_span_and_no_others(client, filled, ids):
    answer = client.get(media(ids, "公园.mp4", "clip.mp4?start_ms=1500&end_ms=2600"))
    assert answer.headers["content-disposition"].startswith("attachment")
    with av.open(io.BytesIO(answer.content)) as container:
        decoded = list(container.decode(video=0))
        frames = [(round(frame.pts * frame.time_base * 1000), frame.to_ndarray(format="rgb24")) for frame in decoded]
    assert [time for time, _ in frames] == list(range(0, 1100, 100))
    with VideoReader(filled / "videos" / "公园.mp4") as reader:
        originals = at_times(reader, [1500 + time for time, _ in frames])
    for (_, made), original in zip(frames, originals, strict=True):
        assert np.abs(made.astype(int) - original.rgb()).mean() < 12


@pytest.mark.parametrize("span", ["start_ms=2&end_ms=2", "start_ms=9000000&end_ms=9000001", "start_ms=-1&end_ms=5"])
def test_a_clip_of_nothing_is_refused(client, ids, span):
    assert client.get(media(ids, "公园.mp4", f"clip.mp4?{span}")).status_code in (400, 422)


def test_subtitles_cannot_bring_tags_into_the_player(client, ids):
    text = client.get(media(ids, "公园.mp4", "subtitles.vtt")).text
    assert text.startswith("WEBVTT\n")
    assert "00:00:02.500 --> 00:00:03.500\n風箏飛得好高 3&lt;4&amp;" in text


@pytest.mark.parametrize("what", ["file", "poster.jpg", "sprite.jpg", "clip.mp4?start_ms=0&end_ms=500"])
def test_a_file_that_is_no_longer_what_was_added_is_gone(serve, tmp_path, what):
    video = write_video(tmp_path / "one.mp4", seed=5)
    add_videos(tmp_path / "library", [video], AddOptions(model="none", on_screen_text=False))
    client = serve(tmp_path / "library", jobs=False)
    (known,) = client.get("/api/v1/videos").json()["videos"]
    address = f"/media/{known['video']}/{what}"
    assert client.get(address).status_code == 200
    other = write_video(tmp_path / "two.mp4", seed=6)
    shutil.copy(other, video)
    changed = client.get(address)
    assert (changed.status_code, changed.json()["error"]["kind"]) == (410, "changed")
    video.unlink()
    video.symlink_to("/etc/passwd")
    assert client.get(address).status_code == 410
    video.unlink()
    gone = client.get(address)
    assert (gone.status_code, gone.json()["error"]["kind"]) == (410, "missing")
    assert str(tmp_path) not in gone.text


@pytest.mark.parametrize(("blocks_before", "status"), [(0, 410), (2, 200)])
def test_bytes_that_were_written_while_a_file_is_read_are_not_sent(serve, tmp_path, monkeypatch, blocks_before, status):
    video = write_video(tmp_path / "one.mp4", seed=5)
    add_videos(tmp_path / "library", [video], AddOptions(model="none", on_screen_text=False))
    client = serve(tmp_path / "library", jobs=False)
    (known,) = client.get("/api/v1/videos").json()["videos"]
    content, checks = video.read_bytes(), []
    check = MediaFile.check

    def edited(media):
        if len(checks) == blocks_before:
            video.write_bytes(b"secret" + content)
        checks.append(None)
        check(media)

    monkeypatch.setattr(MediaFile, "check", edited)
    monkeypatch.setattr("serving.api.routes.media._BLOCK", 100)
    seen = b""
    with client.stream("GET", f"/media/{known['video']}/file") as answer:
        assert answer.status_code == status
        for part in answer.iter_raw():
            seen += part
    assert len(checks) == blocks_before + 1
    assert b"secret" not in seen
    assert status == 410 or content.startswith(seen)


@pytest.mark.parametrize(
    "address",
    [
        "/media/../library.sqlite", "/media/%2e%2e/library.sqlite", f"/media/{'0' * 64}/file", "/media/x/file",
        "/web/../app.py", "/web/%2e%2e/api/app.py", "/web/..%2fapi/app.py", "//etc/passwd", "/media/%00/file",
    ],
)  # fmt: skip
def test_nothing_else_is_ever_served(client, address):
    answer = client.get(address)
    assert answer.status_code in (404, 422)
    assert "root:" not in answer.text


def test_pictures_are_not_kept_in_a_folder_that_somebody_else_could_have_put_there(tmp_path):
    (tmp_path / "theirs").mkdir()
    (tmp_path / "cache").symlink_to(tmp_path / "theirs")
    with pytest.raises(InputError, match="not this user's own"):
        DiskCache(tmp_path / "cache", most_bytes=1)


def test_pictures_that_were_made_once_are_answered_also_while_no_more_can_be_made(client, ids, monkeypatch):
    kept = [f"/media/{ids['city.mp4']}/{what}" for what in ("poster.jpg?t=0", "sprite.jpg", "clip.mp4?start_ms=0&end_ms=400")]
    made = [client.get(address).content for address in kept]
    monkeypatch.setattr("serving.api.limits.threading.Semaphore.acquire", lambda *_, **__: False)     # every place is taken
    assert client.get(f"/media/{ids['city.mp4']}/poster.jpg?t=500").status_code == 429
    assert [client.get(address).content for address in kept] == made


def test_drafts_that_a_kill_left_in_the_cache_go_once_they_are_old(tmp_path):
    DiskCache(tmp_path, most_bytes=1000)
    for name, age in ((".old.mp4", 7200), (".young.jpg", 60), ("picture.jpg", 7200)):
        (tmp_path / name).write_bytes(b"x")
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    DiskCache(tmp_path, most_bytes=1000)
    assert {path.name for path in tmp_path.iterdir()} == {".young.jpg", "picture.jpg"}
