"""The picture of an explanation: the frames of a clip over a heat map of words × frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from serving.cli.terminal import clock, printable, span
from serving.explain.colours import Colour, colour_of, contrast, limit_of
from serving.explain.explanation import Explanation, WordScores
from serving.explain.lettering import Font, is_plain, load_font, plain, plain_part, shortened, wrapped

THUMBNAIL_SIDE = 360            # pixels of the longer side worth decoding: what the widest column shows
MOST_ROWS = 20

_PAPER: Colour = (255, 255, 255)
_PANEL: Colour = (245, 246, 248)
_INK: Colour = (28, 32, 40)
_QUIET: Colour = (98, 105, 117)
_WHITE: Colour = (255, 255, 255)

_MARGIN = 40
_GAP = 4                        # between cells
_ROW = 40
_LABELS = (84, 230)             # least and most width of the words
_BEST = 150                     # width of the column on the right
_COLUMN = (124, 300)            # least and most width of a frame's column
_USUAL_FRAMES = 760             # width that few frames are widened to
_LEAST_WIDTH = 860              # of what lies between the margins: the header needs it
_THUMBNAIL_HEIGHT = 220
_LEGEND = 260


@dataclass(frozen=True, kw_only=True)
class _Layout:
    """Where things stand, in pixels from the left."""

    width: int
    first_column: int
    column: int
    best_column: int

    def column_at(self, frame: int) -> int:
        return self.first_column + frame * self.column


class _Sheet:
    """A picture that grows downwards; `y` is where the next thing is drawn."""

    def __init__(self, *, width: int, height: int, font: Path | None) -> None:
        self.image = Image.new("RGB", (width, height), _PAPER)
        self.draw = ImageDraw.Draw(self.image)
        self.y = _MARGIN
        self._file = font

    def font(self, size: int) -> Font:
        return load_font(self._file, size)

    def write(
        self, x: float, y: float, text: str, *, size: int, colour: Colour = _INK, anchor: str = "lm", bold: bool = False
    ) -> None:
        """Text at a point; anchor as Pillow has it: l, m, r and then m for the middle of the line's height."""
        if self._file is None:
            text = plain(text)
        for shift in (0.0, 0.7) if bold else (0.0,):    # a font for Chinese seldom comes with a bold face
            self.draw.text((x + shift, y), text, font=self.font(size), fill=colour, anchor=anchor)

    def cut(self) -> Image.Image:
        return self.image.crop((0, 0, self.image.width, self.y + _MARGIN))


def draw_explanation(
    explanation: Explanation, frames: Sequence[NDArray[np.uint8]], *, name: str, font: Path | None
) -> Image.Image:
    """An RGB picture of an explanation.

    frames: uint8 RGB [H, W, 3], one for each of its times; name: of the video; font: a file that draws Chinese, None
    draws Latin letters only, without accents, and numbers the other words. Of more than 20 words the first are shown,
    without the signs between them. Raises InputError for a font that cannot be read.
    """
    numbered = _shown(explanation.words)
    labels = [_label(word.word, number, font=font) for number, word in numbered]
    shown = [word for _, word in numbered]
    layout = _layout(labels, frames=len(frames), font=font)
    sheet = _Sheet(width=layout.width, height=1200 + _ROW * len(shown), font=font)
    _draw_header(sheet, explanation, name=name, latin_only=font is None)
    _draw_frames(sheet, layout, frames, explanation.frame_times_ms)
    limit = limit_of(score for word in explanation.words for score in word.scores)
    for label, word in zip(labels, shown, strict=True):
        _draw_row(sheet, layout, label, word, explanation.frame_times_ms, limit=limit)
    hidden = sum(map(_is_word, explanation.words)) - sum(map(_is_word, shown))
    if hidden:
        more = f"... {hidden} more word{'s' if hidden > 1 else ''}"
        sheet.write(_MARGIN, sheet.y + _ROW / 2 - 4, more, size=18, colour=_QUIET)
        sheet.y += _ROW - 4
    _draw_legend(sheet, limit=limit, numbered=font is None and not all(is_plain(word.word) for word in shown))
    return sheet.cut()


