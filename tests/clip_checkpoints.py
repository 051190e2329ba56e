"""Small real checkpoints of models that look at the frames of a clip together, with random weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.checkpoints import _TOWER, DIMENSION, PATCH, SIDE, _save, _write_json, build_clip

FRAMES = 8
_MEAN, _STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
_VIDEO = {**_TOWER, "image_size": SIDE, "patch_size": PATCH}


def build_xclip(directory: Path, *, seed: int = 0) -> Path:
    """X-CLIP of 8 frames with the tokenizer of `build_clip`."""
    from transformers import XCLIPConfig, XCLIPModel

    build_clip(directory)
    text = {**_TOWER, "vocab_size": 518, "bos_token_id": 516, "eos_token_id": 517, "pad_token_id": 517}
    vision = {**_VIDEO, "num_frames": FRAMES, "mit_hidden_size": DIMENSION, "mit_intermediate_size": 48,
              "mit_num_hidden_layers": 1, "mit_num_attention_heads": 2}
    config = XCLIPConfig(text_config=text, vision_config=vision, projection_dim=DIMENSION, prompt_num_attention_heads=2)
    _save(XCLIPModel, config, directory, seed=seed)
    return _with_pictures(directory)


def build_videomae(directory: Path, *, seed: int = 0, head: bool = False) -> Path:
    """VideoMAE of 8 frames in tubelets of 2. head: fine-tuned, with a norm and a classifier behind it."""
    from transformers import VideoMAEConfig, VideoMAEForVideoClassification, VideoMAEModel

    config = VideoMAEConfig(**_VIDEO, num_frames=FRAMES, tubelet_size=2, use_mean_pooling=head)
    _save(VideoMAEForVideoClassification if head else VideoMAEModel, config, directory, seed=seed)
    return _with_pictures(directory)


def build_timesformer(directory: Path, *, seed: int = 0, **settings: Any) -> Path:
    """TimeSformer of 8 frames, saved with its classifier as published ones are."""
    from transformers import TimesformerConfig, TimesformerForVideoClassification

    config = TimesformerConfig(**{**_VIDEO, "num_frames": FRAMES, **settings})
    _save(TimesformerForVideoClassification, config, directory, seed=seed)
    return _with_pictures(directory)


CLIP_BUILDERS = {"xclip": build_xclip, "videomae": build_videomae, "timesformer": build_timesformer}


def _with_pictures(directory: Path) -> Path:
    _write_json(directory / "preprocessor_config.json", {
        "image_processor_type": "VideoMAEImageProcessor", "do_resize": True, "size": {"shortest_edge": SIDE},
        "resample": 2, "do_center_crop": True, "crop_size": {"height": SIDE, "width": SIDE}, "do_rescale": True,
        "rescale_factor": 1 / 255, "do_normalize": True, "image_mean": _MEAN, "image_std": _STD,
    })
    return directory
