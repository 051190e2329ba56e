"""The cover picture inside a video file, in real containers."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from retrieval.errors import VideoError
from retrieval.stills import read_still, still_size
from retrieval.video import attached_picture, probe
from tests.videos import add_cover, write_video


@pytest.mark.parametrize("container", ["mp4", "mkv"])
def test_a_cover_is_given_as_the_picture_file_that_was_put_in(tmp_path: Path, container: str) -> None:
    picture = io.BytesIO()
    Image.new("RGB", (160, 96), (200, 30, 30)).save(picture, "JPEG")
    video = add_cover(write_video(tmp_path / "plain.mp4", seconds=0.5), picture.getvalue(), tmp_path / f"a.{container}")
    found = attached_picture(video)
    assert found == picture.getvalue()
    assert still_size(io.BytesIO(found)) == (160, 96)
    assert read_still(io.BytesIO(found)).size == (160, 96)
    assert (probe(video).width, probe(video).height) == (96, 64)


def test_a_video_without_a_cover_has_none(tmp_path: Path) -> None:
    assert attached_picture(write_video(tmp_path / "plain.mp4", seconds=0.5)) is None


def test_a_file_that_is_no_video_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(VideoError):
        attached_picture(tmp_path / "text.mp4")
