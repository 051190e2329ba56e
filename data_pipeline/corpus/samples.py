"""One training sample: a clip's frames with their exact times, and every text that belongs to it."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Protocol, TypedDict

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from retrieval.errors import InputError
from retrieval.stills import jpeg_bytes

_UNFIT_FOR_KEY = re.compile(r"[./\\\x00-\x20\x7f]")
_LONGEST_KEY_BYTES = 200


class SampleText(TypedDict):
    """A text of a sample: `kind` is caption, title, asr, ocr or subtitle; `detail` how much it tells, where known."""

    text: str
    language: str
    detail: str | None
    kind: str


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A clip ready for a shard. Times are ms on the video's presentation timeline.

    id: unique in a corpus, without dots, slashes and blanks. frames: uint8 [F, H, W, 3], RGB. times_ms: of each frame.
    dirt: what is known to be wrong with it (weak, lyrics, mismatched, near_duplicate, static), None where nothing is.
    Raises InputError when these contradict each other.
    """

    id: str
    video: str
    start_ms: int
    end_ms: int
    times_ms: tuple[int, ...]
    frames: NDArray[np.uint8]
    texts: tuple[SampleText, ...]
    split: str
    decoder: str
    dirt: str | None = None

    def __post_init__(self) -> None:
        check_key(self.id)
        if not 0 <= self.start_ms < self.end_ms:
            raise InputError(
                f"The sample {self.id} goes from {self.start_ms} to {self.end_ms} ms: give it a span with some length."
            )
        if self.frames.dtype != np.uint8 or self.frames.ndim != 4 or self.frames.shape[-1] != 3 or not self.frames.size:
            raise InputError(
                f"The frames of the sample {self.id} are {self.frames.dtype} {list(self.frames.shape)}, but must be "
                "uint8 [frames, height, width, 3] with at least one frame."
            )
        if len(self.times_ms) != len(self.frames):
            raise InputError(
                f"The sample {self.id} has {len(self.frames)} frames but {len(self.times_ms)} times: give each its time."
            )

    def fingerprint(self) -> str:
        """Hex digest of all that the sample is."""
        digest = hashlib.sha256(json.dumps([_description(self), self.frames.shape]).encode())
        digest.update(np.ascontiguousarray(self.frames).data)
        return digest.hexdigest()

    def sample(self, *, height: int, width: int) -> Sample:
        """Itself: the writer brings frames to their size."""
        return self


class SampleSource(Protocol):
    """Something light that a sample can be made from, here or (pickled) in another process.

    `fingerprint` tells two sources of one id apart when their samples differ. `sample` may give frames of any size,
    `height` and `width` are those wanted; it raises WenshiError for a sample that cannot be made.
    """

    @property
    def id(self) -> str: ...

    def fingerprint(self) -> str: ...

    def sample(self, *, height: int, width: int) -> Sample: ...


@dataclass(frozen=True, kw_only=True)
class PictureFormat:
    """How frames are stored: their size in pixels (other shapes are stretched) and the JPEG quality, 1 to 100."""

    height: int = 112
    width: int = 112
    quality: int = 90

    def __post_init__(self) -> None:
        if min(self.height, self.width) < 1 or max(self.height, self.width) > 4096:
            raise InputError(f"Frames of {self.height} x {self.width} cannot be stored: give 1 to 4096 pixels a side.")
        if not 1 <= self.quality <= 100:
            raise InputError(f"The JPEG quality is {self.quality}, but must be from 1 to 100.")


@dataclass(frozen=True, kw_only=True)
class EncodedSample:
    """A sample as its files in a shard: (what follows the key in the name, content)."""

    id: str
    split: str
    members: tuple[tuple[str, bytes], ...]


def encode(sample: Sample, form: PictureFormat) -> EncodedSample:
    """Turn a sample into its description and a JPEG for each frame; the same sample gives the same bytes."""
    description = json.dumps(_description(sample), ensure_ascii=False, separators=(",", ":"))
    content = description.encode("utf-8", "backslashreplace")       # half a character, as JSON writes it
    pictures = ((f"{number:03d}.jpg", _jpeg(frame, form)) for number, frame in enumerate(sample.frames))
    return EncodedSample(id=sample.id, split=sample.split, members=(("json", content), *pictures))


def check_key(key: str) -> None:
    """Raise InputError unless `key` can name the files of a sample: readers cut a name at its first dot."""
    try:
        length = len(key.encode())
    except UnicodeEncodeError:
        length = 0
    if _UNFIT_FOR_KEY.search(key) or not 0 < length <= _LONGEST_KEY_BYTES:
        raise InputError(
            f"The sample id {key!r} cannot name files in a shard: use up to {_LONGEST_KEY_BYTES} bytes without dots, "
            "slashes and blanks."
        )


def _description(sample: Sample) -> dict[str, object]:
    return {
        "id": sample.id, "video": sample.video, "start_ms": sample.start_ms, "end_ms": sample.end_ms,
        "times_ms": list(sample.times_ms), "texts": list(sample.texts), "split": sample.split, "decoder": sample.decoder,
        **({} if sample.dirt is None else {"dirt": sample.dirt}),
    }


def _jpeg(frame: NDArray[np.uint8], form: PictureFormat) -> bytes:
    picture = Image.fromarray(frame)
    if picture.size != (form.width, form.height):
        picture = picture.resize((form.width, form.height), Image.Resampling.BICUBIC)
    # full colour resolution: halved, the colour of a small thing runs into what is behind it
    return jpeg_bytes(np.asarray(picture), quality=form.quality, full_colour=True)
