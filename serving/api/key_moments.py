"""Moments of a video as structured data: schema.org VideoObject with one Clip a moment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote


def key_moments_json(video: dict[str, Any], moments: Sequence[dict[str, Any]], *, q: str, base: str) -> dict[str, Any]:
    """video, moments: as the API gives them; base: where the service is. Offsets are seconds, as the vocabulary wants."""
    return {
        "@context": "https://schema.org",
        "@type": "VideoObject",
        "name": video["title"] or video["name"],
        "uploadDate": video["date"] or video["added_at"],
        "duration": f"PT{video['duration_ms'] / 1000:.3f}S",
        "thumbnailUrl": base + video["poster"],
        "contentUrl": base + video["source"],
        "hasPart": [
            {
                "@type": "Clip",
                "name": next((match["text"] for match in moment["channels"] if match["text"]), q),
                "startOffset": moment["start_ms"] / 1000,
                "endOffset": moment["end_ms"] / 1000,
                "url": f"{base}/?q={quote(q)}&v={video['video']}&t={moment['start_ms']}",
            }
            for moment in moments
        ],
    }
