"""What training minimises: each loss a pure function on tensors in its own file, and their sum by recipe."""

from training.objectives.curriculum import curriculum_share, draws_hard_negatives
from training.objectives.hard_negatives import hard_negative_indices
from training.objectives.important_tokens import select_important_tokens
from training.objectives.info_nce import info_nce, info_nce_by_rows
from training.objectives.local_word_matching import draw_words, local_vision_word_matching, word_clip_similarity
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
from training.objectives.partial_order import matched_similarity, partial_order_terms
from training.objectives.positive_weights import positive_pair_weights
from training.objectives.positives_nce import positives_nce
from training.objectives.queue_nce import queue_nce
from training.objectives.retrieval import RetrievalObjective, WordQueries
from training.objectives.token_importance import TokenImportance
from training.objectives.video_text_matching import compared_matrix, random_mismatches, video_text_matching_loss

__all__ = [
    "UNLABELLED",
    "HiddenTokens",
    "MaskedTexts",
    "RetrievalObjective",
    "TokenImportance",
    "WordQueries",
    "compared_matrix",
    "curriculum_share",
    "draw_words",
    "draws_hard_negatives",
    "hard_negative_indices",
    "hidden_count",
    "hide_significant",
    "hide_uniformly",
    "info_nce",
    "info_nce_by_rows",
    "local_vision_word_matching",
    "mask_tokens",
    "masked_language_loss",
    "matched_similarity",
    "mil_nce",
    "mil_nce_of_rows",
    "neg_nce",
    "neg_nce_sums",
    "partial_margin",
    "partial_order_terms",
    "positive_pair_weights",
    "positives_nce",
    "queue_nce",
    "random_mismatches",
    "select_important_tokens",
    "video_text_matching_loss",
    "word_clip_similarity",
]
