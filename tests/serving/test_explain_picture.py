"""The picture of an explanation: every score in its place and colour, readable at any size of text and clip."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from data_pipeline.fonts import find_cjk_font
from retrieval.errors import InputError
from serving.explain.colours import colour_of, contrast, limit_of
from serving.explain.explanation import Explanation, WordScores
from serving.explain.lettering import load_font, wrapped
from serving.explain.picture import MOST_ROWS, draw_explanation

INK, WHITE = (28, 32, 40), (255, 255, 255)
Box = tuple[int, int, int, int]


def explanation(scores: np.ndarray, *, words: list[str] | None = None, text: str = "two dogs") -> Explanation:
    """scores: words × frames."""
    names = words or [f"w{number}" for number in range(len(scores))]
    return Explanation(
        text=text, start_ms=0, end_ms=9_000, frame_times_ms=tuple(range(500, 500 + 1_000 * scores.shape[1], 1_000)),
        pooled=0.25, token_wise=-0.125, combined=0.0625, clips=3, pooled_rank=2, token_wise_rank=1,
        words=tuple(WordScores(word=name, scores=tuple(map(float, row))) for name, row in zip(names, scores, strict=True)),
    )  # fmt: skip


def frames(count: int, *, height: int = 180, width: int = 320) -> list[np.ndarray]:
    return [np.full((height, width, 3), (10 + 20 * number, 200, 40), dtype=np.uint8) for number in range(count)]


def where(picture: Image.Image, colour: tuple[int, int, int]) -> Box | None:
    """The box around the area of a colour: left, top, right, bottom; the scale at the foot and thin lines are no area."""
    found = (np.asarray(picture)[:-100] == colour).all(axis=2)
    found &= (found.sum(axis=1) > 40)[:, None]
    rows, columns = np.nonzero(found)
    return (int(columns.min()), int(rows.min()), int(columns.max()), int(rows.max())) if len(rows) else None


def test_every_cell_has_its_colour_in_the_row_of_its_word_and_under_its_frame():
    scores = np.linspace(-0.43, 0.47, 15).reshape(3, 5)
    picture = draw_explanation(explanation(scores), frames(5), name="a.mp4", font=None)
    cells = [[where(picture, colour_of(score, limit=0.5)) for score in row] for row in scores]
    for number in range(5):
        thumbnail = where(picture, (10 + 20 * number, 200, 40))
        assert thumbnail is not None
        for row in cells:
            cell = row[number]
            assert cell is not None
            assert abs((cell[0] + cell[2]) - (thumbnail[0] + thumbnail[2])) <= 4     # the same middle
            assert cell[1] > thumbnail[3]
    for above, below in pairwise(cells):
        assert all(first[3] < second[1] for first, second in zip(above, below, strict=True))


def test_the_best_frame_of_a_word_and_no_other_is_outlined():
    scores = np.array([[0.11, 0.42, 0.23], [0.31, 0.14, 0.07]])
    picture = draw_explanation(explanation(scores), frames(3), name="a.mp4", font=None)
    for row in scores:
        for score in row:
            left, top, _, bottom = where(picture, colour_of(score, limit=limit_of(scores.flat)))
            margin = {picture.getpixel((left - step, (top + bottom) // 2)) for step in range(1, 4)}
            assert (INK in margin) == (score == row.max())


def test_the_scale_is_symmetric_and_just_holds_the_data():
    assert limit_of([0.31, -0.02]) == pytest.approx(0.35)
    assert limit_of([0.1, -0.6]) == pytest.approx(0.6)
    assert limit_of([0.0]) == pytest.approx(0.05)
    assert len({colour_of(sign * share, limit=1.0) for sign in (-1, 1) for share in (0.2, 0.4, 0.6, 0.8, 1.0)}) == 10
    blue, orange = colour_of(-0.4, limit=0.4), colour_of(0.4, limit=0.4)
    assert blue == colour_of(-9.0, limit=0.4)
    assert blue[2] > blue[0]
    assert orange[0] > orange[2]


def test_numbers_can_be_read_on_every_colour():
    for score in np.linspace(-1, 1, 401):
        colour = colour_of(float(score), limit=1.0)
        assert max(contrast(INK, colour), contrast(WHITE, colour)) >= 4.0


@pytest.mark.parametrize("count", range(1, 9))
@pytest.mark.parametrize("shape", [(180, 320), (320, 180), (64, 640)])
def test_any_number_of_frames_of_any_shape_fits(count, shape):
    scores = np.linspace(-0.2, 0.3, 4 * count).reshape(4, count)
    picture = draw_explanation(explanation(scores), frames(count, height=shape[0], width=shape[1]), name="a", font=None)
    assert 860 <= picture.width <= 1_500
    assert picture.height < 800
    edge = np.asarray(picture)
    assert (edge[:, -20:] == 255).all()
    assert (edge[-20:] == 255).all()


def test_of_a_long_text_the_first_words_are_shown_and_signs_make_room_for_them():
    words = [name for number in range(60) for name in (f"word{number}", ",")]
    scores = np.linspace(-0.35, 0.35, len(words))[:, None] * [1, 2]
    text = "a very long text " * 60
    picture = draw_explanation(explanation(scores, words=words, text=text), frames(2), name="a" * 300, font=None)
    shown = [where(picture, colour_of(row[1], limit=0.7)) is not None for row in scores]
    assert shown == [number % 2 == 0 and number < 2 * (MOST_ROWS - 1) for number in range(len(words))]
    assert picture.height < 1_500
    assert (np.asarray(picture)[:, -20:] == 255).all()


def test_without_a_font_for_chinese_such_words_are_numbered():
    scores = np.array([[0.1, 0.2], [0.2, 0.3]])
    both = [
        draw_explanation(explanation(scores, words=["dog", word], text="Café 狗"), frames(2), name="狗.mp4", font=None)
        for word in ("狗", "word 2")
    ]
    labels = [np.asarray(picture)[:-70, :150] for picture in both]
    assert both[0].height > both[1].height      # the note under the legend
    np.testing.assert_array_equal(labels[0][: len(labels[1]) - 40], labels[1][:-40])


def test_a_font_that_cannot_be_read_is_one_sentence(tmp_path):
    (tmp_path / "bad.ttf").write_bytes(b"no font")
    with pytest.raises(InputError, match=r"bad\.ttf cannot be read .* WENSHI_FONT\."):
        draw_explanation(explanation(np.array([[0.1]])), frames(1), name="a", font=tmp_path / "bad.ttf")


@pytest.mark.skipif(find_cjk_font() is None, reason="needs a font for Chinese")
def test_lines_hold_the_whole_text_and_fit():
    font = load_font(find_cjk_font(), 30)
    text = "清晨的公园里 a man with an extraordinarily red jacket，牵着一只小狗慢慢地走过石桥"
    lines = wrapped(text, font, width=300, most_lines=99)
    assert len(lines) > 3
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert all(font.getlength(line) <= 300 for line in lines)
    cut = wrapped(text, font, width=300, most_lines=2)
    assert (cut[0], len(cut), cut[1].endswith("...")) == (lines[0], 2, True)
    assert font.getlength(cut[1]) <= 300
    assert wrapped("短", font, width=300, most_lines=2) == ["短"]
