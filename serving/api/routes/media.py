"""The files of videos in ranges, and the pictures and clips made of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import chain
from typing import Annotated, BinaryIO
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response, StreamingResponse

from retrieval.errors import InputError, VideoError
from serving.api.errors import ApiError
from serving.api.ranges import Unsatisfiable, parse_range
from serving.api.schemas import Milliseconds, VideoId
from serving.api.service import Service
from serving.api.subtitles import web_subtitles
from serving.media.files import open_media_file

_BLOCK = 1 << 18
_FOR_A_DAY = "private, max-age=86400"


def routes(service: Service) -> APIRouter:
    router = APIRouter(prefix="/media/{video_id}", tags=["media"])

    @router.head("/file", include_in_schema=False)
    @router.get("/file", response_class=Response)
    def file(request: Request, video_id: VideoId) -> Response:
        """The video itself, whole or a range of its bytes."""
        with _gone_where_it_is():
            media = open_media_file(service.video(video_id))
        etag = f'"{video_id[:32]}"'
        headers = {"Content-Disposition": f"inline; filename*=UTF-8''{quote(media.path.name, errors='replace')}"}
        with _gone_where_it_is():
            return _in_ranges(
                request, media.file, media.size_bytes, media.content_type, etag, headers, check=media.check
            )

    @router.get("/poster.jpg", response_class=Response)
    def poster(
        video_id: VideoId, t: Milliseconds = 0, width: Annotated[int, Query(ge=16, le=1280)] = 320
    ) -> Response:
        """The picture on screen at `t` milliseconds."""
        stored = service.video(video_id)
        with _gone_where_it_is():
            return _picture(service.media.poster(stored, t, width))

    @router.get("/sprite.jpg", response_class=Response)
    def sprite(video_id: VideoId) -> Response:
        """Ten pictures from the beginning to the end, side by side, each 160 pixels wide."""
        stored = service.video(video_id)
        with _gone_where_it_is():
            return _picture(service.media.strip(stored))

    @router.head("/clip.mp4", include_in_schema=False)
    @router.get("/clip.mp4", response_class=Response)
    def clip(request: Request, video_id: VideoId, start_ms: Milliseconds, end_ms: Milliseconds) -> Response:
        """A span of the video, cut at the frame, to download."""
        stored = service.video(video_id)
        end_ms = min(end_ms, stored.video.duration_ms)
        longest = service.settings.clip_seconds
        if not start_ms < end_ms or end_ms - start_ms > 1000 * longest:
            raise InputError(f"A clip ends after it begins, lies in the video and lasts at most {longest:g} s.")
        seconds = service.settings.media_seconds + 4 * (end_ms - start_ms) / 1000
        with _gone_where_it_is():
            made = service.media.clip(stored, start_ms, end_ms, seconds=seconds)
        headers = {"Content-Disposition": f'attachment; filename="{video_id[:12]}_{start_ms}-{end_ms}.mp4"'}
        size = made.seek(0, 2)
        return _in_ranges(request, made, size, "video/mp4", f'"{video_id[:32]}-{start_ms}-{end_ms}"', headers)

    @router.get("/subtitles.vtt", response_class=Response)
    def subtitles(video_id: VideoId) -> Response:
        """Its subtitles, or else what was heard, as WebVTT."""
        service.video(video_id)
        return Response(web_subtitles(service.library.evidence(video_id)), media_type="text/vtt; charset=utf-8")

    return router


@contextmanager
def _gone_where_it_is() -> Iterator[None]:
    """A file that is not what was added any more is answered with 410."""
    try:
        yield
    except VideoError as error:
        if error.kind in ("missing", "changed"):
            raise ApiError(410, error.kind, str(error)) from error
        raise


def _picture(made: BinaryIO) -> Response:
    with made:
        return Response(made.read(), media_type="image/jpeg", headers={"Cache-Control": _FOR_A_DAY})


def _in_ranges(
    request: Request, file: BinaryIO, size: int, content_type: str, etag: str, headers: dict[str, str], *,
    check: Callable[[], None] = lambda: None,
) -> Response:
    """Takes the file over and closes it. check: raises VideoError where what was just read may not be sent: at first that is
    raised, later the answer ends short of its length.
    """
    headers = {**headers, "ETag": etag, "Accept-Ranges": "bytes", "Cache-Control": "private, no-cache"}
    if etag in request.headers.get("if-none-match", ""):
        file.close()
        return Response(status_code=304, headers=headers)
    asked = request.headers.get("range")
    if request.headers.get("if-range", etag) != etag:
        asked = None        # the part that the caller has is of another file
    try:
        span = parse_range(asked, size)
    except Unsatisfiable:
        file.close()
        raise ApiError(
            416, "range", "The file has no such bytes.", headers={"Content-Range": f"bytes */{size}"}
        ) from None
    start, end = span or (0, size)
    headers["Content-Length"] = str(end - start)
    if span is not None:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    status = 200 if span is None else 206
    if request.method == "HEAD":
        file.close()
        return Response(status_code=status, headers=headers, media_type=content_type)
    blocks = _blocks(file, start, end, check)
    first = next(blocks, b"")       # while a refusal can still be answered
    return StreamingResponse(
        chain([first], _until_changed(blocks)), status_code=status, headers=headers, media_type=content_type
    )


def _blocks(file: BinaryIO, start: int, end: int, check: Callable[[], None]) -> Iterator[bytes]:
    with file:
        file.seek(start)
        while start < end and (block := file.read(min(_BLOCK, end - start))):
            check()
            start += len(block)
            yield block


def _until_changed(blocks: Iterator[bytes]) -> Iterator[bytes]:
    with suppress(VideoError):
        yield from blocks
