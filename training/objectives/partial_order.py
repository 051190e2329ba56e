"""Partial-order triplets: a text and its video are more alike whole than when the most important of one is gone."""

from __future__ import annotations

import torch
from torch import Tensor

from training.objectives.important_tokens import select_important_tokens
from training.objectives.partial_margin import partial_margin
from training.objectives.precision import at_least_float32


def partial_order_terms(
    sentences: Tensor,
    words: Tensor,
    frames: Tensor,
    *,
    word_importance: Tensor,
    frame_importance: Tensor,
    word_mask: Tensor,
    frame_mask: Tensor,
    mass: float = 0.6,
    margin: float = 0.6,
    unit_length: bool = True,
) -> dict[str, Tensor]:
    """The three triplets of matched pairs, by name, each the mean over pairs of what the margin lacks.

    sentences: [b, D], words: [b, L, D], frames: [b, V, D], unit length, row i of each belongs together; importance: [b, L]
    and [b, V], summing to 1 over valid tokens; masks: bool, True = valid. The most important tokens up to `mass` are gone
    from the partial side. `video`: the sentence with all frames over the sentence with those left; `video_by_words`: the
    same for the words summed by importance; `text`: the words so summed over those left, with all frames. unit_length:
    the sum of the words left is brought to unit length as that of all words is, False = as published, where being
    shorter makes it less alike by itself. The choice of tokens has no gradient, so frame_importance gets none.
    Of several processes the mean of each one's terms is that of the joined batch where all have as many pairs.
    Raises ValueError on masks and importances that do not fit.
    Source: TPM-CL (DMAE, ACM MM 2023), without an entry that is masked or gone winning a maximum.
    """
    sentences, words, frames = at_least_float32(sentences), at_least_float32(words), at_least_float32(frames)
    words_left = select_important_tokens(word_importance, mass=mass, mask=word_mask)
    frames_left = select_important_tokens(frame_importance, mass=mass, mask=frame_mask)
    weights = at_least_float32(word_importance)
    whole = torch.nn.functional.normalize(_summed(words, weights * word_mask), dim=-1)
    part = _summed(words, weights * words_left)
    if unit_length:
        part = torch.nn.functional.normalize(part, dim=-1)
    by_words = matched_similarity(whole, frames, frame_mask)
    sides = {
        "video": (
            matched_similarity(sentences, frames, frame_mask),
            matched_similarity(sentences, frames, frame_mask, left=frames_left),
        ),
        "video_by_words": (by_words, matched_similarity(whole, frames, frame_mask, left=frames_left)),
        "text": (by_words, matched_similarity(part, frames, frame_mask)),
    }
    return {name: partial_margin(complete, less, margin=margin) for name, (complete, less) in sides.items()}


def matched_similarity(texts: Tensor, frames: Tensor, mask: Tensor, *, left: Tensor | None = None) -> Tensor:
    """Each text vector with the frames of its own video: half its best frame, half the mean over frames -> [b].

    texts: [b, D], frames: [b, V, D], mask: bool [b, V], True = valid. left: bool [b, V], the frames that are not taken away,
    None = all; one that is gone counts as 0 in the mean and never wins. Without any frame the similarity is 0.
    """
    left = mask if left is None else mask & left
    products = torch.einsum("bd,bvd->bv", texts, frames)
    best = products.masked_fill(~left, float("-inf")).amax(dim=1)
    best = torch.where(left.any(dim=1), best, torch.zeros_like(best))
    mean = products.masked_fill(~left, 0.0).sum(dim=1) / mask.sum(dim=1).clamp(min=1)
    return (best + mean) / 2


def _summed(tokens: Tensor, weights: Tensor) -> Tensor:
    return torch.einsum("btd,bt->bd", tokens, weights.to(tokens.dtype))
