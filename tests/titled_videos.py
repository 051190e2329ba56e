"""Videos of which nothing is known but a title."""

from __future__ import annotations

import hashlib

from retrieval.library import Library
from retrieval.records import Evidence, Location, Video


def put_title(library: Library, index: int, text: str) -> None:
    video = Video(
        id=hashlib.sha256(str(index).encode()).hexdigest(), size_bytes=1, duration_ms=4000, width=320, height=180,
        frames_per_second=25.0, container="mp4", codec="h264", has_audio=False,
    )  # fmt: skip
    title = Evidence(kind="title", text=text, start_ms=0, end_ms=4000, source="manifest")
    library.put(
        video, Location(path=f"/{index}.mp4", size_bytes=1, modified_ns=1), evidence=[], location_evidence=[title],
        clips=[], generation=None, examined={},
    )  # fmt: skip
