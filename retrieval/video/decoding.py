"""Packets in, pictures out, and a count of everything that did not make it."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from retrieval.errors import VideoError
from retrieval.video.continuity import Continuity, Order

_READ_ATTEMPTS = 32         # in a row without one packet: then the rest of the file counts as unreadable
_RESYNCHRONISING = ("mpegts", "mpegtsraw", "mpeg")      # here a packet marked corrupt lost a part and can be decoded


@dataclass
class Tally:
    """What one pass over a stream met."""

    packets: int = 0                # that should each give a picture
    pictures: int = 0               # that the decoder gave, good or marked corrupt
    undecodable: int = 0            # packets that gave an error or came incomplete
    corrupt: int = 0                # pictures that were marked corrupt and kept back
    unreadable: int = 0             # places where reading itself failed
    far_jumps: int = 0              # timestamps far ahead that were closed up
    disordered: bool = False        # only a decoder can tell when the pictures are shown
    first_dts: int | None = None
    ends: dict[int, float] = field(default_factory=dict)        # by stream, the end of its last packet in seconds

    @property
    def lost(self) -> int:
        """Pictures that were not given out, as far as they can be counted."""
        return self.undecodable + self.corrupt


def decode_frames(
    container: InputContainer, video: VideoStream, tally: Tally, *, watch: tuple[Stream, ...] = ()
) -> Generator[VideoFrame, None, None]:
    """All good pictures of a stream in presentation order; whatever cannot be decoded is skipped and counted.

    watch: other streams of which only the end is noted in `tally.ends`.
    """
    suspect: set[int] = set()
    tolerant = container.format.name in _RESYNCHRONISING
    for packet in packets(container, (video, *watch), tally):
        if packet.stream.index != video.index:
            continue
        if packet.is_corrupt and not _is_flush(packet):
            if not tolerant:                # cut off by the end of the file
                tally.undecodable += 1
                continue
            if packet.pts is not None:
                suspect.add(packet.pts)
        yield from _good(_decode(packet, tally), suspect, tally)


def decode_keyframes(
    container: InputContainer, video: VideoStream, tally: Tally, *, times_shown: bool
) -> Iterator[VideoFrame]:
    """The pictures of the key packets alone; no other packet reaches the decoder.

    Ends with `tally.disordered` where the packets no longer say when their pictures are shown. times_shown: as `Order`.

    The decoder is emptied after each: without the pictures between, its reordering would hold back, reorder or drop
    key pictures of open groups.
    """
    order = Order(times_shown=times_shown)
    for packet in packets(container, (video,), tally):
        if packet.is_discard or _is_flush(packet):
            continue
        if not order.tells(packet):
            tally.disordered = True
            return
        if not packet.is_keyframe:
            continue
        if packet.is_corrupt:
            tally.undecodable += 1
            continue
        frames = _decode(packet, tally)
        frames += _drain(video)
        video.codec_context.flush_buffers()
        yield from _good(frames, set(), tally)


def read_packets(container: InputContainer, streams: tuple[Stream, ...], tally: Tally) -> Iterator[Packet[Stream]]:
    """The packets of some streams, the first being the one that `tally` counts, and going on after a read error."""
    for packet in packets(container, streams, tally):
        if not _is_flush(packet):
            yield packet


def packets(container: InputContainer, streams: tuple[Stream, ...], tally: Tally) -> Iterator[Packet[Stream]]:
    """As `read_packets`, then an empty packet a stream that makes its decoder give the rest.

    Timestamps are those of one timeline without jumps (`Continuity`), the same whichever streams are asked for.
    """
    wanted = {stream.index for stream in streams}
    read = streams + tuple(other for other in _leading(container) if other.index not in wanted)
    continuity = Continuity(max(container.start_time or 0, 0) / av.time_base)
    finished: set[int] = set()
    failures = 0
    while failures < _READ_ATTEMPTS:
        try:
            for packet in container.demux(*read):
                if not packet.size and not _is_flush(packet):   # in the middle it would end the decoder
                    continue
                failures = 0
                if _is_flush(packet):
                    finished.add(packet.stream.index)
                else:
                    continuity.place(packet)
                    tally.far_jumps = continuity.far_jumps
                if packet.stream.index in wanted:
                    _count(packet, streams[0].index, tally)
                    yield packet
            return
        except av.FFmpegError as error:
            _refuse_memory(error)
            failures += 1
            tally.unreadable += 1
    yield from (_flush_of(stream) for stream in streams if stream.index not in finished)


def _leading(container: InputContainer) -> list[Stream]:
    """The pictures and the sound whose timestamps tell where a new part begins."""
    best = (container.streams.best("video"), container.streams.best("audio"))
    return [stream for stream in best if stream is not None]


def _flush_of(stream: Stream) -> Packet[Stream]:
    packet: Packet[Stream] = Packet()
    packet.stream = stream
    return packet


def _count(packet: Packet[Stream], video_index: int, tally: Tally) -> None:
    if _is_flush(packet):
        return
    if packet.pts is not None and packet.time_base is not None:
        end = float((packet.pts + (packet.duration or 0)) * packet.time_base)
        tally.ends[packet.stream.index] = max(end, tally.ends.get(packet.stream.index, end))
    if packet.stream.index == video_index:
        tally.packets += not packet.is_discard
        if tally.first_dts is None:
            tally.first_dts = packet.dts


def _is_flush(packet: Packet[Stream]) -> bool:
    return packet.size == 0 and packet.dts is None and packet.pts is None


def _decode(packet: Packet[Stream], tally: Tally) -> list[VideoFrame]:
    try:
        return packet.decode()      # type: ignore[return-value]
    except av.EOFError:
        return []
    except av.FFmpegError as error:
        _refuse_memory(error)
        tally.undecodable += 1
        return []


def _drain(video: VideoStream) -> list[VideoFrame]:
    try:
        return video.codec_context.decode(None)
    except av.FFmpegError:
        return []


def _good(frames: list[VideoFrame], suspect: set[int], tally: Tally) -> Iterator[VideoFrame]:
    for frame in frames:
        tally.pictures += 1
        if frame.is_corrupt or frame.pts in suspect:
            tally.corrupt += 1
        else:
            yield frame


def _refuse_memory(error: av.FFmpegError) -> None:
    if isinstance(error, MemoryError):
        raise VideoError("memory", "A picture of this video needs more memory than there is.") from None
