"""Video-text matching: a cross-modal network says of a text and a video whether they belong together."""

from __future__ import annotations

import torch
from torch import Tensor

from training.objectives.precision import at_least_float32


def video_text_matching_loss(logits: Tensor, matching: Tensor) -> Tensor:
    """The mean over pairs of the binary cross entropy of whether they belong together.

    logits: [M] of the cross-modal network's pooled state, or [M, 2] of a head with an output for no and one for yes;
    matching: bool [M]. Returns a scalar, 0 for no pairs. Raises ValueError on other shapes.
    """
    if logits.ndim == 2 and logits.shape[1] == 2:
        logits = at_least_float32(logits[:, 1]) - at_least_float32(logits[:, 0])
    if logits.ndim != 1 or logits.shape != matching.shape:
        raise ValueError(f"logits must be [M] or [M, 2] and matching [M], not {list(logits.shape)}, {list(matching.shape)}")
    logits = at_least_float32(logits)
    losses = torch.nn.functional.binary_cross_entropy_with_logits(logits, matching.to(logits.dtype), reduction="none")
    return losses.sum() / max(len(losses), 1)


def compared_matrix(scores: Tensor, columns: Tensor) -> Tensor:
    """Scores of chosen pairs as the matrix of all texts with all clips, minus infinity where a pair was not compared.

    scores: [N, K] of each text with its K clips; columns: int64 [N, K], which clips, none twice in a row. Returns [N, N].
    Raises ValueError on shapes that do not fit.
    """
    if scores.ndim != 2 or scores.shape != columns.shape:
        raise ValueError(f"scores and columns must be [N, K] alike, not {list(scores.shape)}, {list(columns.shape)}")
    return scores.new_full((len(scores), len(scores)), float("-inf")).scatter(1, columns, scores)


def random_mismatches(groups: Tensor, *, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """For each pair of a batch another one whose text does not belong to its video, by chance.

    groups: int64 [b], pairs with the same number have the same video or the same text. Returns the numbers of the pairs,
    int64 [b], each uniform over those of another group, and whether there is one, bool [b]; where there is none the number
    is the pair's own.
    """
    other = groups[:, None] != groups[None, :]
    lot = torch.rand(other.shape, generator=generator, device=generator.device).to(groups.device)
    chosen = lot.masked_fill(~other, -1.0).argmax(dim=1)
    found = other.any(dim=1)
    return torch.where(found, chosen, torch.arange(len(groups), device=groups.device)), found
