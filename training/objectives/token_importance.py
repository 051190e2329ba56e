"""How important each token of one modality is in the eyes of the other: a predictor with weights, used in training only."""

from __future__ import annotations

import torch
from torch import Tensor, nn

_EPSILON = 1e-5


class TokenImportance(nn.Module):
    """Shares of the tokens of a text for the frames of its video, or of the frames for the sentence.

    queries, tokens: the most of each there may be; dimension: of both, even. Its maps have a row or a column for each
    place, so a place means something: shorter inputs use the first ones.
    Source: the linear predictor of TPM-CL (DMAE, ACM MM 2023), with padding out of the normalisation and of the shares.
    """

    def __init__(self, *, queries: int, tokens: int, dimension: int) -> None:
        super().__init__()
        self.mix = nn.Linear(queries, tokens, bias=False)
        self.scale = nn.Parameter(torch.ones(tokens, 2 * dimension))
        self.shift = nn.Parameter(torch.zeros(tokens, 2 * dimension))
        self.hidden = nn.Linear(2 * dimension, dimension // 2, bias=False)
        self.score = nn.Linear(dimension // 2, 1, bias=False)

    def forward(
        self, queries: Tensor, tokens: Tensor, *, query_mask: Tensor | None = None, token_mask: Tensor | None = None
    ) -> Tensor:
        """[B, T] shares that sum to 1 over the valid tokens; all 0 for a row without any.

        queries: [B, F, D] of the other modality, tokens: [B, T, D]; masks: bool, True = valid, None = all are. What stands
        in padding makes no difference. Raises ValueError for more queries or tokens than there are places.
        """
        places, asking = self.mix.weight.shape
        if tokens.shape[1] > places or queries.shape[1] > asking:
            raise ValueError(
                f"{queries.shape[1]} queries and {tokens.shape[1]} tokens are more than the {asking} and {places} there may be"
            )
        valid = torch.ones(tokens.shape[:2], dtype=torch.bool, device=tokens.device) if token_mask is None else token_mask
        if query_mask is not None:
            queries = queries.masked_fill(~query_mask[..., None], 0.0)
        mix = self.mix.weight[: tokens.shape[1], : queries.shape[1]]
        both = torch.cat([torch.einsum("tf,bfd->btd", mix, queries), tokens], dim=2)
        importance = self.score(nn.functional.gelu(self.hidden(self._normalised(both, valid)))).squeeze(-1).sigmoid()
        importance = importance.masked_fill(~valid, 0.0)
        total = importance.sum(dim=1, keepdim=True)
        return torch.where(total > 0, importance / total.clamp(min=torch.finfo(total.dtype).tiny), 0.0)

    def _normalised(self, block: Tensor, valid: Tensor) -> Tensor:
        """Layer normalisation over the whole block of a row's valid tokens."""
        block = block.masked_fill(~valid[..., None], 0.0)
        numbers = valid.sum(dim=1)[:, None, None].clamp(min=1) * block.shape[2]
        mean = block.sum(dim=(1, 2), keepdim=True) / numbers
        apart = (block - mean).masked_fill(~valid[..., None], 0.0)
        variance = apart.square().sum(dim=(1, 2), keepdim=True) / numbers
        places = slice(block.shape[1])
        return apart * (variance + _EPSILON).rsqrt() * self.scale[places] + self.shift[places]
