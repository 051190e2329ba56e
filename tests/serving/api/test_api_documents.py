"""What docs and READMEs say of the service is what the code has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from retrieval.library import Library
from serving.api import exposure, keys
from serving.api.app import API
from serving.api.jobs import alerts, store, uploads

_ROW = re.compile(r"^\| ((?:`[A-Z]+` ?)+) \| `(/\S+)` \|", re.MULTILINE)


def test_the_document_names_every_route_and_no_other(serve, tmp_path):
    Library.open(tmp_path / "library", write=True, create=True).close()
    paths = serve(tmp_path / "library", model="none", jobs=False).get("/openapi.json").json()["paths"]
    routes = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    below, beside = Path("docs/serving.md").read_text(encoding="utf-8").split("## Routes")[1].split("Beside it:")
    named = {
        (method, start + path)
        for text, start in ((below, API), (beside.split("\n## ")[0], ""))
        for methods, path in _ROW.findall(text)
        for method in re.findall(r"[A-Z]+", methods)
    }
    assert named - {("POST", f"{API}/session"), ("DELETE", f"{API}/session")} == routes


@pytest.mark.parametrize("readme", ["README.md", "README.zh-CN.md"])
def test_the_readmes_name_what_the_service_writes_into_a_library(readme):
    rows = [line for line in Path(readme).read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    named = {name for row in rows for name in re.findall(r"`([^`]+)`", row.split("|")[1])}
    assert {
        store.JOBS_NAME, alerts.LOG_NAME, keys.KEYS_NAME, keys.LOCK_NAME, exposure.LOCK_NAME, f"{uploads.FOLDER}/",
    } <= named  # fmt: skip
