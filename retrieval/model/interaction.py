"""How a text and a video are compared: by their pooled vectors, and word by word with frame by frame."""

from __future__ import annotations

import torch
from torch import Tensor

_NEVER = -1e4       # below every cosine: a masked entry must not win a maximum


def pooled_similarity(texts: Tensor, videos: Tensor) -> Tensor:
    """The cosine of pooled vectors: texts [A, D], videos [B, D], unit length -> [A, B]. This score can be indexed."""
    return texts @ videos.T


def token_wise_similarity(
    text_tokens: Tensor,
    frame_tokens: Tensor,
    *,
    text_weights: Tensor | None = None,
    text_mask: Tensor | None = None,
    frame_mask: Tensor | None = None,
    neighbour_weight: float = 0.0,
    neighbours: int = 1,
) -> Tensor:
    """Words × frames late interaction of every text with every video -> [A, B].

    text_tokens [A, L, D] and frame_tokens [B, V, D] have unit length; masks are bool, True = valid, and a masked entry
    never wins a maximum; text_weights [A, L] >= 0 are multiplied by the mask and divided by their sum. The score is half
    text -> video (the weighted mean over words of each word's best frame) plus half video -> text (the mean over frames
    of each frame's best word). neighbour_weight: 0.5 adds the nearest-frame term of DMAE to the text -> video half: the
    frame most like a word's best frame adds its own similarity, weighted by how alike the two frames are; neighbours = k
    takes the mean over the k most alike. Memory grows with A × B × L × V: compare in chunks of texts.

    Raises ValueError on shapes that do not fit, a text or a video without a valid token, negative weights.
    Source: DMAE (ACM MM 2023), with masks that take part in no maximum and weights normalised over each text.
    """
    text_mask = _mask(text_mask, text_tokens, "text")
    frame_mask = _mask(frame_mask, frame_tokens, "frame")
    if text_tokens.shape[2] != frame_tokens.shape[2]:
        raise ValueError(f"text tokens have {text_tokens.shape[2]} dimensions, frame tokens {frame_tokens.shape[2]}")
    if neighbours < 1:
        raise ValueError(f"neighbours must be 1 or more, not {neighbours}")
    weights = _shares(text_weights, text_mask).to(text_tokens.dtype)
    # a text, b video, l word, v frame
    similarity = torch.einsum("ald,bvd->ablv", text_tokens, frame_tokens)
    best, winner = similarity.masked_fill(~frame_mask[None, :, None, :], _NEVER).max(dim=3)     # [A, B, L]
    if neighbour_weight:
        term = _nearest_frame_term(similarity, winner, frame_tokens, frame_mask, neighbours=neighbours)
        best = best + neighbour_weight * term
    text_to_video = torch.einsum("abl,al->ab", best.masked_fill(~text_mask[:, None, :], 0.0), weights)
    best_word = similarity.masked_fill(~text_mask[:, None, :, None], _NEVER).amax(dim=2)        # [A, B, V]
    frame_shares = frame_mask.to(best_word.dtype) / frame_mask.sum(dim=1, keepdim=True)
    video_to_text = torch.einsum("abv,bv->ab", best_word, frame_shares)
    return (text_to_video + video_to_text) / 2


def _nearest_frame_term(
    similarity: Tensor, winner: Tensor, frame_tokens: Tensor, frame_mask: Tensor, *, neighbours: int
) -> Tensor:
    """[A, B, L]: mean over the k frames u most alike the winning frame v of likeness(v, u) × similarity(word, u).

    A frame is not its own neighbour, and likeness below zero counts as none.
    """
    count = min(neighbours, frame_tokens.shape[1])
    likeness = torch.einsum("bvd,bud->bvu", frame_tokens, frame_tokens)
    valid = frame_mask[:, :, None] & frame_mask[:, None, :]
    own = torch.eye(likeness.shape[1], dtype=torch.bool, device=likeness.device)
    strength, nearest = likeness.masked_fill(~valid | own, 0.0).clamp(min=0.0).topk(count, dim=2)    # [B, V, k]
    # The strengths and neighbours of the frame that won for each (text, video, word): [A, B, L, k]
    texts, videos, words = winner.shape
    row = winner[..., None].expand(texts, videos, words, count)
    strength = strength[None].expand(texts, -1, -1, -1).gather(2, row)
    nearest = nearest[None].expand(texts, -1, -1, -1).gather(2, row)
    return (strength * similarity.gather(3, nearest)).sum(dim=3) / neighbours


def _mask(mask: Tensor | None, tokens: Tensor, which: str) -> Tensor:
    if tokens.ndim != 3:
        raise ValueError(f"{which} tokens must be [items, tokens, dimensions], not {list(tokens.shape)}")
    if mask is None:
        return torch.ones(tokens.shape[:2], dtype=torch.bool, device=tokens.device)
    if mask.shape != tokens.shape[:2] or mask.dtype != torch.bool:
        raise ValueError(f"the {which} mask must be bool {list(tokens.shape[:2])}, not {mask.dtype} {list(mask.shape)}")
    if not bool(mask.any(dim=1).all()):
        raise ValueError(f"a {which} mask leaves nothing: each needs at least one valid token")
    return mask


def _shares(weights: Tensor | None, mask: Tensor) -> Tensor:
    """[A, L] that sum to one over the valid tokens of each text; all alike where the weights leave nothing."""
    if weights is None:
        weights = torch.ones(mask.shape, device=mask.device)
    elif weights.shape != mask.shape or bool((weights < 0).any()):
        raise ValueError(f"text weights must be {list(mask.shape)} and not negative")
    weights = weights * mask
    weights = torch.where(weights.sum(dim=1, keepdim=True) > 0, weights, mask.to(weights.dtype))
    return weights / weights.sum(dim=1, keepdim=True)
