"""The service as the page sees it, with answers that can be chosen by the query: a thousand hits, none, hidden ones, errors."""

from __future__ import annotations

import asyncio
import io
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from PIL import Image

from serving.api.middleware import _HEADERS

WEB = Path(__file__).resolve().parents[3] / "serving" / "web"
NASTY = "<img src=x onerror=alert(1)>𠮷野家的猫"       # markup, and a character that JavaScript counts twice
SPOKEN = f"旁白：{NASTY}"


def video_id(number: int) -> str:
    return f"{number:064x}"


def hit(number: int, *, below: bool = False) -> dict[str, Any]:
    """A hit whose title holds markup in every seventh place."""
    title = NASTY if number % 7 == 0 else f"第 {number} 个视频"
    video, start_ms = video_id(number), 2000 + 10 * number
    letters = list(SPOKEN)
    cat = letters.index("猫")
    spoken = {
        "name": "subtitle", "rank": number + 1, "score": 3.0, "worth": 1.0, "text": SPOKEN, "marks": [[cat, cat + 1]],
        "start_ms": start_ms, "end_ms": start_ms + 3000, "source": "sidecar", "coverage": 1.0,
    }  # fmt: skip
    seen = {**spoken, "name": "visual", "text": None, "marks": [], "source": None, "coverage": None}
    moment = {
        "start_ms": start_ms, "end_ms": start_ms + 3000, "best_ms": start_ms + 500, "score": 1.0, "channels": [seen, spoken]
    }
    later = {**moment, "start_ms": 40_000, "end_ms": 43_000, "best_ms": 41_000}
    return {
        "video": video, "name": f"{number}.mp4", "title": title, "score": 1.0 / (1 + number),
        "confidence": ("high", "medium", "low", None)[number % 4], "below_threshold": below,
        "start_ms": start_ms, "end_ms": start_ms + 3000, "duration_ms": 60_000, "moments": [moment, later],
        "channels": [seen, spoken], **_media(video, start_ms + 500),
        "copies": [{"video": video_id(n), "name": f"{n}.mp4", "title": NASTY} for n in (30, 31)] if number == 1 else [],
    }  # fmt: skip


def _media(video: str, time_ms: int) -> dict[str, str]:
    return {
        "poster": f"/media/{video}/poster.jpg?t={time_ms}", "sprite": f"/media/{video}/sprite.jpg",
        "source": f"/media/{video}/file",
    }  # fmt: skip


def answer(query: str, hits: list[dict[str, Any]], *, hidden: int = 0, answered: bool | None = True) -> dict[str, Any]:
    took = {"encode": 1.0, "recall": 2.0, "total": 3.0}
    return {
        "query": query, "answered": answered, "hits": hits, "hidden": hidden, "notices": [], "notices_zh": [], "took_ms": took,
        "request_id": "0123456789abcdef",
    }  # fmt: skip


