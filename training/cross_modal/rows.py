"""The texts and clips of all processes, of which each reads its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from retrieval.model import TextFeatures, VideoFeatures, pooled_similarity
from training.batches.tokens import TokenRows, TokenSignificance

Gather = Callable[[Tensor], Tensor]


@dataclass(frozen=True, kw_only=True)
class Rows:
    """N texts and clips, row i of both belongs together; `own` int64 [b] are the places of this process's."""

    ids: Tensor             # int64 [N, L]
    attended: Tensor        # int64 [N, L], 1 = looked at
    words: Tensor           # bool [N, L], True = the text's own
    significance: TokenSignificance | None      # [N, L] each
    text_ids: Tensor        # int64 [N], equal numbers = the same text
    frames: Tensor          # [N, F, D]
    frame_mask: Tensor      # bool [N, F]
    own: Tensor
    similarity: Tensor      # [b, N], own texts with all clips by their pooled vectors, without gradient
    matching: Tensor        # [N], the same of all texts with their own clips

    @property
    def share(self) -> float:
        """What part of all rows this process has."""
        return len(self.own) / len(self.ids)


def rows_of(
    texts: TokenRows, features: tuple[TextFeatures, VideoFeatures], *, text_ids: Tensor, gather: Gather | None, first: int
) -> Rows:
    """Own rows and those of the others, by `gather`; first: the place of the own ones among all."""
    together = gather or (lambda own: own)
    pooled, videos = features[0].pooled.detach(), features[1]
    attended = torch.ones_like(texts.ids) if texts.attended is None else texts.attended
    return Rows(
        ids=together(texts.ids), attended=together(attended), words=together(texts.words), text_ids=together(text_ids),
        significance=None if texts.significance is None else texts.significance.each(together),
        frames=together(videos.frames), frame_mask=together(videos.mask),
        own=torch.arange(len(text_ids), device=text_ids.device) + first,
        similarity=pooled_similarity(pooled, together(videos.pooled.detach())),
        matching=together((pooled * videos.pooled.detach()).sum(dim=1)),
    )  # fmt: skip
