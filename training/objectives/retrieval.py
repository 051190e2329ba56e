"""The sum of losses that a recipe asks for, on the pooled and on the token-wise score, both directions averaged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from retrieval.model import InteractionSettings, TextFeatures, VideoFeatures, pooled_similarity, token_wise_similarity
from training.objectives.info_nce import info_nce, info_nce_by_rows
from training.objectives.positives_nce import positives_nce
from training.recipe import Losses, Objective

Gather = Callable[[Tensor], Tensor]
Similarity = Callable[[slice], Tensor]

# Each name is a setting of `recipe.Losses`; the pair is the loss of a whole matrix and of one made row by row.
_LOSSES = {"info_nce": (info_nce, info_nce_by_rows)}


@dataclass(frozen=True, kw_only=True)
class WordQueries:
    """K words as texts of their own; held: bool [b, K], True = the clip of this process has the word in one of its texts."""

    texts: TextFeatures
    held: Tensor


@dataclass(frozen=True, kw_only=True)
class _Direction:
    """Own queries against the items of all processes; `rows` gives the similarities of some own queries, [rows, N]."""

    rows: Similarity
    positives: Tensor           # int64 [b]
    ignored: Tensor | None      # bool [b, N]


class RetrievalObjective:
    """Compares the texts of a batch with its clips; row i of both belongs together.

    It holds no weights and knows no process group: `gather` brings the rows of all processes together.
    """

    def __init__(self, settings: Objective, *, interaction: InteractionSettings) -> None:
        self._settings = settings
        self._scores: dict[str, Losses] = {"pooled": settings.pooled, "token_wise": settings.token_wise}
        self._token_wise = partial(
            token_wise_similarity, neighbour_weight=interaction.neighbour_weight, neighbours=interaction.neighbours
        )

    def __call__(
        self, texts: TextFeatures, videos: VideoFeatures, *, logit_scale: Tensor, text_ids: Tensor,
        gather: Gather | None = None, first: int = 0, words: WordQueries | None = None,
    ) -> dict[str, Tensor]:
        """The terms by name, such as `pooled.info_nce`, and their weighted sum `loss`: scalars.

        texts, videos: b rows of this process. text_ids: int64 [b], equal numbers = the same text. gather: [b, ...] of
        this process -> [N, ...] of all, differentiable, None = this one is alone. first: the place of the own rows there.
        words: asked of the clips of this process alone.
        """
        together = gather or (lambda own: own)
        positives = torch.arange(len(text_ids), device=text_ids.device) + first
        ignored = None
        if self._settings.identical_texts == "ignored":
            ignored = text_ids[:, None] == together(text_ids)[None, :]
        terms: dict[str, Tensor] = {}
        for score, losses in self._scores.items():
            weights = {name: weight for name, weight in losses if weight > 0}
            if weights:
                directions = [
                    _Direction(rows=rows, positives=positives, ignored=ignored)
                    for rows in self._both_ways(score, texts, videos, together, alone=gather is None)
                ]
                terms |= {f"{score}.{name}": self._term(name, directions, logit_scale) for name in weights}
        if words is not None:
            terms |= self._word_terms(words, videos, logit_scale)
        loss = sum((self._weight(name) * term for name, term in terms.items()), torch.zeros_like(logit_scale))
        return {**terms, "loss": loss}

    def _weight(self, term: str) -> float:
        score, _, name = term.partition(".")
        return float(getattr(self._settings.words, score) if name == "words" else getattr(self._scores[score], name))

    def _word_terms(self, words: WordQueries, videos: VideoFeatures, logit_scale: Tensor) -> dict[str, Tensor]:
        """Words against clips, and clips against words, by the scores that the recipe gives a weight."""
        terms, held = {}, words.held.T
        for score in self._scores:
            if getattr(self._settings.words, score) > 0:
                if score == "pooled":
                    found = pooled_similarity(words.texts.pooled, videos.pooled)
                else:
                    found = self._token_wise(
                        words.texts.words, videos.frames, text_mask=words.texts.mask, frame_mask=videos.mask
                    )
                there = positives_nce(found, logit_scale=logit_scale, positive=held)
                back = positives_nce(found.T, logit_scale=logit_scale, positive=held.T)
                terms[f"{score}.words"] = (there + back) / 2
        return terms

    def _term(self, name: str, directions: list[_Direction], logit_scale: Tensor) -> Tensor:
        whole, by_rows = _LOSSES[name]
        chunk, every = self._settings.chunk, slice(None)
        found = [
            whole(one.rows(every), logit_scale=logit_scale, positives=one.positives, ignored=one.ignored)
            if chunk is None
            else by_rows(
                one.rows, logit_scale=logit_scale, positives=one.positives, chunk=chunk,
                ignored=None if one.ignored is None else one.ignored.__getitem__,
            )
            for one in directions
        ]  # fmt: skip
        return torch.stack(found).mean()

    def _both_ways(
        self, score: str, texts: TextFeatures, videos: VideoFeatures, gather: Gather, *, alone: bool
    ) -> tuple[Similarity, Similarity]:
        """Similarities of own texts with all clips, and of own clips with all texts."""
        if score == "pooled":
            all_texts, all_videos = gather(texts.pooled), gather(videos.pooled)
            ways: tuple[Similarity, Similarity] = (
                lambda rows: pooled_similarity(texts.pooled[rows], all_videos),
                lambda rows: pooled_similarity(all_texts, videos.pooled[rows]).T,
            )
        else:
            words, word_mask = gather(texts.words), gather(texts.mask)
            frames, frame_mask = gather(videos.frames), gather(videos.mask)
            ways = (
                lambda rows: self._token_wise(
                    texts.words[rows], frames, text_mask=texts.mask[rows], frame_mask=frame_mask
                ),
                lambda rows: self._token_wise(
                    words, videos.frames[rows], text_mask=word_mask, frame_mask=videos.mask[rows]
                ).T,
            )
        if alone and self._settings.chunk is None:      # both directions are one matrix: compute it once
            matrix = ways[0](slice(None))
            return (lambda rows: matrix, lambda rows: matrix.T)
        return ways


def detached(terms: Mapping[str, Tensor]) -> dict[str, float]:
    """The values of terms as plain numbers."""
    return {name: float(term.detach()) for name, term in terms.items()}
