"""A teacher beside the training: which model it is, and what its vectors add to the loss of a batch."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from retrieval.encoders.checkpoint import TOKENIZER_FILES, Checkpoint
from retrieval.encoders.families import vector_dimension
from retrieval.encoders.hub import find_checkpoint
from retrieval.encoders.preprocessing import read_preprocessing
from retrieval.errors import InputError
from retrieval.model import DualEncoder, TextFeatures, VideoFeatures, load_dual_encoder
from training.batches.batch import Batch
from training.gradients import Features
from training.objectives.distillation import cosine_distance, relation_divergence
from training.recipe import AVERAGE, Teacher

Gather = Callable[[Tensor], Tensor]


def open_teacher(settings: Teacher | None, pupil: Checkpoint, *, device: torch.device) -> DualEncoder | None:
    """The model that a recipe names; None where there is none or it is the run's own average.

    Raises InputError when it reads other tokens, sees other pictures or has vectors of another length, and ModelError.
    """
    if settings is None or settings.model == AVERAGE:
        return None
    teacher = find_checkpoint(settings.model)
    for what, own, other in (
        ("tokenizer", _tokenizer(pupil), _tokenizer(teacher)),
        ("picture settings", read_preprocessing(pupil), read_preprocessing(teacher)),
        ("dimension", *(vector_dimension(one.config, family=one.family) for one in (pupil, teacher))),
    ):
        if own != other:
            raise InputError(f"The teacher {settings.model} has another {what} than the model it teaches: begin with the same.")
    return load_dual_encoder(teacher, device=device).requires_grad_(False).eval()


def _tokenizer(checkpoint: Checkpoint) -> dict[str, bytes]:
    paths = (checkpoint.directory / name for name in TOKENIZER_FILES)
    return {path.name: path.read_bytes() for path in paths if path.is_file()}


def with_teacher(
    terms: dict[str, Tensor], own: Features, batch: Batch, *, teacher: DualEncoder, settings: Teacher, bf16: bool,
    part: int | None = None, gather: Gather = lambda rows: rows,
) -> dict[str, Tensor]:
    """The terms with those of the teacher (`teacher.text` and so on), and their weights times them added to `loss`.

    part: so many rows go through the teacher at a time, None = all. gather: own rows of a process -> those of all. The mean
    of a term over processes is what it is on the joined batch.
    """
    texts, videos = _vectors(teacher, batch, bf16=bf16, part=part, videos=settings.looks_at_videos)
    bank = gather(texts.pooled)
    found: dict[str, Tensor] = {}
    for name in settings.weights:
        found[f"teacher.{name}"] = _term(
            name, own, texts, videos, bank=bank, temperature=settings.temperature, gather=gather
        )
    taught = torch.stack([weight * found[f"teacher.{name}"] for name, weight in settings.weights.items()]).sum()
    return {**terms, **found, "loss": terms["loss"] + taught}


def _term(
    name: str, own: Features, texts: TextFeatures, videos: VideoFeatures | None, *, bank: Tensor, temperature: float,
    gather: Gather,
) -> Tensor:
    if name == "text":
        return cosine_distance(own[0].pooled, texts.pooled)
    if name == "words":
        return cosine_distance(own[0].words, texts.words, mask=texts.mask) * _share(texts.mask, gather)
    if name == "text_relations":
        return relation_divergence(own[0].pooled, texts.pooled, bank, temperature=temperature)
    assert videos is not None       # the settings look at videos
    if name == "video":
        return cosine_distance(own[1].pooled, videos.pooled)
    if name == "frames":
        return cosine_distance(own[1].frames, videos.frames, mask=videos.mask) * _share(videos.mask, gather)
    return relation_divergence(own[1].pooled, videos.pooled, bank, temperature=temperature)


def _share(mask: Tensor, gather: Gather) -> Tensor:
    """How many of its entries are counted, as a multiple of the mean over processes: one that holds more counts for more."""
    counted = gather(mask.sum()[None])
    return mask.sum() * len(counted) / counted.sum()


def _vectors(
    teacher: DualEncoder, batch: Batch, *, bf16: bool, part: int | None, videos: bool
) -> tuple[TextFeatures, VideoFeatures | None]:
    texts: list[TextFeatures] = []
    clips: list[VideoFeatures] = []
    device = teacher.logit_scale.device
    with torch.no_grad(), torch.autocast(device.type, dtype=torch.bfloat16, enabled=bf16):
        for start in range(0, len(batch), part or len(batch)):
            rows = batch.part(slice(start, start + (part or len(batch)))).to(device)
            texts.append(teacher.encode_texts(rows.texts.ids, attended=rows.texts.attended, words=rows.texts.words))
            if videos:
                clips.append(teacher.encode_videos(rows.pictures, mask=rows.frame_mask))
    joined = TextFeatures(*(torch.cat([getattr(t, name) for t in texts]) for name in ("pooled", "words", "mask")))
    if not videos:
        return joined, None
    return joined, VideoFeatures(*(torch.cat([getattr(v, name) for v in clips]) for name in ("pooled", "frames", "mask")))
