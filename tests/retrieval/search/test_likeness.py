"""Copies are alike, different videos are not."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from retrieval.search.fusion import FusedVideo
from retrieval.search.likeness import CopyDetector, may_be_copies
from retrieval.search.results import Match


def video(name: str, text: str = "") -> FusedVideo:
    match = Match(channel="title", video_id=name, start_ms=0, end_ms=1, score=1.0, text=text)
    return FusedVideo(name, 1.0, (match,), (match,))


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def detect(**vectors: np.ndarray) -> dict[tuple[str, str], float]:
    videos = [video(name) for name in vectors]
    detector = CopyDetector(videos, vectors)
    return {(a.video_id, b.video_id): detector.likeness(a, b) for a in videos for b in videos}


def test_a_reencoding_is_a_copy_and_a_different_video_with_the_same_mean_is_not():
    random = np.random.default_rng(0)
    scenes = random.normal(size=(40, 64)) + 0.5
    other = 2 * scenes.mean(axis=0) - scenes  # the same mean, no scene in common
    noisy = scenes + random.normal(scale=0.02, size=scenes.shape)
    like = detect(a=unit(scenes), copy=unit(noisy), other=unit(other), short=unit(other[:3]))
    assert like["a", "copy"] > 0.9
    assert like["a", "other"] == like["other", "short"] == 0.0


def test_likeness_is_symmetric_and_agrees_with_a_slow_reference():
    random = np.random.default_rng(1)
    base = random.normal(size=(5, 8))
    vectors = {str(n): unit(base[: 2 + n % 3] + random.normal(scale=0.05, size=(2 + n % 3, 8))) for n in range(4)}
    for (a, b), value in detect(**vectors).items():
        cosines = vectors[a] @ vectors[b].T
        mean = (cosines.max(axis=0).mean() + cosines.max(axis=1).mean()) / 2
        assert value == pytest.approx(max(0.0, (mean - 0.95) / 0.05), abs=1e-3)


def test_pictures_are_compared_of_suspects_alone_and_texts_where_one_has_no_pictures():
    same = unit(np.ones((1, 4)))
    videos = [video("a", "小狗追球"), video("b", "小狗追球"), video("c", "小狗追球"), video("said", "小狗追球")]
    detector = CopyDetector(videos, {"a": same, "b": same, "c": same}, suspects={"a", "b"})
    assert detector.likenesses(videos[0]).tolist() == pytest.approx([1.0, 1.0, 0.0, 1.0])
    assert detector.likenesses(videos[2]).tolist() == [0.0, 0.0, 0.0, 1.0]
    assert detector.likenesses(videos[3]).tolist() == [1.0] * 4
    assert detector.places(videos[2:]) == [2, 3]


def test_only_videos_with_a_vector_much_like_one_of_another_may_be_copies():
    random = np.random.default_rng(2)
    scenes = unit(random.normal(size=(6, 64)))
    copy = unit(scenes[4:5] + random.normal(scale=0.02, size=(1, 64)))
    shown = {"a": scenes[:2], "b": scenes[2:4], "c": scenes[3:5], "d": copy, "e": scenes[[5, 5]]}
    assert may_be_copies(shown) == {"b", "c", "d"}
    assert may_be_copies({}) == set()


def test_many_videos_are_glanced_at_in_little_memory():
    shown = {str(number): np.array([[np.cos(number), np.sin(number)]], np.float32) for number in range(5000)}
    tracemalloc.start()
    assert len(may_be_copies(shown)) == 5000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50_000_000        # 5,000 times 5,000 numbers would be 100 MB


def test_videos_without_pictures_are_compared_by_their_matching_text():
    a, b, c = video("a", "小狗追球"), video("b", "小狗追球"), video("c", "小猫睡觉")
    detector = CopyDetector([a, b, c], {"a": unit(np.ones((1, 4)))})
    assert (detector.likeness(a, b), detector.likeness(b, c)) == (1.0, 0.0)
