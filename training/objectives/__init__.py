"""What training minimises: each loss a pure function on tensors in its own file, and their sum by recipe."""

from training.objectives.curriculum import curriculum_share, draws_hard_negatives
from training.objectives.hard_negatives import hard_negative_indices, with_own_on_the_diagonal
from training.objectives.important_tokens import select_important_tokens
from training.objectives.info_nce import info_nce, info_nce_by_rows
from training.objectives.masked_language import (
    UNLABELLED,
    HiddenTokens,
    MaskedTexts,
    hidden_count,
    hide_significant,
    hide_uniformly,
    mask_tokens,
    masked_language_loss,
)
from training.objectives.mil_nce import mil_nce, mil_nce_of_rows
from training.objectives.neg_nce import neg_nce, neg_nce_sums
from training.objectives.partial_margin import partial_margin
from training.objectives.positive_weights import positive_pair_weights
from training.objectives.positives_nce import positives_nce
from training.objectives.retrieval import RetrievalObjective, WordQueries

__all__ = [
    "UNLABELLED",
    "HiddenTokens",
    "MaskedTexts",
    "RetrievalObjective",
    "WordQueries",
    "curriculum_share",
    "draws_hard_negatives",
    "hard_negative_indices",
    "hidden_count",
    "hide_significant",
    "hide_uniformly",
    "info_nce",
    "info_nce_by_rows",
    "mask_tokens",
    "masked_language_loss",
    "mil_nce",
    "mil_nce_of_rows",
    "neg_nce",
    "neg_nce_sums",
    "partial_margin",
    "positive_pair_weights",
    "positives_nce",
    "select_important_tokens",
    "with_own_on_the_diagonal",
]
