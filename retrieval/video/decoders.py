"""The readers by name."""

from __future__ import annotations

from retrieval.errors import InputError
from retrieval.video.container import FileName
from retrieval.video.reader import VideoReader

PYAV, TORCHCODEC = "pyav", "torchcodec"
DECODERS = (PYAV, TORCHCODEC)


def open_reader(path: FileName, *, decoder: str = PYAV, threads: int = 0) -> VideoReader:
    """A reader of a file; `threads` and VideoError as of `VideoReader`, InputError as of `require_decoder`."""
    return require_decoder(decoder)(path, threads=threads)


def require_decoder(name: str) -> type[VideoReader]:
    """The class of readers of a name. Raises InputError for an unknown name or one whose package is missing."""
    if name == PYAV:
        return VideoReader
    if name != TORCHCODEC:
        raise InputError(f"There is no decoder {name!r}: choose from {', '.join(DECODERS)}.")
    from retrieval.video.torchcodec_reader import TorchcodecReader, require_torchcodec

    require_torchcodec()
    return TorchcodecReader
