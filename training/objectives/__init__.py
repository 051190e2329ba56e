"""What training minimises: each loss a pure function on tensors in its own file, and their sum by recipe."""

from training.objectives.info_nce import info_nce, info_nce_by_rows
from training.objectives.positives_nce import positives_nce
from training.objectives.retrieval import RetrievalObjective, WordQueries

__all__ = ["RetrievalObjective", "WordQueries", "info_nce", "info_nce_by_rows", "positives_nce"]
