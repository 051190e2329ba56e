"""What can end a training run."""

from __future__ import annotations

from retrieval.errors import WenshiError


class TrainingError(WenshiError):
    """A run that cannot go on, or cannot be resumed as asked: a loss that is no number, too many bad samples, a changed
    recipe, a state that cannot be read or written.
    """
