"""What chance decides in a step: it depends on the seed, the step and the rows of all processes, which draw it alike."""

from __future__ import annotations

import torch
from torch import Tensor

from training.batches.tokens import Vocabulary
from training.cross_modal.rows import Rows
from training.objectives.curriculum import draws_hard_negatives
from training.objectives.hard_negatives import hard_negative_indices
from training.objectives.masked_language import MaskedTexts, hide_significant, hide_uniformly, mask_tokens
from training.recipe import Curriculum, MaskedLanguage, Matching

_STAGES = 7         # of a run whose recipe does not say how long one is; the seventh is nearly all hard negatives


def masked_texts(
    rows: Rows, settings: MaskedLanguage, vocabulary: Vocabulary, *, generator: torch.Generator
) -> MaskedTexts:
    """All texts with some of their tokens hidden: [N, L]."""
    if settings.masking == "uniform":
        hidden = hide_uniformly(rows.words, share=settings.share, generator=generator)
    else:
        told = rows.significance
        if told is None:
            raise ValueError('masking "significant" needs texts that tell which of their tokens are significant')
        hidden = hide_significant(
            rows.words, told.significant, share=settings.share, generator=generator, word_numbers=told.word_numbers
        )
    return mask_tokens(
        rows.ids, hidden, mask_id=vocabulary.mask_id, replacements=vocabulary.replacements, generator=generator
    )


def compared_clips(rows: Rows, settings: Matching, *, hard: bool, generator: torch.Generator) -> Tensor:
    """The wrong clips that each own text is compared with, int64 [b, K]: hard ones, or any.

    Clips with the very same text are taken only where there are no others; K is less than the recipe's `negatives` when
    there are not so many other clips.
    """
    scores, rule = rows.similarity, settings.mining
    if not hard or rule == "none":
        lots = torch.rand(len(rows.ids), len(rows.ids), generator=generator)
        scores, rule = lots.to(rows.ids.device)[rows.own], "top_k"
    return hard_negative_indices(
        scores, count=min(settings.negatives, len(rows.ids) - 1), own=rows.own, rule=rule,
        excluded=rows.text_ids[rows.own][:, None] == rows.text_ids[None, :],
    )  # fmt: skip


def asks_hard_clips(settings: Matching, *, seed: int, step: int, steps: int) -> bool:
    """Whether the wrong clips of this step are hard ones; steps: of the whole run."""
    if settings.mining == "none":
        return False
    if settings.curriculum is None:
        return True
    return draws_hard_negatives(step, seed=seed, every=stage_length(settings.curriculum, steps), rate=settings.curriculum.rate)


def stage_length(settings: Curriculum, steps: int) -> int:
    """Steps from one stage of the curriculum to the next."""
    return settings.every or max(1, steps // _STAGES)
