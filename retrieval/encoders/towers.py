"""The two towers of a transformers model: token numbers and pictures to vectors, before they get unit length."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from retrieval.encoders.checkpoint import Checkpoint
from retrieval.encoders.preprocessing import Preprocessing
from retrieval.encoders.quiet import quiet_transformers
from retrieval.errors import ModelError


def load_towers(checkpoint: Checkpoint, *, device: torch.device, attention: str | None = None) -> Any:
    """The model in float32, ready to run. Raises ModelError when a weight is missing, misshapen or unreadable.

    attention: "sdpa" or "eager", the way transformers computes it; None = its own choice.
    """
    import transformers

    model_class = getattr(transformers, _class_name(checkpoint))
    try:
        with quiet_transformers():
            model, report = model_class.from_pretrained(
                str(checkpoint.directory), local_files_only=True, output_loading_info=True, dtype=torch.float32,
                **({"attn_implementation": attention} if attention else {}),
            )
    except Exception as error:      # safetensors, pickle, torch and transformers each raise their own
        raise ModelError(
            f"The weights in {checkpoint.directory} cannot be read or do not fit its config.json "
            f"({type(error).__name__}): fetch the model again."
        ) from error
    _require_all_weights(report, directory=checkpoint.directory)
    try:
        return model.eval().requires_grad_(False).to(device)
    except RuntimeError as error:
        raise ModelError(f"The model in {checkpoint.directory} does not fit on {device}: use --device cpu.") from error


def _class_name(checkpoint: Checkpoint) -> str:
    # The norm that a fine-tuned VideoMAE puts behind its mean is part of the class with the head, not of the plain model.
    with_head = "VideoMAEForVideoClassification"
    return with_head if with_head in (checkpoint.config.get("architectures") or []) else checkpoint.family.model_class


def text_features(model: Any, ids: Tensor, *, attended: Tensor | None, projected: bool) -> tuple[Tensor, Tensor]:
    """The vector of each text [B, D] and of each of its tokens [B, L, D], all through the same last layers.

    ids: int64 [B, L]; attended: int64 [B, L], 1 = looked at, None = all are, padding too.
    """
    output = model.text_model(input_ids=ids, attention_mask=attended)
    if not projected:
        return output.pooler_output, model.text_model.head(output.last_hidden_state)
    words = model.text_projection(output.last_hidden_state)
    if output.pooler_output is None:    # Chinese-CLIP: a BERT without its pooling layer, read at [CLS]
        return words[:, 0], words
    return model.text_projection(output.pooler_output), words


def frame_features(model: Any, pictures: Tensor, *, preprocessing: Preprocessing, pooling: str = "class") -> Tensor:
    """The vector of each picture: uint8 [B, H, W, 3] -> [B, D].

    pooling: "class" takes what the model itself gives; "max_mean" the largest number of each dimension over the
    projected patches plus their mean, so that a small thing is not lost in a large background: for towers that project.
    """
    pixels = normalised(pictures, preprocessing)
    if pooling == "max_mean":
        output = model.vision_model(pixel_values=pixels.permute(0, 3, 1, 2).contiguous())
        patches = model.visual_projection(model.vision_model.post_layernorm(output.last_hidden_state[:, 1:]))
        return patches.amax(dim=1) + patches.mean(dim=1)
    if preprocessing.patch_size is None:
        # Contiguous: on a CPU the gradient of a convolution over a permuted view takes several times as long.
        output = model.get_image_features(pixel_values=pixels.permute(0, 3, 1, 2).contiguous())
    else:
        output = model.get_image_features(**_patches(pixels, size=preprocessing.patch_size))
    return output if isinstance(output, Tensor) else output.pooler_output      # a tensor before transformers 5


def normalised(pictures: Tensor, preprocessing: Preprocessing) -> Tensor:
    """Pixels as the tower takes them, float32 [B, H, W, 3]."""
    mean = torch.tensor(preprocessing.mean, device=pictures.device)
    std = torch.tensor(preprocessing.std, device=pictures.device)
    return (pictures.to(torch.float32) * preprocessing.scale - mean) / std


def _patches(pixels: Tensor, *, size: int) -> dict[str, Tensor]:
    batch, height, width, channels = pixels.shape
    rows, columns = height // size, width // size
    grid = pixels.reshape(batch, rows, size, columns, size, channels).transpose(2, 3)
    return {
        "pixel_values": grid.reshape(batch, rows * columns, size * size * channels),
        "pixel_attention_mask": torch.ones(batch, rows * columns, dtype=torch.int64, device=pixels.device),
        "spatial_shapes": torch.tensor([[rows, columns]] * batch, dtype=torch.int64, device=pixels.device),
    }


def _require_all_weights(report: dict[str, Any], *, directory: Path) -> None:
    # transformers fills what is missing with random numbers: such a model answers, and every answer is nonsense.
    missing = sorted(map(str, report["missing_keys"]))
    if missing:
        raise ModelError(
            f"The weights in {directory} lack {len(missing)} of the model's tensors, {missing[0]} for one: "
            "fetch the model again."
        )
