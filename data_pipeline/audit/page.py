"""The audit sheet as a page: one file that opens anywhere, one pair at a time, three keys."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from data_pipeline.audit.sampling import Drawn
from data_pipeline.audit.sheet import COLUMNS, row_of
from data_pipeline.building.measured_tables import read_measured
from data_pipeline.corpus.errors import CorpusError
from data_pipeline.corpus.files import whole_file
from data_pipeline.corpus.measured import MeasuredVideo
from data_pipeline.corpus.video_clips import frames_of_video
from retrieval.errors import VideoError
from retrieval.stills import jpeg_bytes

PICTURES = 4
_LONGEST_SIDE, _QUALITY = 320, 80


def write_page(
    path: Path, corpus: Path, drawn: Sequence[Drawn], *, progress: Callable[[int, int], None] = lambda done, total: None
) -> list[str]:
    """Write the page, with four pictures of each span read from the videos; a sentence for each video that cannot be read.

    The score is not shown, so that nobody judges by it. Raises CorpusError (write, unreadable).
    """
    wanted = {one.candidate.video_id for one in drawn}
    videos = {row.video_id: row for row in read_measured(corpus, MeasuredVideo) if row.video_id in wanted}
    rows, problems = [], []
    for done, one in enumerate(drawn, start=1):
        pictures, problem = _pictures(one, videos)
        if problem:
            problems.append(problem)
        rows.append({**row_of(one), "pictures": pictures, "title": _title(one, videos)})
        progress(done, len(drawn))
    with whole_file(path) as file:
        file.write(_page(rows).encode("utf-8", "backslashreplace"))
    return problems


def _pictures(one: Drawn, videos: Mapping[str, MeasuredVideo]) -> tuple[list[str], str | None]:
    """Data addresses of JPEGs, and why there are none."""
    video, span = videos.get(one.candidate.video_id), one.candidate
    if video is None or video.path is None or not video.width or not video.height:
        return [], f"{span.pair_id}: its video is not among what was measured."
    scale = _LONGEST_SIDE / max(video.width, video.height)
    width, height = (max(1, round(side * scale)) for side in (video.width, video.height))
    try:
        frames = frames_of_video(
            video.path, count=PICTURES, height=height, width=width, start_ms=span.start_ms, end_ms=span.end_ms
        )
    except (VideoError, CorpusError) as error:
        return [], str(error)
    return [_address(picture) for picture in frames.pictures], None


def _address(picture: Any) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(jpeg_bytes(picture, quality=_QUALITY)).decode()


def _title(one: Drawn, videos: Mapping[str, MeasuredVideo]) -> str:
    video = videos.get(one.candidate.video_id)
    return (video.title if video else None) or ""


def _page(rows: Sequence[Mapping[str, Any]]) -> str:
    data = json.dumps({"columns": COLUMNS, "rows": rows}, ensure_ascii=False).replace("<", "\\u003c")
    key = hashlib.sha256("\n".join(row["pair_id"] for row in rows).encode()).hexdigest()[:16]
    page = resources.files("data_pipeline.audit").joinpath("page.html").read_text(encoding="utf-8")
    return page.replace("%KEY%", key).replace("%DATA%", data)
