"""What training minimises: each loss a pure function on tensors in its own file, and their sum by recipe."""

from training.objectives.info_nce import info_nce, info_nce_by_rows
from training.objectives.retrieval import RetrievalObjective

__all__ = ["RetrievalObjective", "info_nce", "info_nce_by_rows"]
