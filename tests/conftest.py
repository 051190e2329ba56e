from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

# Before torch starts: its threads would otherwise spin against those of other processes. And no test asks a hub.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Model type -> directory of a small checkpoint of it; built once a session, not to be changed by a test."""
    built: dict[str, Path] = {}

    def build(kind: str) -> Path:
        from tests.checkpoints import BUILDERS

        if kind not in built:
            built[kind] = BUILDERS[kind](tmp_path_factory.mktemp("models") / f"tiny-{kind.replace('_', '-')}")
        return built[kind]

    return build


@pytest.fixture(scope="session")
def tiny_chinese_clip(tiny_model: Callable[[str], Path]) -> Path:
    """Directory of a Chinese-CLIP with random weights that takes pictures of 64 x 64 and gives 24 numbers."""
    return tiny_model("chinese_clip")
