"""Which pairs of a batch are worth a close look, when there is no room to look at all of them so."""

from __future__ import annotations

import torch
from torch import Tensor

from training.objectives.hard_negatives import hard_negative_indices


def hardest_pairs(similarity: Tensor, *, count: int, excluded: Tensor | None = None) -> Tensor:
    """The own pairs, and of each row and of each column the `count` wrong ones that are most alike.

    similarity: [N, N], the diagonal is the matching pair. excluded: bool [N, N], symmetric, True = not really wrong, such as
    the very same text: taken last. Returns bool [N, N], symmetric, so that it holds for both directions of a loss; without
    gradient. A count of N - 1 or more takes all. Raises ValueError for a count below 1 or a matrix that is not square.
    """
    if similarity.ndim != 2 or similarity.shape[0] != similarity.shape[1]:
        raise ValueError(f"similarity must be [N, N], not {list(similarity.shape)}")
    chosen = torch.eye(len(similarity), dtype=torch.bool, device=similarity.device)
    if len(similarity) == 1:
        return chosen
    for way in (similarity, similarity.T):
        hardest = hard_negative_indices(
            way, count=min(count, len(way) - 1), rule="top_k", excluded=excluded
        )
        chosen = chosen.scatter(1, hardest, True)
    return chosen | chosen.T
