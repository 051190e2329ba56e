"""What a checkpoint's config.json says beyond its towers: how frames are joined, and how words meet frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeVar

from retrieval.errors import ModelError

AGGREGATIONS = ("mean", "max", "attention", "transformer", "recurrent", "non_local", "sequential")
FRAME_POOLINGS = ("class", "max_mean")
TEXT_WEIGHTS = ("uniform", "significant")
# Video towers by name, and which of the settings each uses.
VIDEO_TOWERS: dict[str, tuple[str, ...]] = {
    "single": (),
    "grid": (),
    "token_shift": ("share",),
    "two_stream": ("shared",),
    "inflated": ("tubelet",),
    "slow_fast": ("every", "width", "head_width"),
    "video_swin": ("width", "head_width", "depths", "window", "patch"),
}

_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True)
class TemporalSettings:
    """`aggregation`: one of AGGREGATIONS; `layers`: of the transformer, the recurrent or the sequential one; `heads`: of the
    transformer or the sequential one, which knows so many places, `positions`.
    """

    aggregation: str = "mean"
    layers: int = 1
    heads: int = 4
    positions: int = 77

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
        used = {
            "transformer": ("layers", "heads"), "recurrent": ("layers",), "sequential": ("layers", "heads", "positions"),
        }.get(self.aggregation, ())
        return {"aggregation": self.aggregation, **{name: getattr(self, name) for name in used}}


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


@dataclass(frozen=True, kw_only=True)
class VideoSettings:
    """What looks at several frames at once; `tower` is one of VIDEO_TOWERS, and each has settings of its own.

    share: of the channels that a token shift takes from either neighbour. tubelet: frames that a patch of the inflated
    tower reaches over. shared: whether the differences of a two-stream tower go through the picture tower itself, or
    through one of their own that begins as its copy. every: a slow-fast tower looks at every so many-th frame in full.
    width: of the fast path, or of the first stage of the Video Swin. head_width: of an attention head of those two.
    depths: blocks of each stage of the Video Swin; each stage is twice as wide as the one before and half as fine. window:
    of its attention, in frames, rows and columns of patches; patch: in pixels a side.
    """

    tower: str = "single"
    share: float = 0.125
    tubelet: int = 3
    shared: bool = False
    every: int = 4
    width: int = 32
    head_width: int = 16
    depths: tuple[int, ...] = (2, 2, 2)
    window: tuple[int, int, int] = (8, 4, 4)
    patch: int = 4

    @classmethod
    def read(cls, entry: dict[str, Any] | None) -> VideoSettings:
        """From the `video` entry of config.json; None = single frames. Raises ModelError when it says something else."""
        found = _read(cls, entry, "video")
        if found.tower not in VIDEO_TOWERS:
            raise ModelError(f"The video tower {found.tower!r} is not known: use one of {', '.join(VIDEO_TOWERS)}.")
        try:
            found = replace(found, depths=tuple(map(int, found.depths)), window=_three(found.window))
        except (TypeError, ValueError) as error:
            raise ModelError(f"The `video` entry of config.json cannot be read ({error}).") from error
        wrong = found._wrong()
        if wrong is not None:
            raise ModelError(f"The video tower {found.tower} cannot be built: {wrong}.")
        return found

    def _wrong(self) -> str | None:
        """What cannot be among the settings that the tower uses; None = nothing."""
        if not 0 < self.share <= 0.5:
            return f"a share of {self.share} lies outside 0 to 0.5"
        sizes = (self.tubelet, self.every, self.width, self.head_width, self.patch, *self.window, *self.depths)
        if not self.depths or min(sizes) < 1:
            return "its numbers must be 1 or more"
        if self.width % self.head_width:
            return f"heads of {self.head_width} numbers do not divide a width of {self.width}"
        return None

    def to_json(self) -> dict[str, Any]:
        """The name, and what the tower of that name uses."""
        return {"tower": self.tower, **{name: getattr(self, name) for name in VIDEO_TOWERS[self.tower]}}


def _three(window: Sequence[Any]) -> tuple[int, int, int]:
    frames, rows, columns = window
    return int(frames), int(rows), int(columns)


@dataclass(frozen=True, kw_only=True)
class ClipVectors:
    """Whose clip vectors a model makes, when they are those of another: its name and revision.

    A model that was trained on the text side alone says so, and answers for a library of the model it began with.
    """

    encoder: str
    revision: str

    @classmethod
    def read(cls, entry: dict[str, Any] | None) -> ClipVectors | None:
        """From the `clip_vectors` entry of config.json; None = its own. Raises ModelError when it is unreadable."""
        return None if entry is None else _read(cls, entry, "clip_vectors")

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def _read(kind: type[_T], entry: dict[str, Any] | None, name: str) -> _T:
    try:
        return kind(**(entry or {}))
    except TypeError as error:
        raise ModelError(f"The `{name}` entry of config.json cannot be read ({error}).") from error
