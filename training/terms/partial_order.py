"""Partial-order triplets as a term, with the predictors that say which tokens are important."""

from __future__ import annotations

from torch import Tensor, nn

from training.objectives.partial_order import partial_order_terms
from training.objectives.token_importance import TokenImportance
from training.recipe import PartialOrder
from training.terms.term import Pairs


class PartialOrderTerm(nn.Module):
    """TPM-CL on the matched pairs of this process; its predictors are trained along and are no part of the model.

    tokens, frames: the most of each that a text and a clip may have; dimension: of their vectors.
    """

    def __init__(self, settings: PartialOrder, *, tokens: int, frames: int, dimension: int) -> None:
        super().__init__()
        self.weight = settings.weight
        self._settings = settings
        self.words = TokenImportance(queries=frames, tokens=tokens, dimension=dimension)
        self.frames = TokenImportance(queries=1, tokens=frames, dimension=dimension)

    def forward(self, pairs: Pairs) -> dict[str, Tensor]:
        texts, videos = pairs.texts, pairs.videos
        terms = partial_order_terms(
            texts.pooled, texts.words, videos.frames,
            word_importance=self.words(videos.frames, texts.words, query_mask=videos.mask, token_mask=texts.mask),
            frame_importance=self.frames(texts.pooled[:, None], videos.frames, token_mask=videos.mask),
            word_mask=texts.mask, frame_mask=videos.mask, mass=self._settings.mass, margin=self._settings.margin,
        )  # fmt: skip
        return {f"partial_order.{name}": terms[name] for name in self._settings.triplets}
