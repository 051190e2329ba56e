"""Re-ranking what is seen: words against frames decide among the first, and the others stay behind them."""

from __future__ import annotations

import numpy as np
import torch

from retrieval.encoders import TextVectors
from retrieval.errors import LibraryError
from retrieval.model import InteractionSettings, token_wise_similarity
from retrieval.search import reranking
from retrieval.search.channels import ranked
from retrieval.search.reranking import StoredFrames, rerank
from retrieval.search.results import Match

PLAIN = InteractionSettings()


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def query(words: np.ndarray) -> TextVectors:
    words = unit(words)[None]
    return TextVectors(
        pooled=unit(words.mean(axis=1)), words=words, mask=np.ones(words.shape[:2], bool), pieces=[["x"] * words.shape[1]],
        unread=[0], windows=[1],
    )  # fmt: skip


def seen(*scores: float) -> list[Match]:
    rows = [
        Match(channel="visual", video_id=f"v{i}", start_ms=0, end_ms=1000, score=score, clip_id=i)
        for i, score in enumerate(scores)
    ]
    return ranked(rows)


TWO_WORDS = query(np.eye(4)[:2])
# Clip 0 shows a blur of both words in every frame, clip 1 each of them clearly in one frame, clip 2 neither.
FRAMES = {
    0: ((0, 500), unit(np.array([[1.0, 1, 1, 1], [1, 1, 1, 1]]))),
    1: ((0, 500), unit(np.array([[1.0, 0, 0, 0], [0, 1, 0, 0]]))),
    2: ((0, 500), unit(np.array([[0.0, 0, 1, 0], [0, 0, 0, 1]]))),
}


def test_clear_frames_for_each_word_go_before_a_blur_of_all():
    rows = rerank(seen(0.72, 0.70, 0.1), TWO_WORDS, FRAMES, interaction=PLAIN)
    assert [row.video_id for row in rows] == ["v1", "v0", "v2"]
    assert [row.rank for row in rows] == [1, 2, 3]
    np.testing.assert_allclose(rows[0].score, (0.70 + 1.0) / 2, atol=1e-6)


def test_what_was_not_looked_at_stays_behind_in_its_order():
    rows = rerank(seen(0.9, 0.8, 0.7, 0.6), TWO_WORDS, {2: FRAMES[2], 1: FRAMES[1]}, interaction=PLAIN)
    assert [row.video_id for row in rows] == ["v1", "v2", "v0", "v3"]
    assert [row.rank for row in rows] == [1, 2, 3, 4]


def test_without_frames_nothing_changes():
    rows = seen(0.9, 0.8)
    assert list(rerank(rows, TWO_WORDS, {}, interaction=PLAIN)) == rows


def test_the_scores_are_those_of_the_model_whatever_stands_beside_a_clip():
    random = np.random.default_rng(0)
    text = query(random.normal(size=(5, 8)))
    clips = {n: ((0,) * n, unit(random.normal(size=(n, 8)))) for n in (1, 3, 6)}
    settings = InteractionSettings(neighbour_weight=0.5, neighbours=2, share=0.25)
    rows = [Match(channel="visual", video_id="v", start_ms=0, end_ms=1, score=0.1 * n, clip_id=n) for n in clips]
    for row in rerank(ranked(rows), text, clips, interaction=settings):
        alone = token_wise_similarity(
            torch.from_numpy(text.words), torch.from_numpy(clips[row.clip_id][1][None]), neighbour_weight=0.5, neighbours=2
        )
        np.testing.assert_allclose(row.score, 0.75 * 0.1 * row.clip_id + 0.25 * alone.item(), atol=1e-6)


class Shelf:
    """Gives frames, counts how often it is asked, and may be damaged."""

    def __init__(self, *, damaged: bool = False) -> None:
        self.asked: list[set[int]] = []
        self._damaged = damaged

    def frame_vectors(self, clips):
        self.asked.append(set(clips))
        if self._damaged:
            raise LibraryError("The frames are damaged.")
        return {clip: FRAMES[clip] for clip in clips if clip in FRAMES}


def test_frames_are_read_once():
    shelf = Shelf()
    frames = StoredFrames(shelf)  # type: ignore[arg-type]
    assert set(frames.of({0, 1})) == {0, 1}
    assert set(frames.of({1, 2, 9})) == {1, 2}
    assert shelf.asked == [{0, 1}, {2, 9}]


def test_damage_is_told_once_and_costs_only_the_frames():
    shelf = Shelf(damaged=True)
    frames = StoredFrames(shelf)  # type: ignore[arg-type]
    assert (frames.of({0}), frames.of({1}), len(shelf.asked)) == ({}, {}, 1)
    assert frames.damage == "The frames are damaged."


def test_within_a_time_the_nearest_clips_are_looked_at_some_at_least(monkeypatch):
    clips = list(range(35))
    clock = iter(range(100))
    monkeypatch.setattr(reranking.time, "perf_counter", lambda: next(clock))       # a second between two looks
    for milliseconds, expected in ((0, 10), (1500, 20), (60_000, 35), (None, 35)):
        shelf = Shelf()
        _, looked_at = StoredFrames(shelf).within(clips, milliseconds=milliseconds)  # type: ignore[arg-type]
        assert looked_at == expected
        assert set().union(*shelf.asked) == set(clips[:expected])
