"""A text and a clip read together: the network that masked words and matching pairs are learned with."""

from training.cross_modal.network import CrossModal, CrossStates, shared_tower
from training.cross_modal.objective import CrossModalObjective

__all__ = ["CrossModal", "CrossModalObjective", "CrossStates", "shared_tower"]