class Fake:
    """`asked` are the searches and changes that came, as (method, path with query, body); the rest may be set by a test."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, bytes]] = []
        self.videos = 3
        self.role = "admin"
        self.jobs: list[dict[str, Any]] = []
        self.key: str | None = None
        self.clip: Path | None = None       # what is played

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.middleware("http")
        async def around(request: Request, call_next: Any) -> Response:
            path = request.url.path
            is_open = path.startswith("/web/") or path in ("/", "/api/v1/session")
            if self.key and not is_open and request.cookies.get("wenshi_key") != self.key:
                return _error(401, "key_needed", "This service wants a key.")
            if request.method != "GET" or path == "/api/v1/search":
                self.asked.append((request.method, f"{path}?{request.url.query}", await request.body()))
            response = await call_next(request)
            for name, value in _HEADERS.items():
                response.headers.setdefault(name, value)
            return response

        self._searches(app)
        self._library(app)
        self._media(app)
        app.mount("/web", StaticFiles(directory=WEB))
        return app

    def _searches(self, app: FastAPI) -> None:
        @app.get("/api/v1/search")
        async def search(q: str, k: int = 20, hidden: bool = False) -> Response:
            if q == "慢":
                await asyncio.sleep(0.6)
            if q == "出错":
                return _error(503, "library", "The library cannot be read at present.")
            if q == "断续" and k > 60 and sum("k=240" in where for _, where, _ in self.asked) == 1:
                return _error(503, "busy", "Come again.")
            if q == "没有":
                return JSONResponse(answer(q, [hit(n, below=True) for n in range(2)] if hidden else [], hidden=2, answered=False))
            hits = [hit(number) for number in range(min(k, 1000 if q in ("一千", "断续") else 8))]
            found = answer(q, hits, answered={"不相干": False, "不知道": None}.get(q, True))
            if q == "不相干":
                found |= {"notices": ["Not learned."], "notices_zh": ["没有学过。"]}
            return JSONResponse(found)

        @app.post("/api/v1/search/by-example")
        async def by_example() -> Response:
            return JSONResponse(answer("", [hit(number) for number in range(20, 24)], answered=None))

    def _library(self, app: FastAPI) -> None:
        @app.get("/")
        def page() -> Response:
            return FileResponse(WEB / "index.html")

        @app.get("/api/v1/library")
        def library() -> dict[str, Any]:
            coverage = [{"channel": "visual", "share": 1.0}]
            counts = {"videos": self.videos, "clips": self.videos, "evidence": {"subtitle": 3}}
            return {**counts, "coverage": coverage, "role": self.role, "keys": self.key is not None}

        @app.post("/api/v1/session")
        async def log_in(request: Request) -> Response:
            if (await request.json())["key"] != self.key:
                return _error(401, "wrong_key", "This key is not known here.")
            given = JSONResponse({"role": "read"})
            given.set_cookie("wenshi_key", str(self.key), httponly=True)
            return given

        @app.get("/api/v1/jobs")
        def jobs() -> dict[str, Any]:
            return {"jobs": self.jobs}

        @app.get("/api/v1/videos")
        def videos(limit: int, after: str | None = None) -> dict[str, Any]:
            first = 0 if after is None else int(after, 16) + 1
            shown = range(self.videos)[first : first + limit]
            more = shown.stop < self.videos
            return {"videos": list(map(_video, shown)), "next": video_id(shown[-1]) if more else None}

        @app.post("/api/v1/videos", status_code=202)
        def add() -> dict[str, Any]:
            return {"job": "1"}

        @app.get("/api/v1/videos/{video}")
        def video(video: str) -> dict[str, Any]:
            return _video(int(video, 16))

        @app.get("/api/v1/videos/{video}/transcript")
        def transcript(video: str) -> dict[str, Any]:
            spoken = [
                {"kind": "subtitle", "text": f"第 {n} 句", "start_ms": 1000 * n, "end_ms": 1000 * n + 900, "source": ""}
                for n in range(60)
            ]
            return {"lines": spoken}

        @app.get("/api/v1/videos/{video}/moments")
        def moments(video: str) -> dict[str, Any]:
            found = hit(int(video, 16))["moments"]
            return {"moments": found, "saliency": [[1000 * n, (n % 9) / 9] for n in range(60)]}

    def _media(self, app: FastAPI) -> None:
        @app.get("/media/{video}/poster.jpg")
        def poster(video: str) -> Response:
            return _jpeg(320, 180, int(video, 16))

        @app.get("/media/{video}/sprite.jpg")
        def sprite(video: str) -> Response:
            return _jpeg(1600, 90, int(video, 16))

        @app.get("/media/{video}/file")
        @app.get("/media/{video}/clip.mp4")
        def file(video: str) -> Response:
            return FileResponse(self.clip, media_type="video/mp4") if self.clip else Response(b"no video", media_type="video/mp4")


def _video(number: int) -> dict[str, Any]:
    clips = [{"start_ms": 10_000 * n, "end_ms": 10_000 * (n + 1), "keyframe_ms": 10_000 * n + 500} for n in range(6)]
    return {
        "video": video_id(number), "name": f"{number}.mp4", "title": f"第 {number} 个视频", "tags": ["猫"], "date": "2026-01-02",
        "duration_ms": 60_000, "width": 640, "height": 360, "has_audio": True, "damage": None, "added_at": "2026-01-02T00:00:00Z",
        **_media(video_id(number), 500), "clips": clips,
    }  # fmt: skip


def _error(status: int, kind: str, message: str) -> Response:
    return JSONResponse({"error": {"kind": kind, "message": message, "request_id": "feedfacefeedface"}}, status_code=status)


def _jpeg(width: int, height: int, number: int) -> Response:
    made = io.BytesIO()
    Image.new("HSV", (width, height), (37 * number % 256, 90, 170)).convert("RGB").save(made, "JPEG")
    return Response(made.getvalue(), media_type="image/jpeg")


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """The address of an application that runs in a thread."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(10)


def bodies(asked: list[tuple[str, str, bytes]], path: str) -> list[Any]:
    """JSON that was posted to an address."""
    return [json.loads(body) for method, where, body in asked if method == "POST" and where.startswith(path)]
