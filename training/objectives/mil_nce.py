"""MIL-NCE: one softmax for each pair over both of its directions, where a video may have several clips."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from training.objectives.precision import at_least_float32

PositiveClips = Literal["middle", "all"]


def mil_nce(
    similarity: Tensor,
    *,
    clips_per_video: int = 1,
    pair_weights: Tensor | None = None,
    clip_mask: Tensor | None = None,
    positive_clips: PositiveClips = "middle",
) -> Tensor:
    """The matching entry of each video against the whole column of its clip and the wrong part of its text's row.

    similarity: [B*P, B*P] logits, P = clips_per_video; rows are texts, each repeated P times, column j*P + c is clip c of
    video j; nothing is scaled here. pair_weights: [B], the mean over B is not divided by their sum. clip_mask: bool
    [B, P], True = valid; the rows and columns of the others are not there, and a video without a valid clip costs nothing.
    positive_clips: which clips of a video are asked, "middle" = the one in the middle of the valid ones, the rest being
    negatives of other videos only; "all" = the mean over them.
    Returns a scalar; transposing changes nothing when P = 1. Raises ValueError on shapes that do not fit.
    Source: MIL-NCE (arXiv 1912.06430) in its joint form, with r the clip that is asked,
    l_j = lse({M_qr: all q} and {M_rq: q outside block j}) - lse({M_qr: q in block j}).
    """
    logits, valid = at_least_float32(similarity), _valid(similarity, clips_per_video, clip_mask)
    videos = len(valid)
    if pair_weights is not None and pair_weights.shape != (videos,):
        raise ValueError(f"pair_weights must be [{videos}], not {list(pair_weights.shape)}")
    flat, never = valid.flatten(), float("-inf")
    block = torch.arange(videos, device=logits.device).repeat_interleave(clips_per_video)
    together = block[:, None] == block[None, :]
    # Entry r of each: the logits of column r as a row, and of row r; what is not asked is replaced to keep it finite.
    column = logits.T.masked_fill(~flat, never)
    row = logits.masked_fill(together | ~flat, never)
    asked = _asked(valid, positive_clips).flatten()
    everything = torch.cat([column, row], dim=1)[asked]
    losses = everything.logsumexp(dim=1) - column.masked_fill(~together, never)[asked].logsumexp(dim=1)
    share = 1 / _asked(valid, positive_clips).sum(dim=1).clamp(min=1).to(losses.dtype)
    if pair_weights is not None:
        share = share * pair_weights.to(losses.dtype)
    return (losses * share[block[asked]]).sum() / videos


def mil_nce_of_rows(
    there: Tensor, back: Tensor, *, positives: Tensor, ignored: Tensor | None = None, pair_weights: Tensor | None = None
) -> Tensor:
    """`mil_nce` with one clip a video, for some pairs of a larger batch: the sum over them, not their mean.

    there: [b, N] logits of own texts with all clips; back: [b, N] of own clips with all texts; positives: int64 [b], the
    place of each own pair among all; ignored: bool [b, N], True = neither positive nor negative, in both directions; what
    is minus infinity in one direction is no negative there. pair_weights: [b].
    """
    if there.ndim != 2 or there.shape != back.shape or positives.shape != there.shape[:1]:
        raise ValueError(
            f"there and back must be [b, N] alike with positives [b], not {list(there.shape)}, {list(back.shape)}, "
            f"{list(positives.shape)}"
        )
    there, back = at_least_float32(there), at_least_float32(back)
    own = torch.zeros(there.shape, dtype=torch.bool, device=there.device).scatter_(1, positives[:, None], True)
    skipped = own if ignored is None else own | ignored
    everything = torch.cat([back.masked_fill(skipped & ~own, float("-inf")), there.masked_fill(skipped, float("-inf"))], dim=1)
    losses = everything.logsumexp(dim=1) - there[own]
    return losses.sum() if pair_weights is None else losses @ pair_weights.to(losses.dtype)


def _valid(similarity: Tensor, clips_per_video: int, clip_mask: Tensor | None) -> Tensor:
    """bool [B, P], and every argument looked at."""
    if similarity.ndim != 2 or similarity.shape[0] != similarity.shape[1] or not len(similarity):
        raise ValueError(f"similarity must be [B*P, B*P], not {list(similarity.shape)}")
    if clips_per_video < 1 or len(similarity) % clips_per_video:
        raise ValueError(f"{len(similarity)} columns cannot be shared out in videos of {clips_per_video} clips")
    shape = (len(similarity) // clips_per_video, clips_per_video)
    if clip_mask is None:
        return torch.ones(shape, dtype=torch.bool, device=similarity.device)
    if clip_mask.shape != shape or clip_mask.dtype != torch.bool:
        raise ValueError(f"clip_mask must be bool {list(shape)}, not {clip_mask.dtype} {list(clip_mask.shape)}")
    return clip_mask


def _asked(valid: Tensor, positive_clips: PositiveClips) -> Tensor:
    """bool [B, P]: the clips that are positives."""
    if positive_clips == "all":
        return valid
    if positive_clips != "middle":
        raise ValueError(f'positive_clips must be "middle" or "all", not {positive_clips!r}')
    return valid & (valid.cumsum(dim=1) - 1 == valid.sum(dim=1, keepdim=True) // 2)
