"""A model's files: where they are, and what its config.json says."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retrieval.encoders.families import FAMILIES, OPEN_CLIP, Family
from retrieval.encoders.onnx.folder import is_text_encoder
from retrieval.errors import ModelError
from retrieval.notices import Notice

TOKENIZER_FILES = (
    "tokenizer.json", "vocab.txt", "vocab.json", "merges.txt", "spiece.model", "tokenizer.model",
    "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
)
PROCESSOR_FILES = ("preprocessor_config.json", "processor_config.json")
_VOCABULARIES = (
    ("tokenizer.json",), ("vocab.txt",), ("vocab.json", "merges.txt"), ("spiece.model",), ("tokenizer.model",),
)
WEIGHTS = ("model.safetensors", "pytorch_model.bin")
OPEN_CLIP_CONFIG = "open_clip_config.json"
# In the order in which open_clip itself looks for them.
OPEN_CLIP_WEIGHTS = (
    "open_clip_model.safetensors", "open_clip_pytorch_model.safetensors", "open_clip_pytorch_model.bin", *WEIGHTS,
)


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A directory with a model. `commit` is the hub's, None for a directory of one's own."""

    name: str
    directory: Path
    commit: str | None
    config: dict[str, Any]          # of config.json, or of open_clip_config.json where the family is open_clip's
    family: Family

    @property
    def weights(self) -> tuple[str, ...]:
        """Names that the weights may have, the first that is there counts."""
        return OPEN_CLIP_WEIGHTS if self.family is OPEN_CLIP else WEIGHTS


def no_folder(directory: Path) -> ModelError:
    return ModelError(Notice(
        f"There is no model folder {directory}: check the path, or give a hub name (owner/model).",
        zh=f"没有模型文件夹 {directory}：请检查路径，或给出 hub 上的名字（owner/model）。",
    ))  # fmt: skip


def open_checkpoint(
    directory: Path, *, name: str | None = None, commit: str | None = None, open_clip: bool = False
) -> Checkpoint:
    """Read what `directory` holds; `name`: None = the directory's own.

    A directory inside the hub's cache goes by its hub name and commit. A directory with the files of transformers and
    of open_clip is read as one of transformers, unless `open_clip`. Raises ModelError when it is missing, is no model
    directory, or holds a kind of model that is not supported.
    """
    if not directory.is_dir():
        raise no_folder(directory)
    config, family = _described(directory, open_clip=open_clip)
    if name is None:
        name, commit = _names(directory.resolve())
    return Checkpoint(name=name, directory=directory, commit=commit, config=config, family=family)


def weight_files(directory: Path, *, names: tuple[str, ...] = WEIGHTS) -> list[Path]:
    """The files that hold the weights, safetensors before pickles; empty when one of them is not there."""
    for single in names:
        if (directory / single).is_file():
            return [directory / single]
        index = directory / f"{single}.index.json"
        if index.is_file():
            shards = [directory / shard for shard in sorted(set(read_json(index).get("weight_map", {}).values()))]
            return shards if all(shard.is_file() for shard in shards) else []
    return []


def require_weights(directory: Path, *, names: tuple[str, ...] = WEIGHTS) -> list[Path]:
    """The weight files; ModelError when they are not all there."""
    files = weight_files(directory, names=names)
    if not files:
        raise ModelError(f"The model in {directory} has no weights: {names[0]} or {names[-1]} is not there in full.")
    return files


def require_files(checkpoint: Checkpoint) -> None:
    """Raise ModelError when weights, tokenizer or picture settings are not all there."""
    directory = checkpoint.directory
    require_weights(directory, names=checkpoint.weights)
    if _wants_tokenizer(checkpoint) and not any(all((directory / part).is_file() for part in v) for v in _VOCABULARIES):
        raise ModelError(
            f"The model in {directory} has no tokenizer: put its vocab.txt, tokenizer.json or spiece.model there."
        )
    if checkpoint.family is not OPEN_CLIP and not any((directory / file).is_file() for file in PROCESSOR_FILES):
        raise ModelError(
            f"The model in {directory} has no preprocessor_config.json: copy it from where the model came from."
        )


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file; ModelError when it cannot be read or is not an object."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} cannot be read ({_first_line(error)}): fetch the model again.") from error
    if not isinstance(content, dict):
        raise ModelError(f"{path} does not hold a JSON object: fetch the model again.")
    return content


def reads_open_clip(directory: Path, *, asked: bool) -> bool:
    """Whether a directory is one for open_clip: it has its files, and those of transformers are incomplete, or it was asked."""
    if not (directory / OPEN_CLIP_CONFIG).is_file():
        return False
    settings = any((directory / file).is_file() for file in PROCESSOR_FILES)
    return asked or not settings or not (directory / "config.json").is_file()


def _described(directory: Path, *, open_clip: bool) -> tuple[dict[str, Any], Family]:
    if reads_open_clip(directory, asked=open_clip):
        return _read_open_clip(directory / OPEN_CLIP_CONFIG), OPEN_CLIP
    if is_text_encoder(directory):
        raise ModelError(f"{directory} holds a text encoder alone: it answers queries, and sees no videos.")
    if not (directory / "config.json").is_file():
        raise ModelError(f"{directory} is not a model folder: it has no config.json.")
    config = read_json(directory / "config.json")
    kind = config.get("model_type")
    if kind in FAMILIES:
        return config, FAMILIES[kind]
    raise ModelError(
        f"The model in {directory} is of type {kind!r}, which is not supported: use one of {', '.join(FAMILIES)}."
    )


def _read_open_clip(path: Path) -> dict[str, Any]:
    config = read_json(path)
    model = config.get("model_cfg")
    if not isinstance(model, dict) or not all(key in model for key in ("embed_dim", "vision_cfg", "text_cfg")):
        raise ModelError(f"{path} does not describe a model of open_clip: fetch the model again.")
    if "multimodal_cfg" in model:
        raise ModelError(f"The model in {path.parent} is a CoCa of open_clip, which is not supported: use a CLIP of it.")
    return config


def _wants_tokenizer(checkpoint: Checkpoint) -> bool:
    if checkpoint.family is OPEN_CLIP:      # open_clip's own vocabulary lies in its package
        return bool(checkpoint.config["model_cfg"]["text_cfg"].get("hf_tokenizer_name"))
    return checkpoint.family.kind != "clips"


def _names(directory: Path) -> tuple[str, str | None]:
    cache = directory.parent.parent
    if directory.parent.name == "snapshots" and cache.name.startswith("models--"):
        return cache.name.removeprefix("models--").replace("--", "/"), directory.name
    return directory.name, None


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
