"""From when to when a video has pictures, found without decoding it where its packets can be trusted."""

from __future__ import annotations

from pathlib import Path

from retrieval.video.container import open_media
from retrieval.video.continuity import Order
from retrieval.video.decoding import Tally, read_packets
from retrieval.video.probing import video_stream
from retrieval.video.timeline import declared_end_seconds, frame_seconds, milliseconds, origin_seconds


def packet_end_ms(path: Path) -> int | None:
    """The end of the last picture as its packets tell; None when only decoding can tell.

    Trusted are packets that each have their own presentation time and come whole, in a file that holds what it
    declares. Raises VideoError as `open_media`.
    """
    with open_media(path) as container:
        video = video_stream(container, path)
        if container.format.name == "avi" or video.time_base is None:
            return None
        usual = round(frame_seconds(video) / video.time_base)
        tally, order, latest, end = Tally(), Order(), None, 0
        for packet in read_packets(container, (video,), tally):
            if packet.is_discard:
                continue
            if packet.is_corrupt or not order.tells(packet) or packet.pts is None:
                return None
            if latest is None or packet.pts > latest:
                latest, end = packet.pts, packet.pts + (packet.duration or usual)
        declared = declared_end_seconds(container, video)
        short = declared is None or end * video.time_base + 2 * frame_seconds(video) < declared
        if short or tally.unreadable or latest is None:
            return None
        return milliseconds(end * video.time_base - origin_seconds(container, video))
