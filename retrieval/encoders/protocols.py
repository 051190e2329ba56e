"""What an encoder takes and gives, whichever library runs it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from retrieval.model.settings import InteractionSettings
    from retrieval.records import Generation


@dataclass(frozen=True, kw_only=True)
class FrameGeometry:
    """The pictures a model wants: uint8 RGB [height, width, 3].

    `fit`: "stretch" squeezes the whole picture into that size, "crop" scales the shorter side and cuts the middle out.
    """

    height: int
    width: int
    fit: Literal["stretch", "crop"]


@dataclass(frozen=True, kw_only=True)
class TextVectors:
    """B texts as vectors of D numbers, unit length; L is the number of tokens of the longest text."""

    pooled: NDArray[np.float32]     # [B, D]
    words: NDArray[np.float32]      # [B, L, D]; zero where `mask` is False
    mask: NDArray[np.bool_]         # [B, L] True = a token of the text; special tokens and padding are False
    pieces: list[list[str]]         # the tokens of each text as the text that they stand for
    unread: list[int]               # tokens of each text that were not read; 0 = the text was read in full
    windows: list[int]              # passes that each text took; 1 = it fits the context
    unknown: list[tuple[str, ...]] | None = None    # pieces of each text that the model has not learned; None = not told
    weights: NDArray[np.float32] | None = None      # [B, L] of the words in the token-wise score; None = all weigh alike


class TextEncoder(Protocol):
    """Turns texts into vectors."""

    @property
    def generation(self) -> Generation: ...
    @property
    def dimension(self) -> int: ...
    @property
    def context_length(self) -> int: ...
    @property
    def interaction(self) -> InteractionSettings: ...

    def encode_texts(self, texts: Sequence[str]) -> TextVectors: ...


class FrameEncoder(Protocol):
    """Turns single pictures into vectors: `pictures` uint8 [N, H, W, 3] -> float32 [N, D], unit length."""

    @property
    def generation(self) -> Generation: ...
    @property
    def dimension(self) -> int: ...
    @property
    def geometry(self) -> FrameGeometry: ...

    def encode_frames(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]: ...


@dataclass(frozen=True, kw_only=True)
class SentenceVectors:
    """B sentences as vectors of D numbers, unit length."""

    vectors: NDArray[np.float32]    # [B, D]
    unread: list[int]               # tokens of each sentence beyond the model's context; 0 = it was read in full


class SentenceModel(Protocol):
    """Turns sentences into vectors of one space, whichever is asked for and whichever is found."""

    @property
    def generation(self) -> Generation: ...

    def encode(self, sentences: Sequence[str]) -> SentenceVectors: ...


@dataclass(frozen=True, kw_only=True)
class EncodedClips:
    """N clips as vectors of D numbers, unit length; F is the number of frames of the longest clip."""

    pooled: NDArray[np.float32]     # [N, D]: what an index searches
    frames: NDArray[np.float32]     # [N, F, D]: what words are compared with; zero where there is no frame


@runtime_checkable
class ClipEncoder(Protocol):
    """Turns clips into vectors, their frames mixed in time: uint8 [N, F, H, W, 3] in the order of time.

    `frame_mask`: bool [N, F], True = a frame of the clip.
    """

    @property
    def generation(self) -> Generation: ...
    @property
    def dimension(self) -> int: ...
    @property
    def geometry(self) -> FrameGeometry: ...

    def encode_clips(self, pictures: NDArray[np.uint8], *, frame_mask: NDArray[np.bool_]) -> EncodedClips: ...


class VideoTextEncoder(TextEncoder, ClipEncoder, Protocol):
    """Turns texts and clips into vectors of one space."""
