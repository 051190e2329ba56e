"""The stage that reads covers in a real build, with the real OCR engine."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_pipeline.building.default_stages import default_stages
from data_pipeline.building.settings import BuildSettings, ScreenText, Speech
from data_pipeline.building.stages import FoundLines
from tests.data_pipeline.drawn import with_text
from tests.videos import add_cover, write_video

pytest.importorskip("rapidocr", reason="on-screen text needs rapidocr")


def test_a_cover_is_read_by_the_engine_of_the_on_screen_text(tmp_path: Path) -> None:
    stages = default_stages(BuildSettings(speech=Speech(voice=False)), tmp_path)
    cover, broken = tmp_path / "猫.jpg", tmp_path / "狗.jpg"
    cover.write_bytes(lettered("红烧肉"))
    broken.write_bytes(b"no picture")
    plain = str(write_video(tmp_path / "plain.mp4", seconds=0.3))
    video = str(add_cover(Path(plain), lettered("清蒸鱼"), tmp_path / "猫.mp4"))
    assert stages.cover is not None
    assert stages.cover.model_digest == stages.look.model_digest != ""
    assert stages.find_cover(video) == cover

    def texts(path: str, beside: Path | None) -> list[tuple[str, int, int, str]]:
        assert stages.cover is not None
        found: FoundLines = stages.cover.run(path, beside, 9000)
        return [(line.text, line.start_ms, line.end_ms, line.source) for line in found.lines]

    assert texts(video, cover) == [("红烧肉", 0, 9000, "cover:猫.jpg")]
    assert texts(video, None) == [("清蒸鱼", 0, 9000, "cover:embedded")]
    assert texts(plain, None) == []
    assert "狗.jpg is no picture" in stages.cover.run(video, broken, 9000).notices[0]


def lettered(text: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(with_text(np.full((360, 640, 3), 90, np.uint8), text, y=0.5, size=60)).save(file, "JPEG")
    return file.getvalue()


def test_where_nobody_reads_text_no_cover_is_read(tmp_path: Path) -> None:
    settings = BuildSettings(speech=Speech(voice=False), screen_text=ScreenText(engine=None))
    assert default_stages(settings, tmp_path).cover is None
