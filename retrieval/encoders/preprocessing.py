"""How pictures become a model's input, as its own preprocessor_config.json says."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from math import isqrt
from typing import Any, Literal

from retrieval.encoders.checkpoint import PROCESSOR_FILES, Checkpoint, read_json
from retrieval.encoders.families import OPEN_CLIP
from retrieval.encoders.protocols import FrameGeometry
from retrieval.errors import ModelError


@dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """A pixel p of channel c becomes (p * scale - mean[c]) / std[c]."""

    geometry: FrameGeometry
    resample: int                           # Pillow's number of the filter
    scale: float
    mean: tuple[float, ...]
    std: tuple[float, ...]
    patch_size: int | None                  # pictures are cut into patches of this many pixels a side, None = not

    def fingerprint(self) -> str:
        """16 hex digits that differ when anything above differs."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:16]


def read_preprocessing(checkpoint: Checkpoint) -> Preprocessing:
    """The preprocessing of a checkpoint. Raises ModelError when its files say nothing usable."""
    family = checkpoint.family
    if family is OPEN_CLIP:
        return _read_open_clip(checkpoint)
    settings = _settings(checkpoint)
    patch_size = int(settings.get("patch_size", 16)) if family.patches else None
    mean, std = settings.get("image_mean") or family.mean, settings.get("image_std") or family.std
    if not settings.get("do_normalize", True):
        mean, std = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    scale = float(settings.get("rescale_factor") or 1 / 255) if settings.get("do_rescale", True) else 1.0
    resample = settings.get("resample")
    return Preprocessing(
        geometry=_patch_geometry(settings, patch_size) if patch_size else _fixed_geometry(settings, checkpoint),
        resample=family.resample if resample is None else int(resample),
        scale=scale,
        mean=tuple(map(float, mean)),
        std=tuple(map(float, std)),
        patch_size=patch_size,
    )


def _settings(checkpoint: Checkpoint) -> dict[str, Any]:
    for file in PROCESSOR_FILES:
        path = checkpoint.directory / file
        if path.is_file():
            content = read_json(path)
            return content.get("image_processor", content)
    raise ModelError(
        f"The model in {checkpoint.directory} has no preprocessor_config.json: copy it from where the model came from."
    )


def _read_open_clip(checkpoint: Checkpoint) -> Preprocessing:
    settings = checkpoint.config.get("preprocess_cfg") or {}
    shape = _rectangle(checkpoint.config["model_cfg"]["vision_cfg"].get("image_size", 224))
    mode = settings.get("resize_mode", "shortest")
    if shape is None or mode not in ("shortest", "squash") or (mode == "shortest" and shape[0] != shape[1]):
        raise ModelError(
            f"The model in {checkpoint.directory} makes pictures of {shape} by {mode!r}, which is not supported."
        )
    return Preprocessing(
        geometry=FrameGeometry(height=shape[0], width=shape[1], fit="crop" if mode == "shortest" else "stretch"),
        resample=2 if settings.get("interpolation") == "bilinear" else checkpoint.family.resample,
        scale=1 / 255,
        mean=tuple(map(float, settings.get("mean") or checkpoint.family.mean)),
        std=tuple(map(float, settings.get("std") or checkpoint.family.std)),
        patch_size=None,
    )


def _patch_geometry(settings: dict[str, Any], patch_size: int) -> FrameGeometry:
    # The family takes any shape of at most max_num_patches. Videos of all shapes share one here: the largest square.
    side = isqrt(int(settings.get("max_num_patches", 256))) * patch_size
    return FrameGeometry(height=side, width=side, fit="stretch")


def _fixed_geometry(settings: dict[str, Any], checkpoint: Checkpoint) -> FrameGeometry:
    side = int(checkpoint.config.get("vision_config", checkpoint.config).get("image_size", 224))
    size, crop = settings.get("size", side), settings.get("crop_size")
    shorter, resized = _resized(size)
    fit: Literal["stretch", "crop"] = "stretch"
    if settings.get("do_center_crop", False) and crop is not None:
        cropped = _rectangle(crop)
        if shorter is not None and cropped == (shorter, shorter):
            fit, resized = "crop", cropped
        elif shorter is not None or cropped != resized:
            raise _unusable(checkpoint, f"cuts {crop} out of pictures of {size}, which is not supported")
    elif shorter is not None:
        resized = (shorter, shorter)    # the tower takes squares only, so without a cut the whole picture is squeezed
    if resized != (side, side):
        raise _unusable(checkpoint, f"makes pictures of {resized}, but config.json wants {(side, side)}")
    return FrameGeometry(height=side, width=side, fit=fit)


def _resized(size: Any) -> tuple[int | None, tuple[int, int] | None]:
    """(length of the shorter side, None) or (None, (height, width))."""
    if isinstance(size, dict) and size.get("shortest_edge"):
        return int(size["shortest_edge"]), None
    if isinstance(size, int):
        return size, None
    return None, _rectangle(size)


def _rectangle(size: Any) -> tuple[int, int] | None:
    if isinstance(size, int):
        return size, size
    if isinstance(size, dict) and size.get("height") and size.get("width"):
        return int(size["height"]), int(size["width"])
    if isinstance(size, list) and len(size) == 2:
        return int(size[0]), int(size[1])
    return None


def _unusable(checkpoint: Checkpoint, reason: str) -> ModelError:
    return ModelError(f"The preprocessor_config.json in {checkpoint.directory} {reason}: this model cannot be used.")
