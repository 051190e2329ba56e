"""One pass over a video: shots that tile it, keyframes that are worth keeping, on-screen text with places and roles."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawn import Picture, busy, with_text
from PIL import Image, ImageFilter

from data_pipeline.evidence.ocr import OcrLine, RapidOcr
from data_pipeline.looking.keyframes import KeyframeRules, difference_hash
from data_pipeline.looking.look import Looked, LookSettings, look, picture_size
from retrieval.errors import VideoError
from tests.videos import write_pictures

SMALL: dict[str, int] = {"height": 90, "width": 160}
RATE = 10


def looked(path: Path, **options: Any) -> Looked:
    return look(str(path), "a" * 64, settings=LookSettings(**options), ocr=None)


def film(path: Path, scenes: Iterable[tuple[Callable[[int], Picture], float]]) -> Path:
    """A video of scenes, each a picture by the number of the frame and its seconds, at 10 frames a second."""
    pictures = (draw(number) for draw, seconds in scenes for number in range(round(seconds * RATE)))
    return write_pictures(path, pictures, frames_per_second=RATE)


def still(picture: Picture) -> Callable[[int], Picture]:
    return lambda number: picture


def panned(seed: int) -> Callable[[int], Picture]:
    wide = busy(seed=seed, height=90, width=640)
    return lambda number: wide[:, 3 * number : 3 * number + 160]


def flat(level: int) -> Picture:
    return np.full((90, 160, 3), level, np.uint8)


def test_shots_tile_the_video_and_every_shot_has_a_keyframe(tmp_path: Path) -> None:
    found = looked(film(tmp_path / "a.mp4", [(panned(1), 2), (panned(2), 3), (panned(3), 1)]))
    assert [(s.shot, s.start_ms, s.end_ms) for s in found.shots] == [(0, 0, 2000), (1, 2000, 5000), (2, 5000, 6000)]
    assert found.duration_ms == 6000
    assert [k.shot for k in found.keyframes] == [0, 1, 2]
    assert [k.keyframe for k in found.keyframes] == [0, 1, 2]
    for shot, keyframe in zip(found.shots, found.keyframes, strict=True):
        quarter = (shot.end_ms - shot.start_ms) / 4
        assert shot.start_ms + quarter <= keyframe.time_ms <= shot.end_ms - quarter


def test_a_long_shot_has_a_keyframe_for_every_four_seconds(tmp_path: Path) -> None:
    found = looked(film(tmp_path / "a.mp4", [(panned(1), 14)]))
    assert len(found.shots) == 1
    assert [k.time_ms // 3500 for k in found.keyframes] == [0, 1, 2, 3]
    assert [k.dropped for k in found.keyframes] == [None] * 4


def test_black_uniform_and_repeated_keyframes_are_dropped_and_say_so(tmp_path: Path) -> None:
    scenes = [(still(flat(4)), 2), (panned(1), 2), (still(flat(150)), 2), (still(busy(seed=5, **SMALL)), 12)]
    found = looked(film(tmp_path / "a.mp4", scenes))
    assert [k.dropped for k in found.keyframes] == ["black", None, "uniform", None, "duplicate", "duplicate"]
    assert len(found.pictures) == 2


def test_a_small_thing_that_moves_before_a_plain_background_is_no_duplicate(tmp_path: Path) -> None:
    def ball(number: int) -> Picture:
        picture = flat(120).copy()
        picture[30:60, number : number + 30] = (250, 200, 40)
        picture[:, :20] = 60
        return picture

    found = looked(film(tmp_path / "a.mp4", [(ball, 12)]))
    assert [k.dropped for k in found.keyframes] == [None] * 3


def test_a_picture_that_comes_back_after_a_cut_is_kept_again(tmp_path: Path) -> None:
    one, other = still(busy(seed=1, **SMALL)), still(busy(seed=2, **SMALL))
    found = looked(film(tmp_path / "a.mp4", [(one, 2), (other, 2), (one, 2)]))
    assert [k.dropped for k in found.keyframes] == [None] * 3


def test_pictures_are_small_jpegs_of_the_kept_keyframes_in_order(tmp_path: Path) -> None:
    scenes = [(still(flat(200)), 1), (still(flat(4)), 1)]
    left, right = busy(seed=1, **SMALL).copy(), busy(seed=2, **SMALL).copy()
    left[:, :80], right[:, 80:] = (250, 0, 0), (0, 0, 250)
    found = looked(film(tmp_path / "a.mp4", [*scenes, (still(left), 1), (still(right), 1)]), picture_side=80)
    pictures = [np.asarray(Image.open(io.BytesIO(picture)), dtype=int) for picture in found.pictures]
    assert [picture.shape for picture in pictures] == [(45, 80, 3)] * 2
    assert pictures[0][:, 5, 0].mean() > 200 > 60 > pictures[0][:, 5, 2].mean()
    assert pictures[1][:, 75, 2].mean() > 200 > 60 > pictures[1][:, 75, 0].mean()


def test_a_video_with_very_many_shots_keeps_an_even_share_and_says_so(tmp_path: Path) -> None:
    scenes = [(still(busy(seed=seed, **SMALL)), 0.4) for seed in range(23)]
    found = looked(film(tmp_path / "a.mp4", scenes), keyframes=KeyframeRules(most=4))
    assert len(found.shots) == len(found.keyframes) == 23
    kept = [k.keyframe for k in found.keyframes if k.dropped is None]
    assert kept == [0, 8, 16]
    assert {k.dropped for k in found.keyframes} == {None, "thinned"}
    assert len(found.pictures) == 3


def test_the_same_file_gives_the_same_rows_and_bytes_twice(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", [(panned(1), 2), (panned(2), 6)])
    assert looked(path) == looked(path)


def test_the_sharper_frame_near_the_middle_is_taken(tmp_path: Path) -> None:
    sharp = busy(seed=1, **SMALL)
    blurred = np.asarray(Image.fromarray(sharp).filter(ImageFilter.GaussianBlur(1)))
    path = film(tmp_path / "a.mp4", [(lambda number: sharp if 12 <= number < 17 else blurred, 3)])
    (keyframe,) = looked(path).keyframes
    assert 1200 <= keyframe.time_ms < 1700
    assert keyframe.sharpness > 2


def test_a_video_of_one_frame_has_one_shot_and_one_keyframe(tmp_path: Path) -> None:
    found = looked(film(tmp_path / "a.mp4", [(panned(1), 0.1)]))
    assert (len(found.shots), len(found.keyframes), len(found.pictures)) == (1, 1, 1)


def test_progress_is_told_and_a_broken_file_is_a_typed_error(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    path = film(tmp_path / "a.mp4", [(panned(1), 1)])
    look(str(path), "a" * 64, settings=LookSettings(), ocr=None, progress=lambda *at: told.append(at))
    assert told == [(100 * number, 1000) for number in range(10)]
    (tmp_path / "b.mp4").write_bytes(b"no video")
    with pytest.raises(VideoError):
        looked(tmp_path / "b.mp4")


def test_a_difference_hash_tells_where_it_gets_brighter() -> None:
    ramp = np.tile(np.arange(0, 252, 28, dtype=np.uint8), (8, 1))
    assert difference_hash(Image.fromarray(ramp)) == -1
    assert difference_hash(Image.fromarray(ramp[:, ::-1])) == 0
    half = ramp.copy()
    half[4:] = half[4:, ::-1]
    assert difference_hash(Image.fromarray(half)) == -(1 << 32)


def test_small_pictures_are_not_enlarged_and_long_ones_do_not_vanish() -> None:
    assert picture_size(1080, 1920, side=288) == (162, 288)
    assert picture_size(90, 160, side=288) == (90, 160)
    assert picture_size(4, 8000, side=288) == (1, 288)


class Scripted:
    """An engine that finds one line at one place, and the frame's corner logo."""

    name, version, digest = "scripted", "1", "0"

    def read(self, picture: Picture) -> list[OcrLine]:
        size = np.array(picture.shape[1::-1], dtype=np.float32)
        words = {"我要去买点东西": (0.3, 0.85, 0.7, 0.93), "文视": (0.02, 0.03, 0.12, 0.09)}
        return [
            OcrLine(quad=np.array([[a, b], [c, b], [c, d], [a, d]], dtype=np.float32) * size, text=text, confidence=0.97)
            for text, (a, b, c, d) in words.items()
        ]


