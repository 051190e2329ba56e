"""The font for Chinese: the one asked for, or one that truly draws Chinese, or none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import ImageFont

from data_pipeline import fonts
from data_pipeline.fonts import find_cjk_font


def test_the_font_found_draws_two_characters_differently(monkeypatch: pytest.MonkeyPatch) -> None:
    """A font without them draws the same empty box for both."""
    monkeypatch.delenv(fonts.FONT_VARIABLE, raising=False)
    path = find_cjk_font()
    if path is None:
        pytest.skip("no font that draws Chinese is installed, such as fonts-wqy-microhei")
    font = ImageFont.truetype(str(path), 40)
    one, other = (np.asarray(font.getmask(character, "L")) for character in "文视")
    assert one.size != other.size or not np.array_equal(one, other)


def test_the_usual_places_are_searched_without_fontconfig(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    deep = tmp_path / "truetype" / "wqy"
    deep.mkdir(parents=True)
    for name in ("wqy-microhei.ttc", "NotoSansCJK-Regular.ttc", "DejaVuSans.ttf", "wqy-microhei.txt"):
        (deep / name).touch()
    monkeypatch.delenv(fonts.FONT_VARIABLE, raising=False)
    monkeypatch.setattr(fonts.shutil, "which", lambda name: None)
    monkeypatch.setattr(fonts, "_USUAL_FOLDERS", (str(tmp_path), str(tmp_path / "none")))
    assert find_cjk_font() == deep / "NotoSansCJK-Regular.ttc"


def test_a_machine_without_such_a_font_has_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "DejaVuSans.ttf").touch()
    monkeypatch.delenv(fonts.FONT_VARIABLE, raising=False)
    monkeypatch.setattr(fonts.shutil, "which", lambda name: None)
    monkeypatch.setattr(fonts, "_USUAL_FOLDERS", (str(tmp_path),))
    assert find_cjk_font() is None


def test_a_font_asked_for_is_never_replaced(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    chosen = tmp_path / "mine.ttf"
    monkeypatch.setenv(fonts.FONT_VARIABLE, str(chosen))
    assert find_cjk_font() is None
    chosen.touch()
    assert find_cjk_font() == chosen
