"""Lines of a video as WebVTT, for the player of a browser."""

from __future__ import annotations

from collections.abc import Sequence

from retrieval.library import StoredEvidence


def web_subtitles(rows: Sequence[StoredEvidence]) -> str:
    """The subtitles among the rows, or else what was heard; a text cannot end its cue or begin a tag."""
    lines = [row for row in rows if row.kind == "subtitle"] or [row for row in rows if row.kind == "asr"]
    cues = [
        f"{_stamp(row.start_ms)} --> {_stamp(max(row.end_ms, row.start_ms + 1))}\n{_plain(row.text)}\n" for row in lines
    ]
    return "\n".join(["WEBVTT\n", *cues])


def _plain(text: str) -> str:
    return " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _stamp(milliseconds: int) -> str:
    seconds, milliseconds = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{milliseconds:03d}"
