"""Models by hub name: from the local cache when they are there, over the network when they are not."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from retrieval.encoders.checkpoint import (
    OPEN_CLIP_CONFIG,
    OPEN_CLIP_WEIGHTS,
    PROCESSOR_FILES,
    Checkpoint,
    no_folder,
    open_checkpoint,
    reads_open_clip,
    weight_files,
)
from retrieval.errors import ModelError

_OPEN_CLIP_PREFIX = "hf-hub:"     # how open_clip writes the name of a model of its own on the hub
_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")
_SECONDS_TO_ANSWER = 10     # the hub must say what it has by then; only a download that has begun may take long


def find_checkpoint(name: str, *, weights: bool = True) -> Checkpoint:
    """The model that `name` means: a directory where there is one, else owner/model on the hub.

    hf-hub:owner/model is that model as open_clip stores it; without the prefix what transformers stores comes first.
    What the cache holds is used without asking the network. `weights` False is content with the small files. Raises
    ModelError, after seconds, never minutes, when there is no such directory, no such model, or no network.
    """
    open_clip = name.startswith(_OPEN_CLIP_PREFIX)
    name = name.removeprefix(_OPEN_CLIP_PREFIX)
    directory = Path(name).expanduser()
    if not open_clip and (directory.exists() or not _HUB_NAME.fullmatch(name) or name.startswith(".")):
        return open_checkpoint(directory)
    snapshot = _cached(name, weights=weights, open_clip=open_clip) or _download(
        name, partial(_wanted, weights=weights, open_clip=open_clip)
    )
    return open_checkpoint(snapshot, name=name, commit=snapshot.name, open_clip=open_clip)


def find_sentence_model(name: str) -> Path:
    """The folder of the sentence-transformers model that `name` means; otherwise as `find_checkpoint`."""
    directory = Path(name).expanduser()
    if directory.exists() or not _HUB_NAME.fullmatch(name) or name.startswith("."):
        return directory
    snapshot = _snapshot(name)
    if snapshot is not None and (snapshot / "modules.json").is_file() and weight_files(snapshot):
        return snapshot
    return _download(name, _wanted_of_sentences)


def find_model_files(name: str, *, required: Sequence[str], wanted: Sequence[str]) -> Path:
    """The folder of a model of any other kind: a directory, or owner/model in the cache, else over the network.

    required: names of files that it is not complete without; wanted: patterns of what is fetched. Raises ModelError, after
    seconds, when it is not to be had.
    """
    folder = Path(name).expanduser()
    if not folder.is_dir() and _HUB_NAME.fullmatch(name) and not name.startswith("."):
        snapshot = _snapshot(name)
        whole = snapshot is not None and all((snapshot / file).is_file() for file in required)
        folder = snapshot if snapshot is not None and whole else _download(name, lambda files: list(wanted))
    if not folder.is_dir():
        raise no_folder(folder)
    missing = [file for file in required if not (folder / file).is_file()]
    if missing:
        raise ModelError(f"The model folder {folder} is not complete: {', '.join(missing)} is not there.")
    return folder


def _cached(name: str, *, weights: bool, open_clip: bool) -> Path | None:
    snapshot = _snapshot(name)
    if snapshot is None:
        return None
    if reads_open_clip(snapshot, asked=open_clip):
        return snapshot if weight_files(snapshot, names=OPEN_CLIP_WEIGHTS) or not weights else None
    settings = (snapshot / "config.json").is_file() and any((snapshot / file).is_file() for file in PROCESSOR_FILES)
    return snapshot if settings and (weight_files(snapshot) or not weights) else None


def _snapshot(name: str) -> Path | None:
    from huggingface_hub import constants

    folder = Path(constants.HF_HUB_CACHE) / f"models--{name.replace('/', '--')}"
    reference = folder / "refs" / "main"
    if reference.is_file():
        snapshot = folder / "snapshots" / reference.read_text(encoding="utf-8").strip()
        return snapshot if snapshot.is_dir() else None
    snapshots = [path for path in folder.glob("snapshots/*") if path.is_dir()]
    return snapshots[0] if len(snapshots) == 1 else None    # of several without a reference none is the right one


def _download(name: str, wanted: Callable[[list[str]], list[str]]) -> Path:
    from huggingface_hub import HfApi, constants, snapshot_download

    if constants.HF_HUB_OFFLINE:
        raise ModelError(
            f"The model {name} is not in the local cache {constants.HF_HUB_CACHE} and HF_HUB_OFFLINE forbids the "
            "network: give the path of a model folder instead."
        )
    try:
        found = HfApi().model_info(name, timeout=_SECONDS_TO_ANSWER)
        files = [sibling.rfilename for sibling in found.siblings or []]
        return Path(snapshot_download(name, allow_patterns=wanted(files)))
    except Exception as error:      # whichever of the hub's, the HTTP library's or the system's errors it is
        raise _explained(name, error) from error


def _wanted(files: list[str], *, weights: bool, open_clip: bool) -> list[str]:
    small = ["*.json", "*.txt", "spiece.model", "tokenizer.model"]
    if not weights:
        return small
    if open_clip or (OPEN_CLIP_CONFIG in files and not set(PROCESSOR_FILES) & set(files)):
        return [*small, next((file for file in OPEN_CLIP_WEIGHTS if file in files), OPEN_CLIP_WEIGHTS[0])]
    safe = any(re.fullmatch(r"model.*\.safetensors", file) for file in files)
    return [*small, "model*.safetensors" if safe else "pytorch_model*.bin"]


def _wanted_of_sentences(files: list[str]) -> list[str]:
    """A pooling or a dense layer has settings, and may have weights, in a folder of its own."""
    safe = any(file.endswith(".safetensors") for file in files)
    return ["*.json", "*.txt", "*.model", "*.safetensors" if safe else "*pytorch_model*.bin"]


def _explained(name: str, error: Exception) -> ModelError:
    from huggingface_hub import constants
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    if isinstance(error, GatedRepoError):
        return ModelError(f"The hub gives the model {name} only to those who accepted its terms: do so and log in.")
    if isinstance(error, RepositoryNotFoundError):
        return ModelError(f"There is neither a folder {name} nor a model of that name on the hub: check the spelling.")
    return ModelError(
        f"The model {name} is not in the local cache {constants.HF_HUB_CACHE} and cannot be fetched from the hub "
        f"({type(error).__name__}): connect to a network once, or give the path of a model folder."
    )
