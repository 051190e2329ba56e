"""Local vision-word matching: the significant words of a text, each for itself, against the clips of all videos."""

from __future__ import annotations

import torch
from torch import Tensor

from training.objectives.mil_nce import PositiveClips, mil_nce
from training.objectives.precision import at_least_float32


def draw_words(words: Tensor, significant: Tensor, *, count: int = 3, generator: torch.Generator) -> Tensor:
    """For each text the places of so many of its significant tokens, int64 [A, count].

    words: bool [A, L], True = the text's own; significant: bool [A, L]. Of more than enough some are drawn, none twice; too
    few are all taken, and then again by chance from what is there so far; without any the rest of the text's own tokens
    stand in, and in an empty text the first `count` places. Raises ValueError on shapes that do not fit.
    Source: the choice of words of SNP-S3 (arXiv 2401.17773).
    """
    if words.ndim != 2 or words.shape != significant.shape or not 1 <= count <= words.shape[1]:
        raise ValueError(
            f"words and significant must be [A, L] alike with count in 1..L, not {list(words.shape)}, "
            f"{list(significant.shape)} and {count}"
        )
    rows = [
        _drawn((own & likely if bool((own & likely).any()) else own).nonzero()[:, 0].tolist(), count, generator)
        for own, likely in zip(words.cpu(), significant.cpu(), strict=True)
    ]
    return torch.tensor(rows, device=words.device).view(len(words), count)


def word_clip_similarity(words: Tensor, clips: Tensor, *, logit_scale: float | Tensor = 1.0) -> Tensor:
    """Each text with each clip: the log-sum-exp over the text's words of word times clip -> [A, B, C].

    words: [A, K, D] states of the chosen words; clips: [B, C, D]; logit_scale multiplies each product. As published words
    have the length that the text tower gives them and nothing is scaled; of unit length they need a scale.
    """
    # a text, k word, b video, c clip
    products = torch.einsum("akd,bcd->abkc", at_least_float32(words), at_least_float32(clips))
    return (logit_scale * products).logsumexp(dim=2)


def local_vision_word_matching(
    words: Tensor,
    clips: Tensor,
    *,
    logit_scale: float | Tensor = 1.0,
    clip_mask: Tensor | None = None,
    positive_clips: PositiveClips = "middle",
    ignored: Tensor | None = None,
) -> Tensor:
    """`mil_nce` of the similarities of texts, by their words, with the clips of their videos.

    words: [B, K, D] and clips: [B, C, D] of all processes, row i of both belongs together; see `word_clip_similarity` and
    `mil_nce` for the rest. ignored: bool [B, B], True = this text and this video are no negatives of each other; the
    diagonal makes no difference. Both directions are in it. Returns a scalar. Raises ValueError on shapes that do not fit.
    Source: local vision-word matching of SNP-S3 (arXiv 2401.17773).
    """
    if words.ndim != 3 or clips.ndim != 3 or words.shape[::2] != clips.shape[::2]:
        raise ValueError(f"words must be [B, K, D] and clips [B, C, D], not {list(words.shape)}, {list(clips.shape)}")
    videos, count = clips.shape[:2]
    similarity = word_clip_similarity(words, clips, logit_scale=logit_scale)
    if ignored is not None:
        own = torch.eye(videos, dtype=torch.bool, device=clips.device)
        similarity = similarity.masked_fill((ignored & ~own)[..., None], float("-inf"))
    similarity = similarity.reshape(videos, videos * count)
    return mil_nce(
        similarity.repeat_interleave(count, dim=0), clips_per_video=count, clip_mask=clip_mask,
        positive_clips=positive_clips,
    )  # fmt: skip


def _drawn(places: list[int], count: int, generator: torch.Generator) -> list[int]:
    if not places:
        return list(range(count))
    order = torch.randperm(len(places), generator=generator, device=generator.device)[:count].tolist()
    drawn = [places[number] for number in order]
    while len(drawn) < count:
        again = torch.randint(len(drawn), (1,), generator=generator, device=generator.device)
        drawn.append(drawn[int(again)])
    return drawn
