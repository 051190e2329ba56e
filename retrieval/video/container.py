"""Opening a file as media: local regular files and real media formats only, every refusal typed."""

from __future__ import annotations

import errno
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path

import av
from av.container import InputContainer

from retrieval.errors import VideoError

# Demuxers that hold their media inside the one file. Left out on purpose: playlists and manifests (hls, dash, concat,
# sdp, imf), which open other files and addresses, and image sequences, which match file name patterns.
VIDEO_FORMATS = (
    "mov", "matroska", "webm", "avi", "flv", "live_flv", "kux", "mpegts", "mpeg", "mpegvideo", "m4v", "ogg", "asf",
    "gif", "rm", "dv", "mxf", "gxf", "wtv", "h261", "h263", "h264", "hevc", "vvc", "av1", "obu", "ivf", "nut", "swf",
    "vc1", "vc1test", "cavsvideo", "avs2", "dirac", "nsv", "pva", "ty", "yuv4mpegpipe", "dhav", "bink", "smk", "roq",
    "flic", "4xm", "amv", "apng", "jpegxl_anim", "psxstr", "vmd", "film_cpk", "thp", "ea", "vivo",
)
AUDIO_FORMATS = ("wav", "w64", "mp3", "aac", "flac", "aiff", "caf", "amr", "ac3", "eac3", "ape", "wv", "tta", "au")

_MOV_ATOMS = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"moof")
_SIGNATURES = (b"\x1aE\xdf\xa3", b"RIFF", b"FLV", b"OggS", b"GIF8", b"\x00\x00\x01\xba", b"\x30\x26\xb2\x75", b".RMF")

FileName = str | PathLike[str]


def regular_file(path: FileName) -> Path:
    """The absolute path of a readable regular file that is not empty.

    Raises VideoError: missing, permission, not_a_file, empty. Pipes and devices are refused without being opened.
    """
    absolute = Path(path).absolute()
    try:
        state = absolute.stat()
    except OSError as error:
        raise _system_error(error, absolute) from None
    except ValueError:          # a zero byte, or characters that no file name can hold
        raise VideoError("not_a_file", f"{str(absolute)!r} cannot be the name of a file: check the path.") from None
    if stat.S_ISDIR(state.st_mode):
        raise VideoError("not_a_file", f"{absolute} is a folder: name a video file inside it.")
    if not stat.S_ISREG(state.st_mode):
        raise VideoError("not_a_file", f"{absolute} is not a regular file: copy the video into one.")
    if state.st_size == 0:
        raise VideoError("empty", f"{absolute} is empty: copy or download it again.")
    try:
        with absolute.open("rb"):
            return absolute
    except OSError as error:
        raise _system_error(error, absolute) from None


@contextmanager
def open_media(path: FileName, *, formats: tuple[str, ...] = VIDEO_FORMATS) -> Iterator[InputContainer]:
    """Open a local file for demuxing and close it whatever happens.

    Raises VideoError: as `regular_file`; corrupt when the content begins like a video and cannot be opened,
    not_a_video when no allowed demuxer knows it.
    """
    absolute = regular_file(path)
    options = {"protocol_whitelist": "file", "format_whitelist": ",".join(formats)}
    try:
        # Text that is not UTF-8 is kept as surrogates here and decoded where it is used.
        container = av.open(f"file:{absolute}", mode="r", options=options, metadata_errors="surrogateescape")
    except (av.FFmpegError, OSError, ValueError) as error:
        raise _opening_error(error, absolute) from None
    try:
        yield container
    finally:
        container.close()


def _system_error(error: OSError, path: Path) -> VideoError:
    if isinstance(error, PermissionError):
        return VideoError("permission", f"{path} cannot be read: give this user the right to read it.")
    if isinstance(error, (FileNotFoundError, NotADirectoryError)) or error.errno == errno.ENAMETOOLONG:
        return VideoError("missing", f"{path} does not exist: check the path.")
    return VideoError("corrupt", f"{path} cannot be read from its disk: {error.strerror}.")


def _opening_error(error: Exception, path: Path) -> VideoError:
    if isinstance(error, UnicodeError):
        return VideoError("not_a_file", f"{str(path)!r} has a name that cannot be read as text: rename the file.")
    if isinstance(error, MemoryError):
        return VideoError("memory", f"{path} needs more memory than there is to be opened.")
    if isinstance(error, av.InvalidDataError) and _begins_like_a_video(path):
        return VideoError(
            "corrupt", f"{path} begins like a video but its header is broken or cut off: get a complete copy."
        )
    if isinstance(error, OSError) and not isinstance(error, av.FFmpegError):
        return _system_error(error, path)
    return VideoError("not_a_video", f"{path} is not in a video format that can be read: convert it to MP4 or MKV.")


def _begins_like_a_video(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(12)
    return head[4:8] in _MOV_ATOMS or head.startswith(_SIGNATURES)
