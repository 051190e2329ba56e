"""Checkpoints in the formats of the projects that published them, as folders that everything here loads."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from retrieval.disk import require_room
from retrieval.encoders.checkpoint import TOKENIZER_FILES, open_checkpoint, require_files
from retrieval.encoders.families import FAMILIES
from retrieval.encoders.hub import find_checkpoint
from retrieval.encoders.preprocessing import read_preprocessing
from retrieval.encoders.quiet import quiet_transformers
from retrieval.errors import ModelError
from retrieval.model.dual_encoder import DualEncoder
from retrieval.model.settings import TemporalSettings
from retrieval.model.storing import holds_model, save_dual_encoder

Weights = Mapping[str, Tensor]
Renaming = tuple[tuple[str, str], ...]

_FEW = 5                        # so many names of weights stand in an error
_HEAD_WIDTH = 64                # of all towers but one
_HEAD_WIDTHS = {1280: 80}       # of the vision tower of Chinese-CLIP ViT-H/14
# Patterns of names in the published files, and what transformers calls the same weights.
_TOWERS: Renaming = (
    (r"^visual\.class_embedding$", "vision_model.embeddings.class_embedding"),
    (r"^visual\.positional_embedding$", "vision_model.embeddings.position_embedding.weight"),
    (r"^visual\.conv1\.", "vision_model.embeddings.patch_embedding."),
    (r"^visual\.ln_pre\.", "vision_model.pre_layrnorm."),
    (r"^visual\.ln_post\.", "vision_model.post_layernorm."),
    (r"^visual\.proj$", "visual_projection.weight"),
    (r"^visual\.transformer\.resblocks\.", "vision_model.encoder.layers."),
    (r"^token_embedding\.", "text_model.embeddings.token_embedding."),
    (r"^positional_embedding$", "text_model.embeddings.position_embedding.weight"),
    (r"^transformer\.resblocks\.", "text_model.encoder.layers."),
    (r"^ln_final\.", "text_model.final_layer_norm."),
    (r"^text_projection$", "text_projection.weight"),
    (r"^bert\.", "text_model."),
    (r"\.attn\.", ".self_attn."), (r"\.ln_([12])\.", r".layer_norm\1."),
    (r"\.mlp\.c_fc\.", ".mlp.fc1."), (r"\.mlp\.c_proj\.", ".mlp.fc2."),
)  # fmt: skip
# And what the sequential aggregation calls those of CLIP4Clip's head.
_HEAD: Renaming = (
    (r"^frame_position_embeddings\.", "places."), (r"^transformerClip\.resblocks\.", "blocks."),
    (r"\.attn\.in_proj_", ".attend."), (r"\.attn\.out_proj\.", ".out."), (r"\.ln_([12])\.", r".norm_\1."),
    (r"\.mlp\.c_fc\.", ".mlp.0."), (r"\.mlp\.c_proj\.", ".mlp.2."),
)  # fmt: skip
_TRANSPOSED = ("visual.proj", "text_projection")


@dataclass(frozen=True, kw_only=True)
class _Published:
    """What a published file holds, in the words of transformers."""

    family: str                 # model_type in config.json
    config: dict[str, Any]
    pictures: dict[str, Any]    # of preprocessor_config.json
    towers: Weights
    temporal: TemporalSettings = field(default_factory=TemporalSettings)
    head: Weights = field(default_factory=dict)


def import_checkpoint(file: Path, directory: Path, *, tokenizer: str) -> str:
    """Write a Chinese-CLIP `.pt` or a CLIP4Clip `pytorch_model.bin.N` as a model folder; gives what it was.

    tokenizer: a folder or hub name of a model with the same tokenizer, or a vocab.txt; published files hold none. A model
    that is in `directory` is replaced. Raises InputError when anything else is there, and ModelError for a file that cannot
    be read, of another kind, or with a weight that is missing or too many (named).
    """
    require_room(directory, own=holds_model(directory), what="model")
    published = _published(_read(file), file=file)
    with tempfile.TemporaryDirectory() as temporary:
        staging = Path(temporary)
        _copy_tokenizer(tokenizer, staging)
        (staging / "preprocessor_config.json").write_text(json.dumps(published.pictures, indent=1) + "\n", encoding="utf-8")
        model = _model(published, staging, file=file)
        save_dual_encoder(model, directory, files_from=staging)
    require_files(open_checkpoint(directory))
    return {"chinese_clip": "Chinese-CLIP", "clip": "CLIP4Clip"}[published.family]


def _read(file: Path) -> dict[str, Tensor]:
    """Weights by name, without what wrappers of parallel training put before the names."""
    if not file.is_file():
        raise ModelError(f"There is no file {file}: check the path.")
    try:
        content = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:      # of a damaged file torch's reader raises anything
        raise ModelError(
            f"{file} cannot be read as weights ({type(error).__name__}): it is damaged, or holds more than tensors and plain "
            "values, which could be code and is not loaded."
        ) from error
    content = content.get("state_dict", content) if isinstance(content, dict) else None
    if not isinstance(content, dict) or not content or not all(isinstance(value, Tensor) for value in content.values()):
        raise ModelError(f"{file} holds no weights by name: give the checkpoint itself, not the state of an optimiser.")
    return {str(name).removeprefix("module."): value for name, value in content.items()}


def _published(weights: dict[str, Tensor], *, file: Path) -> _Published:
    if any(name.startswith("visual.layer1.") or name.startswith("clip.visual.layer1.") for name in weights):
        raise ModelError(f"{file} has a ResNet for pictures, which is not supported: use one with a ViT.")
    try:
        if any(name.startswith("bert.") for name in weights):
            return _chinese_clip(weights)
        if any(name.startswith("clip.") for name in weights):
            return _clip4clip(weights, file=file)
    except KeyError as error:
        raise ModelError(f"{file} lacks the weight {error.args[0]}: fetch it again.") from error
    raise ModelError(
        f"{file} is neither a Chinese-CLIP (bert.*, visual.*) nor a CLIP4Clip (clip.*) checkpoint: its first weight is "
        f"{next(iter(weights))}."
    )


def _chinese_clip(weights: dict[str, Tensor]) -> _Published:
    weights = {name: value for name, value in weights.items() if name != "bert.embeddings.position_ids"}
    vocabulary, width = weights["bert.embeddings.word_embeddings.weight"].shape
    text = {
        "vocab_size": vocabulary, "hidden_size": width, "num_attention_heads": width // _HEAD_WIDTH,
        "num_hidden_layers": _blocks(weights, "bert.encoder.layer."),
        "intermediate_size": len(weights["bert.encoder.layer.0.intermediate.dense.weight"]),
        "max_position_embeddings": len(weights["bert.embeddings.position_embeddings.weight"]),
        "type_vocab_size": len(weights["bert.embeddings.token_type_embeddings.weight"]),
    }
    vision = _vision_config(weights)
    return _Published(
        family="chinese_clip", config=_config(text, vision, weights), towers=_towers(weights),
        pictures=_pictures("ChineseCLIPImageProcessor", {"height": vision["image_size"], "width": vision["image_size"]}),
    )


def _clip4clip(weights: dict[str, Tensor], *, file: Path) -> _Published:
    for start, what in (("cross.", "compares each text with each video in a network (tightTransf)"),
                        ("lstm_visual.", "mixes frames by an LSTM (seqLSTM)")):
        if any(name.startswith(start) for name in weights):
            raise ModelError(f"The CLIP4Clip in {file} {what}, which is not supported: use one with meanP or seqTransf.")
    clip = {name.removeprefix("clip."): value for name, value in weights.items() if name.startswith("clip.")}
    head = {name: value for name, value in weights.items() if not name.startswith("clip.")}
    vocabulary, width = clip["token_embedding.weight"].shape
    text = {
        "vocab_size": vocabulary, "hidden_size": width, "num_attention_heads": width // _HEAD_WIDTH,
        "num_hidden_layers": _blocks(clip, "transformer.resblocks."),
        "intermediate_size": len(clip["transformer.resblocks.0.mlp.c_fc.weight"]),
        "max_position_embeddings": len(clip["positional_embedding"]),
        "bos_token_id": vocabulary - 2, "eos_token_id": vocabulary - 1, "pad_token_id": vocabulary - 1,
    }
    vision = _vision_config(clip)
    temporal = TemporalSettings()
    if head:
        temporal = TemporalSettings(
            aggregation="sequential", layers=_blocks(head, "transformerClip.resblocks."), heads=width // _HEAD_WIDTH,
            positions=len(head["frame_position_embeddings.weight"]),
        )
    return _Published(
        family="clip", config=_config(text, vision, clip), towers=_towers(clip), temporal=temporal,
        pictures=_pictures("CLIPImageProcessor", {"shortest_edge": vision["image_size"]}, cut=vision["image_size"]),
        head={_renamed(name, _HEAD): value for name, value in head.items()},
    )


def _vision_config(weights: Weights) -> dict[str, Any]:
    width, _, patch, _ = weights["visual.conv1.weight"].shape
    side = round((len(weights["visual.positional_embedding"]) - 1) ** 0.5)
    return {
        "hidden_size": width, "patch_size": patch, "image_size": patch * side,
        "num_attention_heads": width // _HEAD_WIDTHS.get(width, _HEAD_WIDTH),
        "num_hidden_layers": _blocks(weights, "visual.transformer.resblocks."),
        "intermediate_size": len(weights["visual.transformer.resblocks.0.mlp.c_fc.weight"]),
    }


def _config(text: dict[str, Any], vision: dict[str, Any], weights: Weights) -> dict[str, Any]:
    return {"text_config": text, "vision_config": vision, "projection_dim": weights["text_projection"].shape[1]}


def _pictures(kind: str, size: dict[str, int], *, cut: int | None = None) -> dict[str, Any]:
    """cut: side of the square in the middle that is kept, None = the whole picture is squeezed."""
    family = FAMILIES["clip"]       # Chinese-CLIP has the same
    crop = {} if cut is None else {"crop_size": {"height": cut, "width": cut}}
    return {
        "image_processor_type": kind, "do_resize": True, "size": size, "resample": family.resample,
        "do_center_crop": cut is not None, **crop, "do_rescale": True, "rescale_factor": 1 / 255, "do_normalize": True,
        "image_mean": list(family.mean), "image_std": list(family.std),
    }  # fmt: skip


def _blocks(weights: Weights, start: str) -> int:
    numbers = [int(name.removeprefix(start).split(".")[0]) for name in weights if name.startswith(start)]
    return max(numbers, default=-1) + 1


def _towers(weights: Weights) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for name, value in weights.items():
        if re.search(r"\.attn\.in_proj_(weight|bias)$", name):
            for part, own in zip("qkv", value.chunk(3), strict=True):
                found[_renamed(name.replace("in_proj_", f"{part}_proj."), _TOWERS)] = own
        else:
            found[_renamed(name, _TOWERS)] = value.T if name in _TRANSPOSED else value
    return found


def _renamed(name: str, rules: Renaming) -> str:
    for pattern, new in rules:
        name = re.sub(pattern, new, name)
    return name


def _copy_tokenizer(source: str, directory: Path) -> None:
    if Path(source).is_file():
        shutil.copyfile(source, directory / Path(source).name)
        return
    folder = Path(source) if Path(source).is_dir() else find_checkpoint(source).directory
    for name in TOKENIZER_FILES:
        if (folder / name).is_file():
            shutil.copyfile(folder / name, directory / name)


def _model(published: _Published, staging: Path, *, file: Path) -> DualEncoder:
    import transformers

    name = FAMILIES[published.family].model_class
    with quiet_transformers():
        config = getattr(transformers, f"{name.removesuffix('Model')}Config")(**published.config)
        towers = getattr(transformers, name)(config)
        config.save_pretrained(staging)
    model = DualEncoder(
        towers, preprocessing=read_preprocessing(open_checkpoint(staging)), temporal=published.temporal,
        dimension=published.config["projection_dim"], projected=True,
    )
    _load(towers, published.towers, file=file)
    _load(model.temporal, published.head, file=file)
    return model.float().eval()


def _load(module: torch.nn.Module, weights: Weights, *, file: Path) -> None:
    wanted = module.state_dict()
    for names, what in ((wanted.keys() - weights.keys(), "lacks"), (weights.keys() - wanted.keys(), "has beyond the model's")):
        if names:
            raise ModelError(f"{file} {what} {len(names)} weights: {_listed(names)}.")
    misshapen = [name for name, value in wanted.items() if value.shape != weights[name].shape]
    if misshapen:
        raise ModelError(f"{file} has {len(misshapen)} weights of another shape than the others ask for: {_listed(misshapen)}.")
    module.load_state_dict(weights)


def _listed(names: Iterable[str]) -> str:
    names = sorted(names)
    return ", ".join(names[:_FEW]) + (f" and {len(names) - _FEW} more" if len(names) > _FEW else "")
