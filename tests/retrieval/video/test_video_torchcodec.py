"""Torchcodec behind the same interface: the pictures and times of the other reader; damage and absence are told."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from retrieval.errors import InputError
from retrieval.video import VideoReader, open_reader, require_decoder
from serving.cli.main import app
from tests.videos import write_video


def test_an_unknown_decoder_and_a_missing_package_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="choose from pyav, torchcodec"):
        open_reader(tmp_path / "clip.mp4", decoder="opencv")
    monkeypatch.setitem(sys.modules, "torchcodec.decoders", None)
    with pytest.raises(InputError, match=r"install wenshi\[torchcodec\]"):
        require_decoder("torchcodec")
    write_video(tmp_path / "clip.mp4")
    result = CliRunner().invoke(
        app, ["add", str(tmp_path), "-l", str(tmp_path / "library"), "--model", "none", "--decoder", "torchcodec"]
    )
    assert "wenshi[torchcodec]" in str(result.exception)
    assert not (tmp_path / "library").exists()


@pytest.fixture
def torchcodec() -> type[VideoReader]:
    try:
        return require_decoder("torchcodec")
    except InputError as error:
        pytest.skip(str(error))


def test_pictures_of_noise_are_those_of_the_other_reader(torchcodec: type[VideoReader], tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4", seconds=3, shots=3, seed=4)
    with VideoReader(path) as one, torchcodec(path) as other:
        for expected, frame in zip(one.frames(), other.frames(), strict=True):
            assert (frame.time_ms, frame.duration_ms) == (expected.time_ms, expected.duration_ms)
            assert (frame.width, frame.height, frame.is_keyframe) == (expected.width, expected.height, expected.is_keyframe)
            assert np.abs(frame.rgb().astype(int) - expected.rgb().astype(int)).max() <= 2
            small = (frame.rgb(height=32, width=32, fit="crop"), expected.rgb(height=32, width=32, fit="crop"))
            assert np.abs(small[0].astype(int) - small[1].astype(int)).mean() <= 2


def test_torchcodec_decodes_what_it_can_be_trusted_with(
    torchcodec: type[VideoReader], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_video(tmp_path / "clip.mp4", seconds=1)
    given: list[int] = []
    pictures = torchcodec._pictures  # type: ignore[attr-defined]

    def counted(self: VideoReader, stream: int):  # type: ignore[no-untyped-def]
        for picture in pictures(self, stream):
            given.append(1)
            yield picture

    monkeypatch.setattr(torchcodec, "_pictures", counted)
    with torchcodec(path) as reader:
        assert len(list(reader.frames())) == len(given) == 10


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_a_file_that_was_cut_off_or_overwritten_is_read_and_told_as_by_the_other_reader(
    torchcodec: type[VideoReader], tmp_path: Path, suffix: str
) -> None:
    path = write_video(tmp_path / f"clip.{suffix}", seconds=4, seed=1)
    whole = path.read_bytes()
    damaged = bytearray(whole)
    damaged[len(whole) // 2 : len(whole) // 2 + 3000] = bytes(3000)
    contents = {"damaged": bytes(damaged)} | ({"cut": whole[: len(whole) // 2]} if suffix == "mkv" else {})
    for name, content in contents.items():
        file = tmp_path / f"{name}.{suffix}"
        file.write_bytes(content)
        with VideoReader(file) as one, torchcodec(file) as other:
            times = [frame.time_ms for frame in one.frames()]
            assert set(times) <= {frame.time_ms for frame in other.frames()}
            assert other.read_until_ms >= one.read_until_ms
            if name == "cut":
                assert other.damage == one.damage is not None
