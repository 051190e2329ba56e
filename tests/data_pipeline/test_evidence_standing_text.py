"""Text that stands still before a moving scene: one look finds it, none is spent on the scene."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import pytest
from drawn import Picture, Still, busy, with_text

from data_pipeline.evidence.ocr import OcrLine
from data_pipeline.evidence.on_screen import StandingText
from data_pipeline.evidence.text_gate import Grey, grey
from data_pipeline.evidence.text_strokes import densest, standing_share, text_has_appeared
from data_pipeline.evidence.text_tracks import TextTrack, TextTracker

STEP_MS = 125
BOX = (0.2, 0.85, 0.8, 0.95)


class Scripted:
    """An engine that knows which caption a time has, if any."""

    name, version, digest = "scripted", "1", "0"

    def __init__(self, text_at: Callable[[int], str | None], *, confidence: float = 0.97) -> None:
        self.text_at = text_at
        self.confidence = confidence
        self.now_ms = 0

    def read(self, picture: Picture) -> list[OcrLine]:
        text = self.text_at(self.now_ms)
        size = np.array(picture.shape[1::-1], dtype=np.float32)
        quad = np.array([[BOX[0], BOX[1]], [BOX[2], BOX[1]], [BOX[2], BOX[3]], [BOX[0], BOX[3]]], dtype=np.float32) * size
        return [] if text is None else [OcrLine(quad=quad, text=text, confidence=self.confidence)]


@lru_cache(maxsize=64)
def scene(number: int, text: str | None = None) -> Picture:
    """One of seven pictures of a restless scene, with a caption where there is a text."""
    picture = busy(seed=number % 7, height=180, width=320)
    return picture if text is None else with_text(picture, text, size=14)


def watched(
    text_at: Callable[[int], str | None], *, duration_ms: int, confidence: float = 0.97, moves: bool = True,
    shown: bool = True,
) -> tuple[list[TextTrack], list[int]]:
    """The lines of a video at 8 frames a second, and the times of the looks. shown: the caption is in the pictures."""
    engine = Scripted(text_at, confidence=confidence)
    watcher = StandingText(engine)
    looks = []
    for number, engine.now_ms in enumerate(range(0, duration_ms, STEP_MS)):
        picture = scene(number % 7 if moves else 0, text_at(engine.now_ms) if shown else None)
        if watcher.feed(Still(engine.now_ms, picture)):
            looks.append(engine.now_ms)
    return watcher.finish_lines(duration_ms), looks


def shown_from(*captions: tuple[int, int, str]) -> Callable[[int], str | None]:
    return lambda now_ms: next((text for start, end, text in captions if start <= now_ms < end), None)


def test_a_caption_before_a_moving_scene_is_read_once_and_its_span_is_known() -> None:
    (line,), looks = watched(shown_from((8_000, 11_000, "我要去杂货店买点东西")), duration_ms=20_000)
    assert [at for at in looks if at != 5_000] == [8_500]
    assert line.text == "我要去杂货店买点东西"
    assert line.start_ms == 8_000
    assert 11_000 <= line.end_ms <= 11_250


@pytest.mark.parametrize("start_ms", range(8_000, 8_500, STEP_MS))
def test_a_caption_of_one_second_is_found_whenever_it_comes(start_ms: int) -> None:
    (line,), _ = watched(shown_from((start_ms, start_ms + 1_000, "只有一秒钟")), duration_ms=12_000)
    assert start_ms <= line.start_ms < start_ms + 500
    assert start_ms + 1_000 <= line.end_ms <= start_ms + 1_250


def test_captions_without_a_pause_are_two_lines_that_touch() -> None:
    (one, other), looks = watched(
        shown_from((2_000, 4_000, "我要去杂货店买点东西"), (4_000, 7_000, "要我帮你买点牛奶吗")), duration_ms=9_000
    )
    assert (one.text, other.text) == ("我要去杂货店买点东西", "要我帮你买点牛奶吗")
    assert one.end_ms in range(4_000, 4_251)
    assert other.start_ms in range(4_000, 4_251)
    assert len(looks) == 2


def test_a_caption_that_comes_back_is_read_again() -> None:
    lines, looks = watched(
        shown_from((2_000, 4_000, "下期再见朋友们"), (9_000, 11_000, "下期再见朋友们")), duration_ms=14_000
    )
    assert [(line.text, line.start_ms) for line in lines] == [("下期再见朋友们", 2_000), ("下期再见朋友们", 9_000)]
    assert len(looks) == 2


def test_a_still_picture_is_read_once() -> None:
    (line,), looks = watched(lambda _: "片名就在这里", duration_ms=60_000, moves=False)
    assert looks == [500]
    assert (line.start_ms, line.end_ms) == (0, 60_000)


def test_an_unsure_reading_is_made_sure_by_another_look() -> None:
    (line,), looks = watched(lambda _: "片名就在这里", duration_ms=10_000, moves=False, confidence=0.8)
    assert looks == [500, 750]
    assert line.looks == 2


def test_a_moving_scene_costs_one_look_early_and_one_in_half_a_minute() -> None:
    lines, looks = watched(lambda _: "车身上的广告", duration_ms=40_000, shown=False)
    assert looks == [5_000, 35_000]
    assert [(line.text, line.start_ms) for line in lines] == [("车身上的广告", 5_000), ("车身上的广告", 35_000)]


def test_one_watcher_serves_one_video_after_another() -> None:
    watcher = StandingText(Scripted(lambda _: "片名就在这里"))
    for _ in range(2):
        for now_ms in range(0, 1_000, STEP_MS):
            watcher.feed(Still(now_ms, scene(0, "片名就在这里")))
        assert [(line.start_ms, line.end_ms) for line in watcher.finish_lines(1_000)] == [(0, 1_000)]
    assert watcher.counts.looks == 2


def small(picture: Picture) -> Grey:
    return grey(Still(0, picture).rgb(height=320, width=320))


def test_text_has_appeared_where_letters_stand_in_pictures_that_differ_behind_them() -> None:
    here, there, gone = (small(scene(0, "我要去杂货店")), small(scene(1, "我要去杂货店")), small(scene(2)))
    assert text_has_appeared([here], there, looked_at=None)
    assert text_has_appeared([here], there, looked_at=gone)
    assert not text_has_appeared([gone], there, looked_at=gone)
    assert not text_has_appeared([here], there, looked_at=small(scene(3, "我要去杂货店")))
    other = small(scene(3, "要我帮你买点"))
    assert text_has_appeared([here], there, looked_at=other)
    assert text_has_appeared([small(scene(4, "我要去杂货店")), here], there, looked_at=other)
    assert not text_has_appeared([gone, here], there, looked_at=other)


def test_letters_that_stand_for_half_a_second_are_the_scene_s_and_cost_no_look() -> None:
    # As the signs in a scene when the camera turns round.
    signs = shown_from(*((start_ms, start_ms + 500, f"营业中{start_ms}号") for start_ms in range(7_000, 19_000, 1_500)))
    _, looks = watched(signs, duration_ms=20_000)
    assert looks == [5_000]


def test_the_outline_of_a_thing_that_comes_to_rest_is_no_text() -> None:
    plain = np.full((180, 320), 120, np.float32)
    thing = plain.copy()
    thing[60:120, 100:200] = 220
    assert not text_has_appeared([thing], thing, looked_at=plain)


def test_the_share_of_standing_strokes_falls_when_the_text_goes() -> None:
    box = (0.3, 0.86, 0.7, 0.94)
    here = small(scene(0, "我要去杂货店"))
    assert standing_share(here, here, box) == 1.0
    assert standing_share(here, small(scene(1, "我要去杂货店")), box) > 0.5
    assert standing_share(here, small(scene(1)), box) < 0.25
    assert standing_share(here, small(scene(1, "别着急慢慢来")), box) < 0.5
    assert standing_share(np.zeros((9, 9), np.float32), np.ones((9, 9), np.float32), box) == 1.0


def test_the_fullest_window_is_found_as_by_counting() -> None:
    mask = np.random.default_rng(3).random((20, 40)) < 0.3
    counted = max(mask[y : y + 7, x : x + 16].mean() for y in range(14) for x in range(25))
    assert densest(mask) == pytest.approx(counted)
    assert densest(mask[:6]) == 0.0


def test_a_line_that_is_lost_ends_there_unless_a_look_finds_it_again() -> None:
    quad = np.array([[0.2, 0.85], [0.8, 0.85], [0.8, 0.95], [0.2, 0.95]], dtype=np.float32)
    seen = [OcrLine(quad=quad, text="我要去杂货店", confidence=0.97)]
    tracker = TextTracker(sure=0.9)
    tracker.observe(0, seen)
    assert not tracker.unsettled
    tracker.lose(1_000, gone=lambda box: True)
    assert tracker.visible == []
    tracker.lose(2_000, gone=lambda box: True)
    assert [track.end_ms for track in tracker.finish(9_000)] == [1_000]
    tracker.observe(0, seen)
    tracker.lose(1_000, gone=lambda box: True)
    tracker.observe(1_500, seen)
    assert [track.end_ms for track in tracker.finish(9_000)] == [9_000]
