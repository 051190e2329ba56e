"""What a file holds, without decoding more than its first picture."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.stream import Disposition, Stream
from av.subtitles.stream import SubtitleStream as ContainerSubtitles
from av.video.stream import VideoStream

from retrieval.errors import VideoError
from retrieval.video.container import FileName, open_media
from retrieval.video.decoding import Tally, decode_frames, read_packets
from retrieval.video.frame import shown_size
from retrieval.video.orientation import Orientation, frame_orientation
from retrieval.video.text_bytes import repair_surrogates
from retrieval.video.timeline import declared_end_seconds, frame_seconds, milliseconds, origin_seconds

_MOST_PIXELS = 2**27            # of a picture: four times those of 8K
_MOST_ELONGATED = 100           # times as long as wide
_NOT_MOVING = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image
_PICTURE_BRANDS = ("avif", "heic", "heix", "mif1", "miaf")
_PICTURE_FORMATS = ("gif", "apng")      # also used for single pictures


@dataclass(frozen=True, kw_only=True)
class SubtitleStream:
    """A subtitle track; `index` is the stream's in the container, `is_text` False for drawn subtitles (PGS, DVB)."""

    index: int
    codec: str
    language: str | None
    title: str | None
    is_text: bool


@dataclass(frozen=True, kw_only=True)
class VideoInfo:
    """What a video file is; width and height as shown, after rotation (clockwise degrees) and pixel aspect."""

    container: str
    codec: str
    width: int
    height: int
    rotation: int
    duration_ms: int
    frames_per_second: float
    has_audio: bool
    audio_codec: str | None
    subtitle_streams: tuple[SubtitleStream, ...]
    title: str | None
    metadata: dict[str, str]


def probe(path: FileName) -> VideoInfo:
    """Describe a video file; only its first picture is decoded.

    Raises VideoError: missing, permission, empty, not_a_file, not_a_video, no_video_stream, no_frames, corrupt.
    """
    with open_media(path) as container:
        video = video_stream(container, path)
        _refuse_size(video.width, video.height, path)
        width, height, orientation = _first_picture(container, video, path)
        metadata = {repair_surrogates(key): repair_surrogates(value) for key, value in container.metadata.items()}
        audio = container.streams.audio
        return VideoInfo(
            container=_container_name(container, path),
            codec=codec_name(video),
            width=width,
            height=height,
            rotation=orientation.rotation,
            duration_ms=_duration_ms(container, video, path),
            frames_per_second=float(1 / frame_seconds(video)),
            has_audio=bool(audio),
            audio_codec=codec_name(audio[0]) if audio else None,
            subtitle_streams=tuple(_subtitle_stream(stream) for stream in container.streams.subtitles),
            title=_title(metadata),
            metadata=metadata,
        )


def _title(metadata: dict[str, str]) -> str | None:
    titles = (text.strip() for key, text in metadata.items() if key.lower() == "title")
    return next((title for title in titles if title), None)


def video_stream(container: InputContainer, path: FileName) -> VideoStream:
    """The stream that a player would show: cover pictures aside, the default one, then the largest.

    Raises VideoError: not_a_video for a still picture, corrupt without any track of pictures or sound, no_video_stream,
    no_frames when the codec is unknown.
    """
    if container.metadata.get("major_brand", "").strip() in _PICTURE_BRANDS:
        raise VideoError("not_a_video", f"{path} is a still picture: only moving pictures can be added.")
    if not container.streams.video and not container.streams.audio:
        raise VideoError("corrupt", f"{path} names no track: its header is broken or cut off, get a complete copy.")
    best = best_video_stream(container)
    if best is None:
        raise VideoError("no_video_stream", f"{path} has no video track, only sound or a cover picture.")
    if best.codec_context is None:
        raise VideoError("no_frames", f"{path} is coded in a way that cannot be decoded here: convert it to H.264.")
    return best


def best_video_stream(container: InputContainer) -> VideoStream | None:
    """As `video_stream`, with None where there is no moving picture."""
    moving = [stream for stream in container.streams.video if not stream.disposition & _NOT_MOVING]
    return max(moving, key=_preference, default=None)


