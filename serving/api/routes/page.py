"""The page, its files, and the list of routes for people."""

from __future__ import annotations

from html import escape
from pathlib import Path

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse
from fastapi.staticfiles import StaticFiles

from serving.api.errors import ApiError
from serving.api.guard import COOKIE, FORGET_COOKIE
from serving.api.schemas import KeyRequest
from serving.api.service import Service

WEB = Path(__file__).resolve().parents[2] / "web"


def install(app: FastAPI, service: Service) -> None:
    app.include_router(_routes(app, service))
    if WEB.is_dir():
        app.mount("/web", StaticFiles(directory=WEB), name="web")


def _routes(app: FastAPI, service: Service) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    def page() -> Response:
        if (WEB / "index.html").is_file():
            return FileResponse(WEB / "index.html", headers={"Cache-Control": "no-cache"})
        return HTMLResponse("<!doctype html><title>Wenshi</title><p>Wenshi 文视: <a href='/docs'>/docs</a>")

    @router.get("/docs")
    def docs() -> HTMLResponse:
        """Every route on one page, without anything from elsewhere."""
        return HTMLResponse(_list_of_routes(app))

    @router.post("/api/v1/session")
    def log_in(request: Request, asked: KeyRequest) -> JSONResponse:
        """Keep a key in a cookie that scripts cannot read: pictures and videos of the page carry no header."""
        key = service.keys.check(asked.key)
        if key is None:
            raise ApiError(401, "wrong_key", "This key is not known here.")
        answer = JSONResponse({"role": key.role})
        secure = request.url.scheme == "https"
        answer.set_cookie(COOKIE, asked.key, httponly=True, samesite="strict", secure=secure, max_age=30 * 86400)
        return answer

    @router.delete("/api/v1/session")
    def log_out() -> JSONResponse:
        return JSONResponse({"role": None}, headers={"Set-Cookie": FORGET_COOKIE})

    return router


def _list_of_routes(app: FastAPI) -> str:
    rows = []
    for path, methods in app.openapi()["paths"].items():
        for method, operation in methods.items():
            says = escape(operation.get("description") or operation.get("summary", ""))
            names = ", ".join(escape(parameter["name"]) for parameter in operation.get("parameters", []))
            rows.append(f"<tr><td>{method.upper()}<td><code>{escape(path)}</code><td>{names}<td>{says}")
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><title>Wenshi API</title><h1>Wenshi API</h1>"
        "<p>Machine-readable: <a href='/openapi.json'>/openapi.json</a></p>"
        f"<table><tr><th>method<th>address<th>parameters<th>what{''.join(rows)}</table>"
    )