def test_screen_texts_have_place_area_and_role(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", [(still(busy(seed=1, **SMALL)), 4)])
    found = look(str(path), "a" * 64, settings=LookSettings(), ocr=Scripted())
    logo, words = sorted(found.screen_texts, key=lambda row: row.area)
    assert (logo.text, logo.role, logo.start_ms, logo.end_ms) == ("文视", "watermark", 0, 4000)
    assert (words.text, words.role, words.engine) == ("我要去买点东西", "subtitle", "scripted 1")
    assert words.quad == (0.3, 0.85, 0.7, 0.85, 0.7, 0.93, 0.3, 0.93)
    assert words.area == pytest.approx(0.4 * 0.08, abs=1e-4)


def test_the_real_engine_finds_subtitles_one_after_the_other(tmp_path: Path) -> None:
    pytest.importorskip("rapidocr")
    scene = busy(seed=3, height=360, width=640)
    texts = ["我要去杂货店买点东西", "今天天气怎么样", "下期再见"]
    scenes = [(still(with_text(scene, text, size=26)), 2) for text in texts]
    found = look(str(film(tmp_path / "a.mp4", scenes)), "a" * 64, settings=LookSettings(), ocr=RapidOcr())
    assert [(row.text, row.role) for row in found.screen_texts] == [(text, "subtitle") for text in texts]
    for number, row in enumerate(found.screen_texts):
        assert abs(row.start_ms - 2000 * number) <= 600
        assert abs(row.end_ms - 2000 * (number + 1)) <= 600
