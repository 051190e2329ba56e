"""On-screen text: few looks, no caption missed, and the real engine reads what was drawn."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from drawn import Picture, Still, busy, with_text

from data_pipeline.evidence.ocr import OcrLine, RapidOcr, widened
from data_pipeline.evidence.on_screen import OnScreenText, enlarged
from data_pipeline.evidence.text_gate import grey, text_may_have_changed, text_still_there, text_untouched
from data_pipeline.evidence.text_policy import TextPolicy
from retrieval.errors import ModelError
from retrieval.records import Evidence

STEP_MS = 40


class Scripted:
    """An engine that knows what is on the screen; `text_at` says which caption a time has, if any."""

    name, version = "scripted", "1"

    def __init__(self, text_at: Callable[[int], str | None]) -> None:
        self.text_at = text_at
        self.now_ms = 0

    def read(self, picture: Picture) -> list[OcrLine]:
        text = self.text_at(self.now_ms)
        height, width = picture.shape[:2]
        quad = np.array([[0.3, 0.85], [0.7, 0.85], [0.7, 0.95], [0.3, 0.95]], dtype=np.float32)
        quad *= np.array([width, height], dtype=np.float32)
        return [] if text is None else [OcrLine(quad=quad, text=text, confidence=0.95)]


def watched(
    text_at: Callable[[int], str | None], pictures: Callable[[int], Picture], *, duration_ms: int
) -> tuple[list[Evidence], list[int]]:
    """Evidence of a scripted video at 25 frames a second, and the times of the looks."""
    engine = Scripted(text_at)
    pass_ = OnScreenText(engine)
    looks = []
    for engine.now_ms in range(0, duration_ms, STEP_MS):
        if pass_.feed(Still(engine.now_ms, pictures(engine.now_ms))):
            looks.append(engine.now_ms)
    return pass_.finish(duration_ms), looks


SMALL: dict[str, int] = {"height": 180, "width": 320}


@pytest.fixture(scope="module")
def moving() -> list[Picture]:
    return [busy(seed=seed, **SMALL) for seed in range(7)]


def test_a_caption_that_changes_in_an_otherwise_still_picture_passes_the_gate() -> None:
    scene = busy()
    one, other = with_text(scene, "我要去杂货店买点东西"), with_text(scene, "要我帮你买点牛奶吗？")
    small = [grey(Still(0, picture).rgb(height=320, width=320)) for picture in (scene, one, other)]
    assert text_may_have_changed(small[0], small[1])
    assert text_may_have_changed(small[1], small[2])
    assert text_may_have_changed(small[1], small[0])
    one_character = grey(Still(0, with_text(scene, "我要去杂货店卖点东西")).rgb(height=320, width=320))
    assert text_may_have_changed(small[1], one_character)


def test_coding_noise_and_slow_light_do_not_pass_the_gate() -> None:
    scene = grey(with_text(busy(), "我要去杂货店买点东西")[::4, ::4])
    noise = np.random.default_rng(1).normal(0, 4, scene.shape).astype(np.float32)
    assert not text_may_have_changed(scene, scene + noise)
    assert not text_may_have_changed(scene, scene + 4)


def test_a_change_without_the_contrast_of_text_does_not_pass_the_gate() -> None:
    sky = np.full((180, 320), 180, np.float32)
    assert not text_may_have_changed(sky, sky - 20)


def test_strokes_are_found_again_before_another_background() -> None:
    box = (0.33, 0.87, 0.67, 0.93)
    here, there = busy(seed=1), busy(seed=2)
    small = [
        grey(Still(0, picture).rgb(height=320, width=320))
        for picture in (with_text(here, "我要去杂货店买点东西"), with_text(there, "我要去杂货店买点东西"),
                        with_text(there, "要我帮你买点牛奶吗？"), there)
    ]
    assert text_still_there(small[0], small[1], [box])
    assert not text_still_there(small[0], small[2], [box])
    assert not text_still_there(small[0], small[3], [box])


def test_one_changed_character_touches_a_line_and_coding_noise_does_not() -> None:
    box = (0.33, 0.87, 0.67, 0.93)
    scene = busy(seed=1)
    small = [
        grey(Still(0, with_text(scene, text)).rgb(height=320, width=320))
        for text in ("我要去杂货店买点东西", "我要去杂货店卖点东西")
    ]
    noise = np.random.default_rng(1).normal(0, 4, small[0].shape).astype(np.float32)
    assert text_untouched(small[0], small[0] + noise, box)
    assert not text_untouched(small[0], small[1], box)


def test_a_small_picture_is_enlarged_for_the_engine_at_most_twice() -> None:
    assert enlarged(np.zeros((180, 320, 3), np.uint8)).shape == (360, 640, 3)
    assert enlarged(np.zeros((720, 405, 3), np.uint8)).shape == (960, 540, 3)
    assert enlarged(np.zeros((540, 960, 3), np.uint8)).shape == (540, 960, 3)


def test_a_still_picture_is_read_twice_and_never_again(moving: list[Picture]) -> None:
    found, looks = watched(lambda _: "片名在此", lambda _: moving[0], duration_ms=60_000)
    assert looks == [0, 520]
    assert [(e.text, e.start_ms, e.end_ms) for e in found] == [("片名在此", 0, 60_000)]


def test_evidence_names_its_engine_and_its_confidence(moving: list[Picture]) -> None:
    (found,), _ = watched(lambda _: "片名在此", lambda _: moving[0], duration_ms=2000)
    assert (found.kind, found.source, found.confidence) == ("ocr", "scripted 1", 0.95)


@pytest.mark.parametrize("start_ms", range(20_000, 21_000, 120))
def test_a_caption_of_one_second_is_seen_after_a_long_silence(start_ms: int, moving: list[Picture]) -> None:
    def text_at(now_ms: int) -> str | None:
        return "只有一秒" if start_ms <= now_ms < start_ms + 1000 else None

    found, looks = watched(text_at, lambda now_ms: moving[now_ms // STEP_MS % 7], duration_ms=24_000)
    assert [e.text for e in found] == ["只有一秒"]
    assert start_ms <= found[0].start_ms < start_ms + 1000
    assert len([at for at in looks if 10_000 <= at < 20_000]) <= 12


def test_a_text_that_stands_before_a_moving_scene_slows_the_looks_down(moving: list[Picture]) -> None:
    scenes = [picture.copy() for picture in moving]
    for scene in scenes:
        scene[150:174, 90:230] = busy(seed=99, **SMALL)[150:174, 90:230]
    found, looks = watched(lambda _: "片名在此", lambda now_ms: scenes[now_ms // STEP_MS % 7], duration_ms=20_000)
    assert len(looks) <= 24
    assert [(e.start_ms, e.end_ms) for e in found] == [(0, 20_000)]


def test_one_pass_object_serves_one_video_after_another(moving: list[Picture]) -> None:
    pass_ = OnScreenText(Scripted(lambda _: "片名在此"))
    for _ in range(2):
        assert pass_.feed(Still(0, moving[0]))
        assert [(e.start_ms, e.end_ms) for e in pass_.finish(1000)] == [(0, 1000)]


def test_a_video_without_frames_or_text_gives_nothing(moving: list[Picture]) -> None:
    assert watched(lambda _: None, lambda _: moving[0], duration_ms=0) == ([], [])
    assert watched(lambda _: None, lambda _: moving[0], duration_ms=3000)[0] == []


@pytest.mark.parametrize(
    ("text", "confidence", "kept"),
    [("不允许失败", 0.9, True), ("不允许失败", 0.5, False), ("口", 0.99, False), ("……", 0.99, False),
     ("福", 0.96, True), ("福", 0.94, False), ("一", 0.99, False), ("あ", 0.99, False), ("5", 0.99, False),
     ("暂停", 0.75, True), ("IlI", 0.8, False), ("OK", 0.97, True), ("Google", 0.75, True)],
)
def test_noise_is_told_from_text_by_length_and_confidence(text: str, confidence: float, kept: bool) -> None:
    assert TextPolicy().accepts(text, confidence) is kept


def test_an_unsure_text_of_a_single_look_is_dropped() -> None:
    assert not TextPolicy().accepts_track("暂停", looks=1, confidence=0.75)
    assert TextPolicy().accepts_track("暂停", looks=2, confidence=0.75)


def test_a_character_alone_is_kept_when_it_is_seen_twice(moving: list[Picture]) -> None:
    found, _ = watched(lambda _: "福", lambda _: moving[0], duration_ms=3000)
    assert [piece.text for piece in found] == ["福"]
    found, looks = watched(lambda now: "福" if now == 0 else None, lambda _: moving[0], duration_ms=3000)
    assert found == []
    assert len(looks) > 1


@pytest.mark.parametrize("shape", [(4320, 7680), (7680, 4320)])
def test_a_giant_frame_is_reduced_before_the_engine_sees_it(shape: tuple[int, int]) -> None:
    seen: list[tuple[int, ...]] = []
    engine = SimpleNamespace(name="shapes", version="1", read=lambda picture: seen.append(picture.shape) or [])
    OnScreenText(engine).feed(Still(0, np.zeros((*shape, 3), np.uint8)))
    assert [sorted(size) for size in seen] == [[3, 540, 960]]


def test_only_long_lying_lines_are_widened() -> None:
    long = [[100, 50], [300, 50], [300, 80], [100, 80]]
    short = [[100, 50], [150, 50], [150, 80], [100, 80]]
    upright = [[100, 50], [130, 50], [130, 300], [100, 300]]
    wide = widened(np.array([long, short, upright], dtype=np.float32), width=305)
    np.testing.assert_allclose(wide[0], [[91, 50], [304, 50], [304, 80], [91, 80]])
    np.testing.assert_allclose(wide[1:], [short, upright])


def test_a_missing_engine_is_one_sentence_that_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def refusing(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "rapidocr":
            raise ImportError("No module named 'rapidocr'")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refusing)
    with pytest.raises(ModelError, match=r"wenshi\[ocr\]"):
        RapidOcr()


@pytest.fixture(scope="module")
def engine() -> RapidOcr:
    pytest.importorskip("rapidocr")
    return RapidOcr(threads=1)


@pytest.mark.parametrize(
    "text", ["一个还是两个？是两个对吧？", "我要去杂货店买点东西", "Failure is not an option", "第3集 2024年"]
)
def test_the_real_engine_reads_a_drawn_caption_and_says_where(engine: RapidOcr, text: str) -> None:
    (line,) = engine.read(with_text(busy(seed=3, height=540, width=960), text, size=36))
    assert line.text.replace(" ", "") == text.replace(" ", "")
    assert line.quad.shape == (4, 2)
    assert abs(line.quad[:, 0].mean() - 480) < 15
    assert abs(line.quad[:, 1].mean() - 486) < 10


def test_the_real_engine_finds_no_text_where_there_is_none(engine: RapidOcr) -> None:
    assert [line for line in engine.read(busy()) if TextPolicy().accepts(line.text, line.confidence)] == []


def test_the_engine_is_given_blue_first_as_it_expects(engine: RapidOcr, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Picture] = []

    def nothing_found(picture: Picture) -> SimpleNamespace:
        given.append(picture)
        return SimpleNamespace(boxes=None, txts=None)

    monkeypatch.setattr(engine, "_engine", nothing_found)
    assert engine.read(np.array([[[1, 2, 3]]], dtype=np.uint8)) == []
    assert given[0].tolist() == [[[3, 2, 1]]]


@pytest.mark.parametrize("picture", [np.zeros((4, 4), np.uint8), np.zeros((0, 4, 3), np.uint8), np.zeros((4, 4, 3))])
def test_what_is_no_picture_is_refused(engine: RapidOcr, picture: Any) -> None:
    with pytest.raises(ValueError, match="uint8"):
        engine.read(picture)


def test_captions_over_a_moving_scene_become_one_piece_each(engine: RapidOcr) -> None:
    """Two captions of two lines, three seconds each, with a second of nothing between, under a permanent logo."""
    captions = [(0, 3000, "我要去杂货店买点东西\nI am going to the shop"), (4000, 7000, "一个还是两个？\nOne or two?")]
    scenes = [with_text(busy(seed=seed), "文视新闻", x=0.1, y=0.07) for seed in range(4)]
    pass_ = OnScreenText(engine)
    for now_ms in range(0, 8000, 100):
        picture = scenes[now_ms // 100 % 4]
        for start_ms, end_ms, text in captions:
            picture = with_text(picture, text) if start_ms <= now_ms < end_ms else picture
        pass_.feed(Still(now_ms, picture))
    found = {e.text: e for e in pass_.finish(8000)}
    assert set(found) == {"文视新闻", "我要去杂货店买点东西 I am going to the shop", "一个还是两个？ One or two?"}
    logo, first, second = sorted(found.values(), key=lambda e: (e.text != "文视新闻", e.start_ms))
    assert (logo.start_ms, logo.end_ms) == (0, 8000)
    assert first.start_ms == 0
    assert 3000 <= first.end_ms <= 3900
    assert 4000 <= second.start_ms <= 4900
    assert 7000 <= second.end_ms <= 7900
