"""The two towers of a transformers model: token numbers and pictures to vectors, before they get unit length."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from retrieval.encoders.checkpoint import Checkpoint
from retrieval.encoders.preprocessing import Preprocessing
from retrieval.encoders.quiet import quiet_transformers
from retrieval.errors import ModelError


def load_towers(
    checkpoint: Checkpoint, *, device: torch.device, attention: str | None = None, without: Sequence[str] = ()
) -> Any:
    """The model in float32, ready to run. Raises ModelError when a weight is missing, misshapen or unreadable.

    attention: "sdpa" or "eager", the way transformers computes it; None = its own choice. without: parts that the model
    has no use for; they need no weights, and are None in it.
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
    _require_all_weights(report, directory=checkpoint.directory, without=without)
    for part in without:
        setattr(model, part, None)
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
    # Contiguous: on a CPU the gradient of a convolution over a permuted view takes several times as long.
    pixels = normalised(pictures, preprocessing).permute(0, 3, 1, 2).contiguous()
    return pixel_features(model, pixels, patch_size=preprocessing.patch_size, pooling=pooling)


def pixel_features(model: Any, pixels: Tensor, *, patch_size: int | None, pooling: str) -> Tensor:
    """`frame_features` of pictures that are normalised already: float32 [B, 3, H, W] -> [B, D].

    patch_size: of families that want their pictures cut into a list of patches, otherwise None.
    """
    if pooling == "max_mean":
        return pooled_states(model, model.vision_model(pixel_values=pixels).last_hidden_state, pooling=pooling)
    if patch_size is None:
        output = model.get_image_features(pixel_values=pixels)
    else:
        output = model.get_image_features(**_patches(pixels.permute(0, 2, 3, 1), size=patch_size))
    return output if isinstance(output, Tensor) else output.pooler_output      # a tensor before transformers 5


def pooled_states(model: Any, states: Tensor, *, pooling: str) -> Tensor:
    """The vector of each picture from the last states of a tower that projects, the class first: [B, 1 + P, W] -> [B, D]."""
    states = model.vision_model.post_layernorm(states)
    if pooling == "class":
        return model.visual_projection(states[:, 0])
    return pooled_patches(model.visual_projection(states[:, 1:]), pooling=pooling)


def pooled_patches(patches: Tensor, *, pooling: str) -> Tensor:
    """One vector for projected patches [..., P, D] -> [..., D]: their mean, for "max_mean" plus the largest numbers."""
    mean = patches.mean(dim=-2)
    return patches.amax(dim=-2) + mean if pooling == "max_mean" else mean


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


def _require_all_weights(report: dict[str, Any], *, directory: Path, without: Sequence[str]) -> None:
    # transformers fills what is missing with random numbers: such a model answers, and every answer is nonsense.
    missing = sorted(name for name in map(str, report["missing_keys"]) if name.split(".")[0] not in without)
    if missing:
        raise ModelError(
            f"The weights in {directory} lack {len(missing)} of the model's tensors, {missing[0]} for one: "
            "fetch the model again."
        )