def _shown(words: Sequence[WordScores]) -> list[tuple[int, WordScores]]:
    """Numbered from 1: all words and signs where there is room, else words only, else the first of them."""
    numbered = list(enumerate(words, start=1))
    if len(numbered) > MOST_ROWS:
        numbered = [(number, word) for number, word in numbered if _is_word(word)] or numbered
    return numbered if len(numbered) <= MOST_ROWS else numbered[: MOST_ROWS - 1]


def _is_word(word: WordScores) -> bool:
    return any(character.isalnum() for character in word.word)


def _label(word: str, number: int, *, font: Path | None) -> str:
    return printable(word) if font is not None or is_plain(word) else f"word {number}"


def _layout(labels: Sequence[str], *, frames: int, font: Path | None) -> _Layout:
    letters = load_font(font, 21)
    widest = round(max(map(letters.getlength, labels), default=0)) + 20
    label = min(max(widest, _LABELS[0]), _LABELS[1])
    column = min(max(_USUAL_FRAMES // frames, _COLUMN[0]), _COLUMN[1])
    content = label + frames * column + _BEST
    return _Layout(
        width=max(content, _LEAST_WIDTH) + 2 * _MARGIN,
        first_column=_MARGIN + label,
        column=column,
        best_column=_MARGIN + label + frames * column + 16,
    )


def _draw_header(sheet: _Sheet, explanation: Explanation, *, name: str, latin_only: bool) -> None:
    text, name = printable(explanation.text), printable(name)
    if latin_only:
        text, name = plain_part(text) or "(a text that is not in Latin letters)", plain_part(name)
    width = sheet.image.width - 2 * _MARGIN
    for line in wrapped(text, sheet.font(30), width=width, most_lines=4):
        sheet.write(_MARGIN, sheet.y + 18, line, size=30, bold=True)
        sheet.y += 42
    times = span(explanation.start_ms, explanation.end_ms)
    which = "its only clip" if explanation.clips == 1 else f"the best of its {explanation.clips} clips"
    tail = f"  ·  {times}  ·  {which}"
    room = width - sheet.font(19).getlength(tail)
    sheet.write(_MARGIN, sheet.y + 14, shortened(name, sheet.font(19), width=room) + tail, size=19, colour=_QUIET)
    sheet.y += 44
    _draw_scores(sheet, explanation)


def _draw_scores(sheet: _Sheet, explanation: Explanation) -> None:
    clips = explanation.clips
    boxes = (
        ("combined", explanation.combined, "mean of the two"),
        ("pooled", explanation.pooled, _place(explanation.pooled_rank, clips)),
        ("token-wise", explanation.token_wise, _place(explanation.token_wise_rank, clips)),
    )
    width, height = 248, 72
    for number, (title, score, note) in enumerate(boxes):
        left = _MARGIN + number * (width + 12)
        sheet.draw.rounded_rectangle((left, sheet.y, left + width, sheet.y + height), radius=10, fill=_PANEL)
        sheet.write(left + 16, sheet.y + 23, title, size=17, colour=_QUIET)
        sheet.write(left + 16, sheet.y + 50, note, size=15, colour=_QUIET)
        sheet.write(left + width - 16, sheet.y + height / 2, _number(score), size=30, anchor="rm", bold=True)
    sheet.y += height + 28


def _draw_frames(
    sheet: _Sheet, layout: _Layout, frames: Sequence[NDArray[np.uint8]], times_ms: Sequence[int]
) -> None:
    pictures = [_fitted(frame, width=layout.column - 2 * _GAP) for frame in frames]
    height = max(picture.height for picture in pictures)
    for number, (picture, time_ms) in enumerate(zip(pictures, times_ms, strict=True)):
        middle = layout.column_at(number) + layout.column // 2
        place = (middle - picture.width // 2, sheet.y + height - picture.height)
        sheet.image.paste(picture, place, _rounded(picture.size))
        sheet.write(middle, sheet.y + height + 18, _time(time_ms), size=17, colour=_QUIET, anchor="mm")
    sheet.write(_MARGIN, sheet.y + height + 18, "words", size=17, colour=_QUIET)
    sheet.write(layout.best_column, sheet.y + height + 18, "best frame", size=17, colour=_QUIET)
    sheet.y += height + 36


def _draw_row(
    sheet: _Sheet, layout: _Layout, label: str, word: WordScores, times_ms: Sequence[int], *, limit: float
) -> None:
    middle = sheet.y + _ROW / 2
    room = layout.first_column - _MARGIN - 12
    sheet.write(_MARGIN, middle, shortened(label, sheet.font(21), width=room), size=21)
    for number, score in enumerate(word.scores):
        left = layout.column_at(number)
        box = (left + _GAP / 2, sheet.y + _GAP / 2, left + layout.column - _GAP / 2, sheet.y + _ROW - _GAP / 2)
        fill = colour_of(score, limit=limit)
        sheet.draw.rounded_rectangle(box, radius=5, fill=fill)
        if number == word.best:
            _outline(sheet, box)
        colour = max((_INK, _WHITE), key=lambda ink: contrast(ink, fill))
        sheet.write(left + layout.column / 2, middle, _number(score), size=18, colour=colour, anchor="mm")
    sheet.write(layout.best_column + 66, middle, _number(word.scores[word.best]), size=20, anchor="rm", bold=True)
    sheet.write(layout.best_column + 78, middle, _time(times_ms[word.best]), size=17, colour=_QUIET)
    sheet.y += _ROW


def _outline(sheet: _Sheet, box: tuple[float, float, float, float]) -> None:
    """Dark, with a light line inside: seen on pale cells and on deep ones."""
    left, top, right, bottom = box
    sheet.draw.rounded_rectangle((left + 2, top + 2, right - 2, bottom - 2), radius=4, outline=_WHITE, width=3)
    sheet.draw.rounded_rectangle(box, radius=5, outline=_INK, width=3)


def _draw_legend(sheet: _Sheet, *, limit: float, numbered: bool) -> None:
    top = sheet.y + 26
    for step in range(_LEGEND):
        colour = colour_of((2 * step / (_LEGEND - 1) - 1) * limit, limit=limit)
        sheet.draw.line((_MARGIN + step, top, _MARGIN + step, top + 16), fill=colour)
    for x, text, anchor in ((0, f"−{limit:.2f}", "lm"), (_LEGEND / 2, "0", "mm"), (_LEGEND, f"{limit:.2f}", "rm")):
        sheet.write(_MARGIN + x, top + 30, text, size=15, colour=_QUIET, anchor=anchor)
    x = _MARGIN + _LEGEND + 24
    sheet.write(x, top + 8, "cosine of a word with a frame; of a word in several pieces, their mean", size=15, colour=_QUIET)
    sheet.draw.rounded_rectangle((x, top + 22, x + 26, top + 38), radius=4, outline=_INK, width=3)
    sheet.write(x + 36, top + 30, "the word's best frame", size=15, colour=_QUIET)
    sheet.y = top + 42
    if numbered:
        note = "Words that are not in Latin letters are numbered: no font for Chinese was found (WENSHI_FONT names one)."
        sheet.write(_MARGIN, sheet.y + 18, note, size=15, colour=_QUIET)
        sheet.y += 30


def _fitted(frame: NDArray[np.uint8], *, width: int) -> Image.Image:
    picture = Image.fromarray(frame)
    scale = min(width / picture.width, _THUMBNAIL_HEIGHT / picture.height)
    size = max(round(picture.width * scale), 1), max(round(picture.height * scale), 1)
    return picture.resize(size, Image.Resampling.LANCZOS)


def _rounded(size: tuple[int, int]) -> Image.Image:
    mask = Image.new("L", (4 * size[0], 4 * size[1]), 0)
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, 4 * size[0] - 1, 4 * size[1] - 1), radius=24, fill=255)
    return mask.resize(size, Image.Resampling.LANCZOS)


def _place(rank: int, clips: int) -> str:
    return f"place {rank} of {clips}" if clips > 1 else "only clip"


def _number(score: float) -> str:
    """Three digits, with a real minus sign, and no sign on what rounds to zero."""
    text = f"{score:.3f}"
    return text.lstrip("-") if float(text) == 0 else text.replace("-", "−")


def _time(time_ms: int) -> str:
    return f"{clock(time_ms)}.{time_ms // 100 % 10}"
