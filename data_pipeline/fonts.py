"""A font on this machine that can draw Chinese."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

FONT_VARIABLE = "WENSHI_FONT"
_FONT_SUFFIXES = (".ttc", ".ttf", ".otf")
_USUAL_FOLDERS = (
    "/usr/share/fonts",
    "/usr/local/share/fonts",
    "~/.local/share/fonts",
    "~/.fonts",
    "/System/Library/Fonts",
    "/Library/Fonts",
    "~/Library/Fonts",
    "C:/Windows/Fonts",
)
# Stems, compared in lower case, of fonts known to hold the common Chinese characters; the first present one wins.
_KNOWN_STEMS = (
    "notosanscjksc-regular",
    "notosanscjk-regular",
    "notosanssc-regular",
    "sourcehansanssc-regular",
    "sourcehansanscn-regular",
    "wqy-microhei",
    "wqy-zenhei",
    "pingfang",
    "hiragino sans gb",
    "stheiti medium",
    "stheiti light",
    "msyh",
    "simhei",
    "simsun",
    "droidsansfallbackfull",
    "arphic-uming",
    "uming",
    "ukai",
    "arial unicode",
)


def find_cjk_font() -> Path | None:
    """Find a font file that draws Chinese: the one named by WENSHI_FONT, else fontconfig's choice, else a usual place.

    Returns None when the machine has none, also when WENSHI_FONT names a file that does not exist: a font a person
    asked for is never replaced by another.
    """
    chosen = os.environ.get(FONT_VARIABLE)
    if chosen:
        font = Path(chosen).expanduser()
        return font if font.is_file() else None
    return _from_fontconfig() or _from_usual_places()


def _from_fontconfig() -> Path | None:
    """fc-list tells only fonts that do cover Chinese; fc-match would fall back to any font at all."""
    command = shutil.which("fc-list")
    if command is None:
        return None
    try:
        # 文 and 视: a font that claims the language but lacks either is of no use here.
        answer = subprocess.run(
            [command, ":lang=zh-cn:charset=6587 89c6", "--format", "%{file}\n"],
            capture_output=True, text=True, timeout=20, check=True,
        )
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
    fonts = sorted({Path(line) for line in answer.stdout.splitlines() if line.lower().endswith(_FONT_SUFFIXES)})
    return min((font for font in fonts if font.is_file()), key=_preference, default=None)


def _from_usual_places() -> Path | None:
    known = (font for font in _installed_fonts() if font.stem.lower() in _KNOWN_STEMS)
    return min(known, key=_preference, default=None)


def _installed_fonts() -> Iterator[Path]:
    for folder in _USUAL_FOLDERS:
        for parent, _, names in os.walk(Path(folder).expanduser()):
            yield from (Path(parent) / name for name in names if name.lower().endswith(_FONT_SUFFIXES))


def _preference(font: Path) -> tuple[int, str]:
    stem = font.stem.lower()
    rank = _KNOWN_STEMS.index(stem) if stem in _KNOWN_STEMS else len(_KNOWN_STEMS)
    return rank, str(font)
