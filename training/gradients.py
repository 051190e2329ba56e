"""The loss of a batch and its gradients: in one piece, or with only a part of the batch in the graph at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from retrieval.model import DualEncoder, TextFeatures, VideoFeatures
from training.batches.batch import Batch
from training.batches.tokens import TokenRows
from training.batches.words import WordRows
from training.objectives.retrieval import WordQueries, detached

Features = tuple[TextFeatures, VideoFeatures]
Objective = Callable[[Features, Tensor], dict[str, Tensor]]


def encode(model: DualEncoder, batch: Batch, *, bf16: bool, videos: bool = True) -> Features:
    """Texts and clips of a batch, brought to the model's device, the towers in bfloat16 where asked; vectors are float32.

    Texts have the weights of their words where the batch has them. videos: False = nothing looks at the clips, their
    vectors are zeros.
    """
    device = model.logit_scale.device
    batch = batch.to(device)
    with torch.autocast(device.type, dtype=torch.bfloat16, enabled=bf16):
        texts = model.encode_texts(batch.texts.ids, attended=batch.texts.attended, words=batch.texts.words)
        texts = replace(texts, weights=batch.texts.weights)
        if videos:
            return texts, model.encode_videos(batch.pictures, mask=batch.frame_mask)
        unseen = torch.zeros(*batch.frame_mask.shape, model.dimension, device=device)
        return texts, VideoFeatures(unseen[:, 0], unseen, batch.frame_mask)


def encode_words(model: DualEncoder, words: WordRows, *, bf16: bool) -> WordQueries:
    """The words of a batch as texts: they are short, and all of them are in the graph also where clips are not."""
    device = model.logit_scale.device
    rows = words.texts.to(device)
    with torch.autocast(device.type, dtype=torch.bfloat16, enabled=bf16):
        texts = model.encode_texts(rows.ids, attended=rows.attended, words=rows.words)
    return WordQueries(texts=replace(texts, weights=rows.weights), held=words.held.to(device))


def backward(
    model: DualEncoder, batch: Batch, objective: Objective, *, bf16: bool, micro_batch: int | None = None,
    videos: bool = True,
) -> dict[str, float]:
    """Add the gradients of the objective's `loss` to the model's weights, and return the terms as numbers.

    micro_batch: encode so many clips at a time, None = all at once; of a batch in the CPU's memory only those are on the
    model's device. videos: False = the objective looks at no clip.
    """
    if micro_batch is None or micro_batch >= len(batch):
        terms = objective(encode(model, batch, bf16=bf16, videos=videos), model.logit_scale)
        terms["loss"].backward()
        return detached(terms)
    return _cached_backward(model, batch, objective, bf16=bf16, micro_batch=micro_batch, videos=videos)


def _cached_backward(
    model: DualEncoder, batch: Batch, objective: Objective, *, bf16: bool, micro_batch: int, videos: bool
) -> dict[str, float]:
    """Encode without a graph, differentiate the loss down to the features, then encode each part again and go on down.

    The second pass draws the same dropout as the first. Source: GradCache (arXiv 2101.06983), with the random state
    replayed.
    """
    device = model.logit_scale.device
    parts = [batch.part(slice(start, start + micro_batch)) for start in range(0, len(batch), micro_batch)]
    states, encoded = [], []
    for part in parts:
        states.append(_random_state(device))
        with torch.no_grad():
            encoded.append(encode(model, part, bf16=bf16, videos=videos))
    leaves = [tensor.detach().requires_grad_() for tensor in _joined(encoded)]
    terms = objective(_features(leaves, batch.texts.to(device), batch.frame_mask.to(device)), model.logit_scale)
    terms["loss"].backward()
    # A feature that no term looks at has no gradient.
    gradients = [leaf.grad for leaf in leaves]
    with _kept_random_state(device):
        for number, (part, state) in enumerate(zip(parts, states, strict=True)):
            _set_random_state(state, device)
            rows = slice(number * micro_batch, number * micro_batch + len(part))
            own = _tensors(encode(model, part, bf16=bf16, videos=videos))
            # Nor has one a graph that comes from frozen weights alone.
            pairs = [
                (tensor, g[rows])
                for tensor, g in zip(own, gradients, strict=True) if g is not None and tensor.requires_grad
            ]
            torch.autograd.backward([tensor for tensor, _ in pairs], [gradient for _, gradient in pairs])
    return detached(terms)


def _tensors(features: Features) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    texts, videos = features
    return texts.pooled, texts.words, videos.pooled, videos.frames


def _joined(encoded: list[Features]) -> list[Tensor]:
    return [torch.cat(parts) for parts in zip(*map(_tensors, encoded), strict=True)]


def _features(tensors: list[Tensor], rows: TokenRows, frame_mask: Tensor) -> Features:
    text, words, video, frames = tensors
    return TextFeatures(text, words, rows.words, rows.weights), VideoFeatures(video, frames, frame_mask)


def _random_state(device: torch.device) -> tuple[Tensor, Tensor | None]:
    return torch.get_rng_state(), torch.cuda.get_rng_state(device) if device.type == "cuda" else None


def _set_random_state(state: tuple[Tensor, Tensor | None], device: torch.device) -> None:
    torch.set_rng_state(state[0])
    if state[1] is not None:
        torch.cuda.set_rng_state(state[1], device)


@contextmanager
def _kept_random_state(device: torch.device) -> Iterator[Any]:
    state = _random_state(device)
    yield
    _set_random_state(state, device)
