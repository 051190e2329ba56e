from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import huggingface_hub.constants
import pytest

from retrieval.encoders import DEFAULT_MODEL, load_encoder, read_generation
from retrieval.errors import ModelError
from retrieval.records import Generation

_NAME = "some-owner/tiny-clip"
_COMMIT = "36e679e65c2a2fead755ae21162091293ad37834"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty hub cache, used offline."""
    directory = tmp_path / "hub"
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(directory))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    return directory


def _put_in_cache(cache: Path, model: Path, *, commit: str = _COMMIT, main: str | None = _COMMIT) -> Path:
    folder = cache / "models--some-owner--tiny-clip"
    snapshot = shutil.copytree(model, folder / "snapshots" / commit)
    if main is not None:
        (folder / "refs").mkdir(exist_ok=True)
        (folder / "refs" / "main").write_text(main, encoding="utf-8")
    return snapshot


def test_a_cached_model_loads_by_its_hub_name_without_a_network(cache: Path, tiny_chinese_clip: Path) -> None:
    _put_in_cache(cache, tiny_chinese_clip)

    encoder = load_encoder(_NAME, device="cpu")

    assert (encoder.generation.encoder, encoder.generation.revision) == (_NAME, _COMMIT)
    assert read_generation(_NAME) == encoder.generation
    assert encoder.encode_texts(["一只狗"]).pooled.shape == (1, 24)


def test_the_cached_folder_itself_is_the_same_generation(cache: Path, tiny_chinese_clip: Path) -> None:
    snapshot = _put_in_cache(cache, tiny_chinese_clip)

    assert read_generation(str(snapshot)) == read_generation(_NAME)


def test_of_several_snapshots_the_one_that_main_names_is_taken(cache: Path, tiny_chinese_clip: Path) -> None:
    other = "0" * 40
    _put_in_cache(cache, tiny_chinese_clip, commit=other)
    _put_in_cache(cache, tiny_chinese_clip, main=other)

    assert read_generation(_NAME).revision == other


def test_a_lone_snapshot_needs_no_main(cache: Path, tiny_chinese_clip: Path) -> None:
    _put_in_cache(cache, tiny_chinese_clip, main=None)

    assert read_generation(_NAME).revision == _COMMIT


def test_a_model_that_is_not_cached_is_refused_at_once_when_offline(cache: Path) -> None:
    start = time.perf_counter()
    with pytest.raises(ModelError) as caught:
        load_encoder(DEFAULT_MODEL)

    assert time.perf_counter() - start < 2
    assert str(caught.value) == (
        f"The model {DEFAULT_MODEL} is not in the local cache {cache} and HF_HUB_OFFLINE forbids the network: "
        "give the path of a model folder instead."
    )


def test_a_cached_model_without_its_weights_can_be_described_but_not_loaded(
    cache: Path, tiny_chinese_clip: Path
) -> None:
    snapshot = _put_in_cache(cache, tiny_chinese_clip)
    (snapshot / "model.safetensors").unlink()

    assert read_generation(_NAME).revision == _COMMIT
    with pytest.raises(ModelError, match="is not in the local cache"):
        load_encoder(_NAME)


def test_a_folder_named_like_a_hub_model_comes_first(
    cache: Path, tiny_chinese_clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(tiny_chinese_clip, tmp_path / "work" / _NAME)
    monkeypatch.chdir(tmp_path / "work")

    assert read_generation(_NAME).encoder == "tiny-clip"


def test_without_a_network_the_refusal_comes_in_seconds(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        said, seconds = _outcome(f"http://127.0.0.1:{unused.getsockname()[1]}", tmp_path)

    assert said.startswith(f"The model {_NAME} is not in the local cache {tmp_path} and cannot be fetched from the hub (")
    assert said.count("\n") == 0
    assert seconds < 15


def test_a_model_is_fetched_from_the_hub_once_and_then_found_in_the_cache(
    hub: str, tiny_chinese_clip: Path, tmp_path: Path
) -> None:
    expected = str(Generation(
        encoder=_NAME, revision=_COMMIT, dimension=24,
        preprocessing=read_generation(str(tiny_chinese_clip)).preprocessing,
    ))

    assert _outcome(hub, tmp_path)[0] == expected
    snapshot = tmp_path / "models--some-owner--tiny-clip" / "snapshots" / _COMMIT
    assert not (snapshot / "model.safetensors").exists(), "to describe a model takes no weights"
    assert _outcome(hub, tmp_path, call="find_checkpoint('some-owner/tiny-clip').directory")[0] == str(snapshot)
    assert (snapshot / "model.safetensors").read_bytes() == (tiny_chinese_clip / "model.safetensors").read_bytes()
    assert _outcome("http://127.0.0.1:9", tmp_path)[0] == expected


def test_a_name_that_the_hub_does_not_know_is_refused(hub: str, tmp_path: Path) -> None:
    said, _ = _outcome(hub, tmp_path, call="read_generation('some-owner/typo')")

    assert said == "There is neither a folder some-owner/typo nor a model of that name on the hub: check the spelling."


def _outcome(endpoint: str, cache: Path, *, call: str = f"read_generation('{_NAME}')") -> tuple[str, float]:
    """What the call gives or is refused with in a process of its own, whose hub is at `endpoint`; and how long it took."""
    program = (
        "from retrieval.encoders import read_generation; from retrieval.encoders.hub import find_checkpoint\n"
        f"from retrieval.errors import ModelError\ntry: print({call})\nexcept ModelError as error: print(error)"
    )
    environment = {**os.environ, "HF_ENDPOINT": endpoint, "HF_HUB_CACHE": str(cache), "HF_HUB_DISABLE_XET": "1"}
    environment.pop("HF_HUB_OFFLINE", None)
    start = time.perf_counter()
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment, cwd=cache
    )
    return run.stdout.strip(), time.perf_counter() - start


@pytest.fixture
def hub(tiny_chinese_clip: Path) -> Iterator[str]:
    """Address of a hub that has one model."""

    class Hub(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.split("?")[0]
            files = {file.name: file for file in tiny_chinese_clip.iterdir()}
            if path.startswith(f"/api/models/{_NAME}/tree/"):
                tree = [
                    {"type": "file", "path": name, "size": file.stat().st_size, "oid": "0" * 40}
                    for name, file in files.items()
                ]
                self._answer(json.dumps(tree).encode(), kind="application/json")
            elif path.startswith(f"/api/models/{_NAME}"):
                about = {"id": _NAME, "sha": _COMMIT, "siblings": [{"rfilename": name} for name in files]}
                self._answer(json.dumps(about).encode(), kind="application/json")
            elif path.startswith(f"/{_NAME}/resolve/") and path.rsplit("/", 1)[1] in files:
                self._answer(files[path.rsplit("/", 1)[1]].read_bytes(), kind="application/octet-stream")
            else:
                self.send_response(404)
                self.send_header("X-Error-Code", "RepoNotFound")
                self.send_header("Content-Length", "0")
                self.end_headers()

        do_HEAD = do_GET

        def _answer(self, body: bytes, *, kind: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("X-Repo-Commit", _COMMIT)
            self.send_header("ETag", f'"{hash(body):x}"')
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
