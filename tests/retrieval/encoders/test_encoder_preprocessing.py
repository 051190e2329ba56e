from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from retrieval.encoders import FrameGeometry
from retrieval.encoders.checkpoint import open_checkpoint
from retrieval.encoders.preprocessing import Preprocessing, read_preprocessing
from retrieval.errors import ModelError
from tests.checkpoints import edit_json


@pytest.fixture
def read(tiny_model: Callable[[str], Path], tmp_path: Path) -> Callable[..., Preprocessing]:
    """The preprocessing of a model whose preprocessor_config.json holds exactly these settings."""

    def read_with(kind: str = "clip", file: str = "preprocessor_config.json", **settings: Any) -> Preprocessing:
        directory = shutil.copytree(tiny_model(kind), tmp_path / "model", dirs_exist_ok=True)
        (directory / "preprocessor_config.json").unlink()
        (directory / file).write_text("{}", encoding="utf-8")
        edit_json(directory / file, **settings)
        return read_preprocessing(open_checkpoint(directory))

    return read_with


@pytest.mark.parametrize(
    ("settings", "fit"),
    [
        ({"size": 64, "do_center_crop": True, "crop_size": 64}, "crop"),
        ({"size": {"shortest_edge": 64}, "do_center_crop": True, "crop_size": {"height": 64, "width": 64}}, "crop"),
        ({"size": {"height": 64, "width": 64}, "do_center_crop": True, "crop_size": 64}, "stretch"),
        ({"size": {"height": 64, "width": 64}, "do_center_crop": False, "crop_size": 64}, "stretch"),
        ({"size": {"height": 64, "width": 64}}, "stretch"),
        ({"size": [64, 64]}, "stretch"),
        ({"size": 64, "do_center_crop": False}, "stretch"),
        ({"size": {"shortest_edge": 64}}, "stretch"),
        ({}, "stretch"),
    ],
)
def test_every_way_to_write_the_size_is_understood(
    settings: dict[str, Any], fit: str, read: Callable[..., Preprocessing]
) -> None:
    assert read(**settings).geometry == FrameGeometry(height=64, width=64, fit=fit)     # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"size": {"height": 32, "width": 32}}, r"makes pictures of \(32, 32\), but config.json wants \(64, 64\)"),
        ({"size": 80, "do_center_crop": True, "crop_size": 64}, "cuts 64 out of pictures of 80"),
        ({"size": {"longest_edge": 64}}, "but config.json wants"),
    ],
)
def test_a_size_that_frames_cannot_be_read_at_is_refused(
    settings: dict[str, Any], reason: str, read: Callable[..., Preprocessing]
) -> None:
    with pytest.raises(ModelError, match=reason):
        read(**settings)


def test_settings_inside_a_processor_config_are_found(read: Callable[..., Preprocessing]) -> None:
    settings = {"image_mean": [0.1, 0.2, 0.3], "size": {"height": 64, "width": 64}}

    assert read(file="processor_config.json", image_processor=settings).mean == (0.1, 0.2, 0.3)


def test_what_is_left_out_is_the_familys_default(read: Callable[..., Preprocessing]) -> None:
    clip, siglip = read("clip"), read("siglip")

    assert (clip.resample, clip.scale) == (3, 1 / 255)
    assert clip.mean == (0.48145466, 0.4578275, 0.40821073)
    assert siglip.mean == siglip.std == (0.5, 0.5, 0.5)
    assert read("siglip2").resample == 2


def test_switched_off_steps_are_left_out(read: Callable[..., Preprocessing]) -> None:
    raw = read(do_rescale=False, do_normalize=False)

    assert (raw.scale, raw.mean, raw.std) == (1.0, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


@pytest.mark.parametrize(("patches", "side"), [(16, 64), (256, 256), (1000, 496)])
def test_a_patch_list_becomes_the_largest_square(patches: int, side: int, read: Callable[..., Preprocessing]) -> None:
    read_one = read("siglip2", max_num_patches=patches, patch_size=16)

    assert read_one.geometry == FrameGeometry(height=side, width=side, fit="stretch")
    assert read_one.patch_size == 16
