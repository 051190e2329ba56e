"""What the library and the engine say, as the JSON of the API: no absolute path, and where to get pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from retrieval.library import StoredClip, StoredVideo
from retrieval.notices import in_chinese
from retrieval.search import Hit, Match, Moment, SearchResult
from serving.api.highlights import marks


def search_answer(result: SearchResult, *, notices: Sequence[str], request_id: str) -> dict[str, Any]:
    return {
        "query": result.query,
        "answered": result.answered,
        "hits": [hit_json(hit) for hit in result.hits],
        "hidden": result.hidden,
        "notices": [*notices, *result.notices],
        "notices_zh": [in_chinese(sentence) for sentence in (*notices, *result.notices)],
        "took_ms": {stage: round(milliseconds, 3) for stage, milliseconds in result.took_ms.items()},
        "request_id": request_id,
    }


def hit_json(hit: Hit) -> dict[str, Any]:
    answer = _marked(hit.to_json(), hit.channels)
    del answer["path"]
    best_ms = hit.moments[0].best_ms if hit.moments else 0
    answer |= {"name": Path(hit.path).name, **media_of(hit.video_id, best_ms)}
    answer["copies"] = [
        {"video": copy.video_id, "name": Path(copy.path).name, "title": copy.title} for copy in hit.copies
    ]
    for row, moment in zip(answer["moments"], hit.moments, strict=True):
        _marked(row, moment.matches)
    return answer


def moment_json(moment: Moment) -> dict[str, Any]:
    return _marked(moment.to_json(), moment.matches)


def media_of(video_id: str, time_ms: int) -> dict[str, str]:
    """Where a video's pictures and its file are; `poster` shows what is on screen at that time."""
    return {
        "poster": f"/media/{video_id}/poster.jpg?t={time_ms}",
        "sprite": f"/media/{video_id}/sprite.jpg",
        "source": f"/media/{video_id}/file",
    }


def video_json(
    stored: StoredVideo, *, title: str, tags: Sequence[str], clips: Sequence[StoredClip]
) -> dict[str, Any]:
    video, location = stored.video, stored.locations[0]
    poster_ms = clips[0].keyframe_ms if clips else 0
    return {
        "video": video.id,
        "name": Path(location.path).name,
        "title": title,
        "tags": list(tags),
        "date": location.details.get("date"),
        "duration_ms": video.duration_ms,
        "width": video.width,
        "height": video.height,
        "has_audio": video.has_audio,
        "damage": video.damage,
        "added_at": stored.added_at,
        **media_of(video.id, poster_ms),
        "clips": [
            {"start_ms": clip.start_ms, "end_ms": clip.end_ms, "keyframe_ms": clip.keyframe_ms} for clip in clips
        ],
    }


def _marked(answer: dict[str, Any], matches: Sequence[Match]) -> dict[str, Any]:
    """The JSON of what matches speak for, each with where its text holds words of the query."""
    for row, match in zip(answer["channels"], matches, strict=True):
        row["marks"] = marks(match.text, match.held) if match.text is not None else []
    return answer
