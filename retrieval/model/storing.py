"""A dual encoder on disk: the towers' own Hugging Face layout, with the temporal weights in the same file."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from retrieval.disk import replace_directory
from retrieval.encoders.checkpoint import (
    PROCESSOR_FILES,
    TOKENIZER_FILES,
    Checkpoint,
    require_weights,
)
from retrieval.encoders.families import vector_dimension
from retrieval.encoders.hub import find_checkpoint
from retrieval.encoders.learned_tokens import load_learned, save_learned
from retrieval.encoders.preprocessing import read_preprocessing
from retrieval.encoders.quiet import quiet_transformers
from retrieval.encoders.towers import load_towers
from retrieval.errors import ModelError
from retrieval.model.dual_encoder import DualEncoder
from retrieval.model.settings import ClipVectors, FrameSettings, InteractionSettings, TemporalSettings, VideoSettings
from retrieval.model.video_towers import parts_replaced
from retrieval.model.word_table import WORDS_NAME, load_words

TEMPORAL, VIDEO = "temporal", "video"       # entries of config.json, and the first word of the weights' names
INTERACTION, FRAMES, CLIP_VECTORS = "interaction", "frames", "clip_vectors"     # entries of config.json


def load_dual_encoder(
    source: str | Path | Checkpoint, *, device: str | torch.device = "cpu", temporal: TemporalSettings | None = None,
    video: VideoSettings | None = None, attention: str | None = None,
) -> DualEncoder:
    """A model from a directory, a hub name or an opened checkpoint, in float32, in evaluation mode, with gradients.

    temporal: None = as config.json says, mean where it says nothing; another aggregation than the stored one begins
    untrained. video: likewise, single frames where it says nothing; another video tower than the stored one begins as
    close to the picture tower as it can. A table of significant words is read where the interaction needs it, and may be
    missing. attention: "sdpa" or "eager" (on a CPU, short sequences train faster with it), None = transformers' choice; it
    does not change what is computed. Raises ModelError when the model is not there, incomplete, damaged or of an unknown
    kind.
    """
    checkpoint = source if isinstance(source, Checkpoint) else find_checkpoint(str(source))
    _require_two_towers(checkpoint)
    stored = TemporalSettings.read(checkpoint.config.get(TEMPORAL))
    stored_video = VideoSettings.read(checkpoint.config.get(VIDEO))
    without = parts_replaced(video or stored_video)
    if set(parts_replaced(stored_video)) - set(without):
        raise ModelError(
            f"The model in {checkpoint.directory} has no picture tower beside its {stored_video.tower}: keep that, or start "
            "from another model."
        )
    model = DualEncoder(
        load_towers(checkpoint, device=torch.device("cpu"), attention=attention, without=without),
        preprocessing=read_preprocessing(checkpoint),
        temporal=temporal or stored,
        dimension=vector_dimension(checkpoint.config, family=checkpoint.family),
        projected=checkpoint.family.projected,
        interaction=InteractionSettings.read(checkpoint.config.get(INTERACTION)),
        frames=FrameSettings.read(checkpoint.config.get(FRAMES)),
        video=video or stored_video,
    )
    if model.interaction.text_weights == "significant" and (checkpoint.directory / WORDS_NAME).is_file():
        model.significant_words = load_words(checkpoint.directory / WORDS_NAME)
    model.learned_tokens = load_learned(checkpoint.directory)
    if temporal is None or temporal == stored:
        _load_part(model.temporal, checkpoint.directory, name=TEMPORAL, what="temporal aggregation")
    if model.video is not None and (video or stored_video).to_json() == stored_video.to_json():
        _load_part(model.video, checkpoint.directory, name=VIDEO, what="video tower")
    try:
        return model.requires_grad_(True).eval().to(device)
    except RuntimeError as error:
        raise ModelError(f"The model in {checkpoint.directory} does not fit on {device}: use --device cpu.") from error


def holds_model(directory: Path) -> bool:
    """Whether a folder is of the kind that `save_dual_encoder` writes."""
    return all((directory / name).is_file() for name in ("config.json", "model.safetensors"))


def _require_two_towers(checkpoint: Checkpoint) -> None:
    kind, where = checkpoint.family.kind, checkpoint.directory
    if kind == "open_clip":
        raise ModelError(f"The model in {where} is one of open_clip, which is used as it is: start from one of transformers.")
    if kind != "towers":
        raise ModelError(
            f"The model in {where} looks at the frames of a clip together and is used as it is: start from one with a "
            "tower for texts and one for pictures, such as Chinese-CLIP."
        )


def save_dual_encoder(
    model: DualEncoder, directory: Path, *, files_from: Path, dtype: torch.dtype = torch.float32,
    clip_vectors: ClipVectors | None = None,
) -> None:
    """Write config.json, model.safetensors, the table of significant words if the interaction needs it, the list of learned
    tokens if the model has one, and the tokenizer and picture settings that stand in `files_from`.

    dtype: of the weights on disk. clip_vectors: whose clip vectors this model makes, None = its own. The directory appears
    complete or not at all; one that is there is replaced.
    Raises ModelError when it cannot be written.
    """
    partial = directory.with_name(f".{directory.name}.{os.getpid()}.part")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        _write_config(model, partial, dtype=dtype, clip_vectors=clip_vectors)
        weights = {name: _stored(tensor, dtype) for name, tensor in model.towers.state_dict().items()}
        for part, module in ((TEMPORAL, model.temporal), (VIDEO, model.video)):
            if module is not None:
                weights |= {f"{part}.{name}": _stored(tensor, dtype) for name, tensor in module.state_dict().items()}
        save_file(weights, partial / "model.safetensors", metadata={"format": "pt"})
        shutil.copymode(partial / "config.json", partial / "model.safetensors")     # it is written for its owner alone
        for name in (*TOKENIZER_FILES, *PROCESSOR_FILES):
            if (files_from / name).is_file():
                shutil.copyfile(files_from / name, partial / name)
        if model.significant_words is not None and model.interaction.text_weights == "significant":
            model.significant_words.save(partial / WORDS_NAME)
        if model.learned_tokens is not None:
            save_learned(partial, model.learned_tokens)
        replace_directory(partial, directory)
    except OSError as error:
        raise ModelError(f"The model cannot be written to {directory}: {error.strerror or error}.") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _write_config(
    model: DualEncoder, directory: Path, *, dtype: torch.dtype, clip_vectors: ClipVectors | None
) -> None:
    config = model.towers.config
    # transformers carries entries that it does not know along, also those that are no longer true.
    setattr(config, CLIP_VECTORS, None if clip_vectors is None else clip_vectors.to_json())
    setattr(config, TEMPORAL, model.temporal_settings.to_json())
    setattr(config, INTERACTION, model.interaction.to_json())
    setattr(config, FRAMES, model.frame_settings.to_json())
    setattr(config, VIDEO, model.video_settings.to_json())
    config.architectures = [type(model.towers).__name__]
    config.dtype = dtype
    with quiet_transformers():
        config.save_pretrained(directory)


def _stored(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    tensor = tensor.detach().cpu()
    return (tensor.to(dtype) if tensor.is_floating_point() else tensor).contiguous()


def _load_part(module: nn.Module, directory: Path, *, name: str, what: str) -> None:
    wanted = module.state_dict()
    if not wanted:
        return
    found: dict[str, Tensor] = {}
    for path in require_weights(directory):
        if path.suffix == ".safetensors":
            with safe_open(path, framework="pt") as file:
                keys = [key for key in file.keys() if key.startswith(f"{name}.")]  # noqa: SIM118
                found |= {key.removeprefix(f"{name}."): file.get_tensor(key).float() for key in keys}
    if found.keys() != wanted.keys() or any(found[key].shape != tensor.shape for key, tensor in wanted.items()):
        raise ModelError(f"The weights in {directory} lack what config.json calls its {what}: fetch the model again.")
    module.load_state_dict(found)
