"""What training minimises: each loss a pure function on tensors in its own file, and their sum by recipe."""

from training.objectives.info_nce import info_nce, info_nce_by_rows
from training.objectives.mil_nce import mil_nce, mil_nce_of_rows
from training.objectives.neg_nce import neg_nce, neg_nce_sums
from training.objectives.positives_nce import positives_nce
from training.objectives.retrieval import RetrievalObjective, WordQueries

__all__ = [
    "RetrievalObjective",
    "WordQueries",
    "info_nce",
    "info_nce_by_rows",
    "mil_nce",
    "mil_nce_of_rows",
    "neg_nce",
    "neg_nce_sums",
    "positives_nce",
]
