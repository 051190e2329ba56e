from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from retrieval.encoders import TransformersEncoder, load_encoder

KINDS = ["chinese_clip", "clip", "siglip", "siglip2"]


@pytest.fixture(scope="session")
def encoders(tiny_model: Callable[[str], Path]) -> dict[str, TransformersEncoder]:
    """Model type -> an encoder of a small checkpoint, on the CPU."""
    return {kind: load_encoder(str(tiny_model(kind)), device="cpu") for kind in KINDS}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def encoder(kind: str, encoders: dict[str, TransformersEncoder]) -> TransformersEncoder:
    return encoders[kind]
