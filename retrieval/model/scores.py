"""The token-wise score on arrays: what a search and an evaluation compute from stored vectors, without torch.

The same as `token_wise_score` of `retrieval.model.dual_encoder`, which training uses; a test holds the two equal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from retrieval.model.settings import InteractionSettings

if TYPE_CHECKING:
    from retrieval.encoders.protocols import TextVectors

_PAIRS_AT_ONCE = 4_000_000      # words × frames of one block of texts: some tens of megabytes
_NEVER = np.float32(-1e4)       # below every cosine: a masked entry must not win a maximum


def token_wise_scores(
    texts: TextVectors, frames: NDArray[np.float32], *, frame_mask: NDArray[np.bool_], interaction: InteractionSettings
) -> NDArray[np.float32]:
    """Every text with every clip by words and frames: frames [B, F, D], frame_mask bool [B, F] -> [A, B].

    interaction: as the model was trained. Texts are taken in blocks, so that memory stays small. Raises ValueError where a
    text or a clip has nothing that the masks leave, and when words are to be weighed and come without weights.
    """
    weights = None
    if interaction.text_weights == "significant":
        if texts.weights is None:
            raise ValueError("the texts come without the weights of their words")
        weights = texts.weights
    if not (texts.mask.any(axis=1).all() and frame_mask.any(axis=1).all()):
        raise ValueError("a mask leaves nothing: each text needs at least one word, each clip at least one frame")
    shares = _shares(weights, texts.mask)
    clips = _Clips(frames, frame_mask, *_neighbours(frames, frame_mask, interaction))
    step = max(1, _PAIRS_AT_ONCE // max(1, texts.mask.shape[1] * frame_mask.size))
    scores = np.empty((len(texts.mask), len(frames)), np.float32)
    for start in range(0, len(scores), step):
        rows = slice(start, start + step)
        by_words = _compared(texts.words[rows], texts.mask[rows], shares[rows], clips, interaction)
        if interaction.sentence_weight:
            pooled = texts.pooled[rows, None]
            one = np.ones(pooled.shape[:2], np.bool_)
            by_sentence = _compared(pooled, one, one.astype(np.float32), clips, interaction)
            by_words += np.float32(interaction.sentence_weight) * (by_sentence - by_words)
        scores[rows] = by_words
    return scores


def combined_score(
    pooled: NDArray[np.float32], token_wise: NDArray[np.float32], *, interaction: InteractionSettings
) -> NDArray[np.float32]:
    """The score that orders what was re-ranked: a mean of both, by the share that the model carries."""
    return np.asarray((1 - interaction.share) * pooled + interaction.share * token_wise, dtype=np.float32)


@dataclass(frozen=True)
class _Clips:
    """Frames [B, F, D] and mask [B, F]; of each frame the k frames most like it, and how alike: [B, F, k], k may be 0."""

    frames: NDArray[np.float32]
    mask: NDArray[np.bool_]
    strength: NDArray[np.float32]
    nearest: NDArray[np.int64]


def _neighbours(
    frames: NDArray[np.float32], mask: NDArray[np.bool_], interaction: InteractionSettings
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """A frame is not its own neighbour, and likeness below zero counts as none."""
    count = min(interaction.neighbours, frames.shape[1]) if interaction.neighbour_weight else 0
    if count == 0:
        return np.zeros((*mask.shape, 0), np.float32), np.zeros((*mask.shape, 0), np.int64)
    others = mask[:, :, None] & mask[:, None, :] & ~np.eye(frames.shape[1], dtype=np.bool_)
    likeness = np.where(others, np.maximum(frames @ frames.transpose(0, 2, 1), 0), 0)
    nearest = np.argsort(-likeness, axis=2, kind="stable")[:, :, :count]
    return np.take_along_axis(likeness, nearest, axis=2), nearest


def _compared(
    tokens: NDArray[np.float32], mask: NDArray[np.bool_], shares: NDArray[np.float32], clips: _Clips,
    interaction: InteractionSettings,
) -> NDArray[np.float32]:
    """tokens [A, L, D], mask and shares [A, L] -> [A, B]: half by the words' best frames, half by the frames' best words."""
    texts, words, dimension = tokens.shape
    similarity = tokens.reshape(-1, dimension) @ clips.frames.reshape(-1, dimension).T
    similarity = similarity.reshape(texts, words, *clips.mask.shape)                    # [A, L, B, F]
    seen = np.where(clips.mask, similarity, _NEVER)
    best = seen.max(axis=3)
    if clips.nearest.shape[2]:
        row = np.arange(len(clips.mask)), seen.argmax(axis=3)                           # the frame that won, of each clip
        near = np.take_along_axis(similarity, clips.nearest[row], axis=3)
        best += np.float32(interaction.neighbour_weight / interaction.neighbours) * (clips.strength[row] * near).sum(axis=3)
    text_to_video = np.einsum("alb,al->ab", np.where(mask[:, :, None], best, 0), shares)
    best_word = np.where(mask[:, :, None, None], similarity, _NEVER).max(axis=1)        # [A, B, F]
    frame_shares = clips.mask / clips.mask.sum(axis=1, keepdims=True, dtype=np.float32)
    return np.asarray((text_to_video + (best_word * frame_shares).sum(axis=2)) / 2, dtype=np.float32)


def _shares(weights: NDArray[np.float32] | None, mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """[A, L] that sum to one over the words of each text; all alike where the weights leave nothing. ValueError below 0."""
    if weights is not None and (weights.shape != mask.shape or (weights < 0).any()):
        raise ValueError(f"text weights must be {list(mask.shape)} and not negative")
    weighed = mask.astype(np.float32) if weights is None else weights * mask
    weighed = np.where(weighed.sum(axis=1, keepdims=True) > 0, weighed, mask).astype(np.float32)
    return np.asarray(weighed / weighed.sum(axis=1, keepdims=True))
