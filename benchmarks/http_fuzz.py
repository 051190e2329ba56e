"""Malformed requests and uploads against a running service: no 5xx, no hang, nothing outside the library read.

    python -m benchmarks.http_fuzz [--uploads 300] [--examples 15] [--seconds 30]

A small real library is served by a process of its own. Three parts: mutated and handmade uploads (videos, pictures,
playlists, archives) to both upload routes; handmade raw requests over TCP (paths, headers, bodies); and schemathesis
with every operation of /openapi.json. A 503 that says that another process writes counts as a 5xx too.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from PIL import Image

from serving.ingest.run import AddOptions, add_videos
from tests.checkpoints import BUILDERS
from tests.videos import write_subtitles, write_video

_SECRET = "wenshi-secret-that-nobody-may-read"


@dataclass
class Tally:
    """What came back; `bad` are answers that break a promise."""

    asked: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    slowest_seconds: float = 0.0
    bad: list[str] = field(default_factory=list)

    def note(self, what: str, status: int, text: str, seconds: float) -> None:
        self.asked += 1
        self.statuses[status] += 1
        self.slowest_seconds = max(self.slowest_seconds, seconds)
        if status >= 500 or status == 0:
            self.bad.append(f"{what}: {status} {text[:200]}")
        elif _SECRET in text or "root:x:" in text or "Traceback" in text:
            self.bad.append(f"{what}: something was read that must not be: {text[:200]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--uploads", type=int, default=300)
    parser.add_argument("--examples", type=int, default=15, help="of schemathesis, for each operation")
    parser.add_argument("--seconds", type=float, default=30.0, help="longest that one answer may take")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as (address, video_id):
        parts = {
            "uploads": fuzz_uploads(address, Path(folder), options.uploads, options.seed, options.seconds),
            "requests": fuzz_requests(address, video_id, options.seconds),
        }
        found = run_schemathesis(address, options.examples)
    print(f"{'part':10} {'asked':>6} {'5xx or leak':>12} {'slowest s':>10}  statuses")
    for name, tally in parts.items():
        statuses = " ".join(f"{status}:{count}" for status, count in sorted(tally.statuses.items()))
        print(f"{name:10} {tally.asked:6} {len(tally.bad):12} {tally.slowest_seconds:10.2f}  {statuses}")
        for line in tally.bad[:20]:
            print("   ", line)
    print(f"schemathesis: exit status {found.returncode}")
    print(found.stdout[-4000:])
    if any(tally.bad for tally in parts.values()) or found.returncode:
        raise SystemExit(1)


@contextmanager
def served(folder: Path) -> Iterator[tuple[str, str]]:
    """Address and the id of one video of a service over a small library; beside it lies a secret."""
    videos = folder / "videos"
    videos.mkdir()
    (folder / "secret.txt").write_text(_SECRET)
    write_video(videos / "公园.mp4", seconds=2, seed=1, title="放风筝的下午")
    write_subtitles(videos / "公园.zh.srt", [(500, 1500, "我们去公园放风筝")])
    write_video(videos / "city.mp4", seed=2, title="城市夜景")
    model = BUILDERS["chinese_clip"](folder / "model")
    add_videos(folder / "library", [videos], AddOptions(model=str(model), on_screen_text=False))
    command = [
        sys.executable, "-m", "serving.cli.main", "serve", "-l", str(folder / "library"), "--port", "0",
        "--no-on-screen-text",
        "--rate", "100000",
    ]  # fmt: skip
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ})
    try:
        assert process.stderr is not None
        line = next(line for line in process.stderr if " at http" in line)
        threading.Thread(target=_pass_on, args=(process.stderr,), daemon=True).start()
        address = line.split(" at ")[1].split()[0].rstrip("/")
        yield address, httpx.get(f"{address}/api/v1/videos").json()["videos"][0]["video"]
    finally:
        process.terminate()
        process.wait(90)       # it waits for requests, then for the file that a job is at


def _pass_on(lines: Iterator[str]) -> None:
    for line in lines:
        if " waits: " not in line and "seconds" not in line:
            print("service:", line.rstrip(), file=sys.stderr)


def fuzz_uploads(address: str, folder: Path, count: int, seed: int, seconds: float) -> Tally:
    """Mutations of real files, and files that are something else."""
    tally, random_ = Tally(), random.Random(seed)
    seeds = _seeds(folder)
    fixed = _handmade(folder)
    with httpx.Client(base_url=address, timeout=seconds) as client:
        for number in range(count):
            content = fixed[number] if number < len(fixed) else _mutated(random_.choice(seeds), random_)
            route = "/api/v1/videos" if number % 3 == 0 else "/api/v1/search/by-example"
            name = random_.choice(["a.mp4", "../../x.mkv", "a\r\nb.png", "", "猫.gif", "x" * 300, "a.m3u8", "con.ts"])
            _ask(tally, client, f"upload {number} {name!r}", "POST", route, files={"file": (name, content)})
    return tally


def _seeds(folder: Path) -> list[bytes]:
    made = [write_video(folder / f"seed.{suffix}", seed=5).read_bytes() for suffix in ("mp4", "mkv", "avi", "mov",
    "ts", "flv")]
    for kind in ("PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP"):
        picture = io.BytesIO()
        Image.effect_noise((64, 48), 80).convert("RGB").save(picture, kind)
        made.append(picture.getvalue())
    return made


def _handmade(folder: Path) -> list[bytes]:
    secret = folder / "secret.txt"
    bomb = io.BytesIO()
    Image.new("1", (30_000, 30_000)).save(bomb, "PNG")
    playlists = [
        f"#EXTM3U\n#EXTINF:1,\n{secret}\n", f"#EXTM3U\n#EXTINF:1,\nfile://{secret}\n", "#EXTM3U\nhttp://127.0.0.1:1/\n",
        f"ffconcat version 1.0\nfile '{secret}'\n", f"<?xml version='1.0'?><MPD><BaseURL>file://{secret}</BaseURL></MPD>",
        f"<!DOCTYPE x [<!ENTITY e SYSTEM 'file://{secret}'>]><svg>&e;</svg>", f"v=0\nc=IN IP4 127.0.0.1\na={secret}\n",
        "concat:/etc/passwd|/etc/passwd", "subfile,,start,0,end,100,,:/etc/passwd",
    ]  # fmt: skip
    return [
        b"", b"\0", b"\xff" * 1000, b"PK\x03\x04" + b"\0" * 100, b"%PDF-1.7\n", b"#!/bin/sh\nid\n", b"GIF89a",
        b"RIFF\xff\xff\xff\xffAVI ",
        b"\0\0\0\x20ftypisom" + b"\xff" * 64, b"\x1aE\xdf\xa3" + b"\xff" * 64, bomb.getvalue(),
        *(text.encode() for text in playlists),
    ]  # fmt: skip


def _mutated(content: bytes, random_: random.Random) -> bytes:
    data = bytearray(content)
    kind = random_.randrange(4)
    if kind == 0:
        return bytes(data[: random_.randrange(len(data))])
    if kind == 1:       # somewhere in the header
        for _ in range(random_.randrange(1, 8)):
            data[random_.randrange(min(len(data), 400))] = random_.randrange(256)
    elif kind == 2:
        for _ in range(random_.randrange(1, 60)):
            data[random_.randrange(len(data))] = random_.randrange(256)
    else:
        start, length = random_.randrange(len(data)), random_.randrange(1, 200)
        data[start : start + length] = bytes(random_.randrange(256) for _ in range(random_.randrange(400)))
    return bytes(data)


def fuzz_requests(address: str, video_id: str, seconds: float) -> Tally:
    """Handmade requests: addresses, queries, bodies, and bytes that are no HTTP at all."""
    tally = Tally()
    odd = [
        "", " ", "\0", "猫\0", "a" * 1999, "🐱" * 500, "'\"; DROP TABLE videos; --", "* AND (", "NEAR(a b)", '"',
        "<script>",
        "../..",
        "%00", "\u202e", "\ufdfa" * 200, "-", "^", "a:b", "{}", "NaN", "1e999", "\ud7ff", "a\r\nX: y", "${7*7}",
        "{{7*7}}",
    ]  # fmt: skip
    with httpx.Client(base_url=address, timeout=seconds) as client:
        for text in odd:
            for route in (
                "/api/v1/search", f"/api/v1/videos/{video_id}/moments", f"/api/v1/videos/{video_id}/key-moments.jsonld",
            ):  # fmt: skip
                _ask(tally, client, f"{route} {text[:20]!r}", "GET", route, params={"q": text})
            for name in ("k", "path", "tag", "longer", "since", "video", "channel", "hidden"):
                _ask(tally, client, f"{name}={text[:20]!r}", "GET", "/api/v1/search", params={"q": "猫", name: text})
            for name in ("t", "width"):
                _ask(tally, client, f"{name}={text[:20]!r}", "GET", f"/media/{video_id}/poster.jpg", params={name: text})
            lists = ({name: [text]} for name in ("queries", "paths", "texts"))
            for value in (text, [text], {"q": text}, {"key": text}, *lists):
                for route in (
                    "/api/v1/search", "/api/v1/videos", "/api/v1/embed", "/api/v1/search/by-example", "/api/v1/session",
                    "/api/v1/saved-queries",
                ):  # fmt: skip
                    _ask(tally, client, f"POST {route} {text[:20]!r}", "POST", route, json=value)
            _ask(tally, client, f"Range {text[:20]!r}", "GET", f"/media/{video_id}/file",
            headers={"Range": _header(text)})
        for path in _paths(video_id):
            _ask(tally, client, path, "GET", path)
    for raw in _raw_requests(video_id):
        status, text, took = _ask_raw(address, raw, seconds)
        tally.note(f"raw {raw[:60]!r}", status, text, took)
    return tally


def _header(text: str) -> bytes:
    return b"bytes=" + re.sub(rb"[\r\n\0]", b"", text.encode())[:500]


def _paths(video_id: str) -> list[str]:
    inside = [
        "../library.sqlite", "..%2flibrary.sqlite", "%2e%2e/%2e%2e/secret.txt", "....//secret.txt", "file/../../x",
        "poster.jpg/..",
        "file%00.mp4", "file;x", "clip.mp4", "clip.mp4?start_ms=0&end_ms=9e99", "clip.mp4?start_ms=5&end_ms=1", "x",
    ]  # fmt: skip
    return [
        *(f"/media/{video_id}/{path}" for path in inside), *(f"/web/{path}" for path in inside),
        *(f"/{path}" for path in inside),
        "/media//file", f"/media/{video_id.upper()}/file", f"/media/{video_id[:-1]}/file", "/api/v1/videos/../library",
        "/web//etc/passwd", "/web/%2fetc/passwd", "//", "/%", "/%zz", "/" + "a" * 4000, "/api/v1/jobs/%2e%2e",
        "/api/v1/jobs/\u732b",
    ]  # fmt: skip


def _raw_requests(video_id: str) -> list[bytes]:
    host = b"Host: 127.0.0.1\r\n"
    return [
        b"\r\n\r\n", b"GET\r\n\r\n", b"\x16\x03\x01\x02\0\x01\0\x01\xfc", b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET /../../etc/passwd HTTP/1.1\r\n" + host + b"\r\n", b"GET http://evil/ HTTP/1.1\r\n" + host + b"\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"GET / HTTP/1.1\r\nHost: [\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a:b:c\r\n\r\n",
        b"POST /api/v1/search HTTP/1.1\r\n" + host + b"Content-Length: -1\r\n\r\n",
        b"POST /api/v1/search HTTP/1.1\r\n" + host + b"Content-Length: 99999999999999999999\r\n\r\n",
        b"POST /api/v1/search HTTP/1.1\r\n" + host + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n",
        b"POST /api/v1/search HTTP/1.1\r\n" + host + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /api/v1/search HTTP/1.1\r\n" + host + b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n\xff\xfe",
        b"POST /api/v1/search HTTP/1.1\r\n" + host
        + b"Content-Type: application/json\r\nContent-Length: 60000\r\n\r\n" + b"[" * 60000,
        b"POST /api/v1/videos HTTP/1.1\r\n" + host + b"Content-Type: multipart/form-data\r\nContent-Length: 2\r\n\r\nxx",
        b"POST /api/v1/videos HTTP/1.1\r\n" + host
        + b'Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 8\r\n\r\n--x\r\n\r\n-',
        b"POST /api/v1/search/by-example HTTP/1.1\r\n" + host
        + b'Content-Type: multipart/form-data; boundary="\xff"\r\nContent-Length: 8\r\n\r\n--x\r\n\r\n-',
        b"GET /healthz HTTP/1.1\r\n" + host + b"X: " + b"a" * 100_000 + b"\r\n\r\n",
        b"GET /api/v1/library HTTP/1.1\r\n" + host + b"Cookie: \xff=;;==\xff\r\nAuthorization: Bearer \xff\xfe\r\n\r\n",
        b"GET /media/" + video_id.encode() + b"/file HTTP/1.1\r\n" + host + b"Range: bytes=0-0,1-1,2-2\r\n\r\n",
        b"GET /media/" + video_id.encode() + b"/file HTTP/1.1\r\n" + host + b"Range: bytes=99999999999999999999999-\r\n\r\n",
        b"BREW / HTTP/1.1\r\n" + host + b"\r\n", b"OPTIONS * HTTP/1.1\r\n" + host + b"\r\n",
        b"TRACE / HTTP/1.1\r\n" + host + b"\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + host + b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n",
    ]  # fmt: skip


def _ask(tally: Tally, client: httpx.Client, what: str, method: str, route: str, **arguments: object) -> None:
    began = time.monotonic()
    try:
        answer = client.request(method, route, **arguments)  # type: ignore[arg-type]
    except (httpx.InvalidURL, httpx.LocalProtocolError, UnicodeError):
        return      # the client itself will not send it
    except httpx.HTTPError as error:
        tally.note(what, 0, f"{type(error).__name__}: {error}", time.monotonic() - began)
        return
    tally.note(what, answer.status_code, answer.text, time.monotonic() - began)


def _ask_raw(address: str, request: bytes, seconds: float) -> tuple[int, str, float]:
    """Status (-1: the connection was closed without an answer, which is right for what is no request)."""
    host, port = address.removeprefix("http://").split(":")
    began = time.monotonic()
    with socket.create_connection((host, int(port)), timeout=seconds) as connection:
        try:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            answer = b""
            while block := connection.recv(1 << 16):
                answer += block
        except TimeoutError:
            return 0, "no answer in time", time.monotonic() - began
        except OSError:
            answer = b""
    status = re.match(rb"HTTP/1\.[01] (\d{3})", answer)
    return int(status.group(1)) if status else -1, answer.decode("utf-8", "replace"), time.monotonic() - began


def run_schemathesis(address: str, examples: int) -> subprocess.CompletedProcess[str]:
    """Every operation of the document with generated values: no server error, and nothing but what is documented."""
    document = json.dumps(httpx.get(f"{address}/openapi.json", timeout=60).json())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "openapi.json"
        path.write_text(document, encoding="utf-8")
        command = [
            str(Path(sys.executable).with_name("schemathesis")), "run", str(path), "--url", address,
            "--max-examples", str(examples),
            "--checks", "not_a_server_error,response_schema_conformance,content_type_conformance,status_code_conformance",
            "--phases", "examples,coverage,fuzzing", "--request-timeout", "30", "--no-color", "--seed", "1",
        ]  # fmt: skip
        return subprocess.run(command, capture_output=True, text=True, timeout=1800, cwd=folder)


if __name__ == "__main__":
    main()