def _preference(stream: VideoStream) -> tuple[bool, bool, int]:
    if stream.codec_context is None:
        return False, False, 0
    return True, bool(stream.disposition & Disposition.default), stream.width * stream.height


def codec_name(stream: Stream) -> str:
    """The codec's own name (`av1`), not the decoder's (`libdav1d`); "unknown" where FFmpeg has no decoder."""
    return stream.codec_context.codec.canonical_name if stream.codec_context is not None else "unknown"


def _first_picture(container: InputContainer, video: VideoStream, path: FileName) -> tuple[int, int, Orientation]:
    video.codec_context.thread_count = 1        # with more, the first picture waits for many packets
    tally = Tally()
    with closing(decode_frames(container, video, tally)) as frames:
        frame = next(frames, None)
    if frame is None:
        raise nothing_decoded(path, tally)
    _refuse_size(frame.width, frame.height, path)
    orientation = frame_orientation(frame)
    width, height = shown_size(
        width=frame.width, height=frame.height, pixel_aspect=video.sample_aspect_ratio,
        transposed=orientation.transposed,
    )
    return width, height, orientation


def _refuse_size(width: int, height: int, path: FileName) -> None:
    """Refuse what no camera or screen makes, before a decoder takes memory for it."""
    if width * height > _MOST_PIXELS:
        raise VideoError("not_a_video", f"{path} has pictures of {width} x {height}: more than can be read, scale it down.")
    if max(width, height) > _MOST_ELONGATED * max(min(width, height), 1):
        raise VideoError("not_a_video", f"{path} has pictures of {width} x {height}, the shape of a line: it shows nothing.")


def nothing_decoded(path: FileName, tally: Tally) -> VideoError:
    """The error for a video stream without one good picture."""
    if tally.lost or tally.unreadable or tally.packets:
        return VideoError("corrupt", f"{path} is damaged: not one picture of it can be decoded, get a complete copy.")
    return VideoError("no_frames", f"{path} has a video track without a single picture.")


def _duration_ms(container: InputContainer, video: VideoStream, path: FileName) -> int:
    """The declared end of the pictures, else of the whole file, else what its packets add up to."""
    origin = origin_seconds(container, video)
    declared = declared_end_seconds(container, video)
    if declared is None and container.duration:
        declared = Fraction(container.duration + (container.start_time or 0), av.time_base)
    packets = 0
    if declared is None or container.format.name in _PICTURE_FORMATS:
        packets, length = _measure(path)
        declared = declared or origin + length
    if packets == 1 and container.format.name in _PICTURE_FORMATS:
        raise VideoError("not_a_video", f"{path} is a still picture: only moving pictures can be added.")
    return max(milliseconds(declared - origin), 1)


def _measure(path: FileName) -> tuple[int, Fraction]:
    """Number of pictures and their length together in seconds, read without decoding where a file declares neither."""
    with open_media(path) as container:
        video = video_stream(container, path)
        usual, time_base = frame_seconds(video), video.time_base or Fraction(0)
        lengths = [(packet.duration or 0) * time_base or usual for packet in read_packets(container, (video,), Tally())]
    return len(lengths), sum(lengths, Fraction(0))


def _container_name(container: InputContainer, path: FileName) -> str:
    """FFmpeg names a family (`mov,mp4,m4a,...`): the brand or the suffix tells which of it this is."""
    family = container.format.name.split(",")
    if "mp4" in family:
        return "mov" if container.metadata.get("major_brand", "qt").strip() == "qt" else "mp4"
    suffix = Path(path).suffix.lower().lstrip(".")
    return suffix if suffix in family else family[0]


def _subtitle_stream(stream: ContainerSubtitles) -> SubtitleStream:
    title = repair_surrogates(stream.metadata.get("title", "")).strip()
    language = repair_surrogates(stream.language or "").strip()
    return SubtitleStream(
        index=stream.index,
        codec=codec_name(stream),
        language=language if language not in ("", "und") else None,
        title=title or None,
        is_text=stream.codec_context is not None and bool(stream.codec_context.codec.text_sub),
    )
