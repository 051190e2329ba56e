"""Masked language modelling: which tokens are hidden, what is put in their place, and the loss on what a model guesses."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from training.objectives.precision import at_least_float32

UNLABELLED = -100       # the label of a token that is not asked for


@dataclass(frozen=True, kw_only=True)
class HiddenTokens:
    """hidden: bool [A, L], the tokens to guess. varied: bool [A, L], those of them that are not always the mask token."""

    hidden: Tensor
    varied: Tensor


@dataclass(frozen=True, kw_only=True)
class MaskedTexts:
    """ids: int64 [A, L], what the model reads. labels: int64 [A, L], the token that was there, else `UNLABELLED`."""

    ids: Tensor
    labels: Tensor


def hide_uniformly(words: Tensor, *, share: float = 0.15, generator: torch.Generator) -> HiddenTokens:
    """Each token of a text's own, with the same probability and apart from all others: plain masked language modelling.

    words: bool [A, L], True = the text's own, neither special nor padding. A text may be left without a hidden token.
    Source: BERT (arXiv 1810.04805).
    """
    hidden = words & (_uniform(words.shape, generator).to(words.device) < share)
    return HiddenTokens(hidden=hidden, varied=hidden)


def hide_significant(
    words: Tensor, significant: Tensor, *, share: float = 0.15, generator: torch.Generator, word_numbers: Tensor | None = None
) -> HiddenTokens:
    """A fixed number of tokens of each text, significant ones as far as there are any: MSSM.

    words: bool [A, L], True = the text's own; significant: bool [A, L]. Of n own tokens `hidden_count(n)` are hidden, drawn
    uniformly from the significant ones; where those are too few all of them, and others beside, which the model always
    reads as the mask token. word_numbers: int64 [A, L], tokens with the same number >= 0 are one word and are hidden
    together, which may be more than the number; None = each token for itself.
    Raises ValueError on shapes that do not fit.
    Source: masked significant semantic modelling of SNP-S3 (arXiv 2401.17773).
    """
    if words.ndim != 2 or words.shape != significant.shape:
        raise ValueError(f"words and significant must be [A, L] alike, not {list(words.shape)}, {list(significant.shape)}")
    significant = significant & words
    # Sorted: significant ones, then the rest, then what is not the text's own; by chance among each.
    key = _uniform(words.shape, generator).to(words.device) + 2.0 * ~significant + 2.0 * ~words
    first = _first_of_word(words, word_numbers)
    place = key.gather(1, first).argsort(dim=1, stable=True).argsort(dim=1)
    counts = [hidden_count(int(n), share=share) for n in words.sum(dim=1)]
    hidden = words & (place < torch.tensor(counts, device=words.device)[:, None])
    hidden = hidden.gather(1, first)                # the first of a word comes first, so all do as it does
    return HiddenTokens(hidden=hidden, varied=hidden & significant)


def hidden_count(tokens: int, *, share: float = 0.15) -> int:
    """How many of so many tokens MSSM hides: the whole part of `share` of them, one more from a remainder of 0.3 on."""
    wanted = share * tokens
    return int(wanted) + (wanted - int(wanted) >= 0.3)


def mask_tokens(
    ids: Tensor, chosen: HiddenTokens, *, mask_id: int, replacements: Tensor, generator: torch.Generator
) -> MaskedTexts:
    """The texts with their hidden tokens replaced: 8 of 10 by the mask token, 1 by a drawn one, 1 left as it was.

    ids: int64 [A, L]. Tokens that are hidden and not `varied` are always the mask token. replacements: int64 [R], drawn
    from uniformly: the ids of the vocabulary, or for MSSM those of significant words. Labels are taken from `ids`.
    Raises ValueError on shapes that do not fit.
    """
    if ids.shape != chosen.hidden.shape or replacements.ndim != 1 or not len(replacements):
        raise ValueError(
            f"ids must be {list(chosen.hidden.shape)} and replacements [R] not empty, not {list(ids.shape)}, "
            f"{list(replacements.shape)}"
        )
    lot = _uniform(ids.shape, generator).to(ids.device)
    drawn = torch.randint(len(replacements), ids.shape, generator=generator).to(ids.device)
    as_it_was = ~chosen.hidden | (chosen.varied & (lot >= 0.9))
    replaced = chosen.varied & (lot >= 0.8) & ~as_it_was
    masked = torch.where(replaced, replacements.to(ids.device)[drawn], torch.full_like(ids, mask_id))
    return MaskedTexts(
        ids=torch.where(as_it_was, ids, masked), labels=ids.masked_fill(~chosen.hidden, UNLABELLED)
    )  # fmt: skip


def masked_language_loss(logits: Tensor, labels: Tensor, *, count: int | Tensor | None = None) -> Tensor:
    """The mean over hidden tokens of the cross entropy of the softmax over the vocabulary.

    logits: [A, L, vocabulary]; labels: int64 [A, L], `UNLABELLED` = not asked for. count: what the sum is divided by, None
    = the number of labels here, and 0 where there are none; of several processes give the labels of all over the number
    of processes, so that the mean over processes is the loss of all. Returns a scalar. Raises ValueError on other shapes.
    """
    if logits.ndim != 3 or logits.shape[:2] != labels.shape:
        raise ValueError(f"logits must be [A, L, vocabulary] and labels [A, L], not {list(logits.shape)}, {list(labels.shape)}")
    asked = labels != UNLABELLED
    total = torch.nn.functional.cross_entropy(at_least_float32(logits[asked]), labels[asked], reduction="sum")
    return total / (asked.sum().clamp(min=1) if count is None else count)


def _uniform(shape: torch.Size, generator: torch.Generator) -> Tensor:
    """Draws in [0, 1) on the generator's device: the same ones wherever the texts are."""
    return torch.rand(shape, generator=generator, device=generator.device, dtype=torch.float64)


def _first_of_word(words: Tensor, numbers: Tensor | None) -> Tensor:
    """int64 [A, L]: where the first token of each token's word is; a token without a word is its own."""
    own = torch.arange(words.shape[1], device=words.device).expand(words.shape)
    if numbers is None:
        return own
    numbers = numbers.masked_fill(~words, -1)
    same = numbers[:, :, None] == numbers[:, None, :]
    return torch.where(numbers < 0, own, same.int().argmax(dim=2))
