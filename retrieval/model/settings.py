"""What a checkpoint's config.json says beyond its towers: how frames are joined, and how words meet frames."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from retrieval.errors import ModelError

AGGREGATIONS = ("mean", "max", "attention", "transformer")
FRAME_POOLINGS = ("class", "max_mean")
TEXT_WEIGHTS = ("uniform", "significant")

_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True)
class TemporalSettings:
    """`aggregation`: one of AGGREGATIONS; `layers` and `heads` are those of the temporal transformer."""

    aggregation: str = "mean"
    layers: int = 1
    heads: int = 4

    @classmethod
    def read(cls, entry: dict[str, Any] | None) -> TemporalSettings:
        """From the `temporal` entry of config.json; None = mean. Raises ModelError when it says something else."""
        found = _read(cls, entry, "temporal")
        if found.aggregation not in AGGREGATIONS:
            raise ModelError(
                f"The temporal aggregation {found.aggregation!r} is not known: use one of {', '.join(AGGREGATIONS)}."
            )
        return found

    def to_json(self) -> dict[str, Any]:
        return asdict(self) if self.aggregation == "transformer" else {"aggregation": self.aggregation}


@dataclass(frozen=True, kw_only=True)
class InteractionSettings:
    """How `token_wise_similarity` compares: its nearest-frame term, 0.0 = none, over so many neighbours.

    text_weights: one of TEXT_WEIGHTS, whether all words weigh alike or as the model's table of significant words says.
    sentence_weight: what the whole text against the frames is of the score, 0..1, the rest is words against frames; the
    published DMAE is neighbour_weight 0.5, text_weights significant, sentence_weight 0.5.
    share: what the token-wise score is of the score that re-ranks, 0..1, the rest is the pooled score; a trained model
    carries the share that its validation split liked best.
    """

    neighbour_weight: float = 0.0
    neighbours: int = 1
    share: float = 0.5
    text_weights: str = "uniform"
    sentence_weight: float = 0.0

    @classmethod
    def read(cls, entry: dict[str, Any] | None) -> InteractionSettings:
        """From the `interaction` entry of config.json; None = the defaults. Raises ModelError when it is unreadable."""
        found = _read(cls, entry, "interaction")
        if not 0.0 <= found.share <= 1.0:
            raise ModelError(f"The share of the token-wise score is {found.share}: it lies between 0 and 1.")
        if found.text_weights not in TEXT_WEIGHTS:
            raise ModelError(f"The text weights {found.text_weights!r} are not known: use one of {', '.join(TEXT_WEIGHTS)}.")
        if not 0.0 <= found.sentence_weight <= 1.0:
            raise ModelError(f"The weight of the sentence is {found.sentence_weight}: it lies between 0 and 1.")
        return found

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class FrameSettings:
    """How patches become the vector of a frame: `pooling` is one of FRAME_POOLINGS, see `towers.frame_features`."""

    pooling: str = "class"

    @classmethod
    def read(cls, entry: dict[str, Any] | None) -> FrameSettings:
        """From the `frames` entry of config.json; None = the defaults. Raises ModelError when it is unreadable."""
        found = _read(cls, entry, "frames")
        if found.pooling not in FRAME_POOLINGS:
            raise ModelError(f"The frame pooling {found.pooling!r} is not known: use one of {', '.join(FRAME_POOLINGS)}.")
        return found

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def _read(kind: type[_T], entry: dict[str, Any] | None, name: str) -> _T:
    try:
        return kind(**(entry or {}))
    except TypeError as error:
        raise ModelError(f"The `{name}` entry of config.json cannot be read ({error}).") from error
