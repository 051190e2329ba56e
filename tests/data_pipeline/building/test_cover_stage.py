"""The stage that reads covers in a real build, with the real OCR engine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_pipeline.building.default_stages import default_stages
from data_pipeline.building.settings import BuildSettings, ScreenText, Speech
from data_pipeline.building.stages import FoundLines
from tests.data_pipeline.drawn import with_text

pytest.importorskip("rapidocr", reason="on-screen text needs rapidocr")


def test_a_cover_is_read_by_the_engine_of_the_on_screen_text(tmp_path: Path) -> None:
    stages = default_stages(BuildSettings(speech=Speech(voice=False)), tmp_path)
    cover, broken = tmp_path / "猫.jpg", tmp_path / "狗.jpg"
    Image.fromarray(with_text(np.full((360, 640, 3), 90, np.uint8), "红烧肉", y=0.5, size=60)).save(cover)
    broken.write_bytes(b"no picture")
    assert stages.cover is not None
    assert stages.cover.model_digest == stages.look.model_digest != ""
    found: FoundLines = stages.cover.run(str(cover), 9000)
    assert [(line.text, line.start_ms, line.end_ms, line.source) for line in found.lines] == [
        ("红烧肉", 0, 9000, "cover:猫.jpg")
    ]
    assert "狗.jpg is no picture" in stages.cover.run(str(broken), 9000).notices[0]
    assert stages.find_cover(str(tmp_path / "猫.mp4")) == cover


def test_where_nobody_reads_text_no_cover_is_read(tmp_path: Path) -> None:
    settings = BuildSettings(speech=Speech(voice=False), screen_text=ScreenText(engine=None))
    assert default_stages(settings, tmp_path).cover is None
