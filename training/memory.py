"""How much memory training takes, told for a batch of any size from forward passes over a few clips."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from retrieval.model import DualEncoder
from training.batches.batch import Batch
from training.gradients import Features, encode
from training.processes import Processes
from training.recipe import Objective
from training.setup import Setup
from training.step_objective import objective_of
from training.weights import trained

_Kept = Callable[[int], float]      # rows of a batch -> bytes that a graph keeps


@dataclass(frozen=True, kw_only=True)
class Memory:
    """Bytes of a step, without what the program takes anyway. weights: with gradients, AdamW's moments and the average.

    graph: what is kept for the way back at the largest batch, per_clip: of that what encoding a clip keeps.
    """

    weights: int
    graph: int
    per_clip: int


def memory_of(setup: Setup, batch: Batch, *, own: int, processes: int, step: int, average: DualEncoder) -> Memory:
    """Of steps of `own` clips a process, from forward passes over parts of a small batch: pairs grow with its square.

    Encoding is a line through two small parts. What looks at pairs is a parabola through three; with `objective.chunk` only
    so many rows of it are there at a time. Pairs that are read together are counted one by one. What is needed for a moment
    beside what is kept is left out. Raises nothing of its own.
    """
    recipe = setup.recipe
    counted = _Counted(setup, batch, step=step, average=average)
    fixed, per_clip = _line(counted.encoding, 1, 2)
    micro = recipe.batch.micro_batch
    looks = counted.pairs_of(own, all_clips=own * processes)
    if micro is None or micro >= own:
        graph = fixed + per_clip * own + looks
    else:
        features = 2 * own * counted.feature_bytes      # and their gradients
        graph = features + max(fixed + per_clip * micro, looks)
    return Memory(weights=weight_bytes(setup), graph=int(graph), per_clip=int(per_clip))


def weight_bytes(setup: Setup) -> int:
    """All weights and buffers once, of those that are trained the gradient and AdamW's two moments, and the average of the
    model's; copies that follow slowly and a teacher are there once.
    """
    modules: list[nn.Module] = [setup.model, setup.heads, *([] if setup.teacher is None else [setup.teacher])]
    held = {id(tensor): tensor for module in modules for tensor in (*module.parameters(), *module.buffers())}
    learned = [*trained(setup.model).values(), *(weight for weight in setup.heads.parameters() if weight.requires_grad)]
    total = sum(tensor.nbytes for tensor in held.values()) + 3 * sum(weight.nbytes for weight in learned)
    if setup.recipe.ema_decay is not None:
        total += sum(weight.nbytes for weight in trained(setup.model).values())
    return total


def pairs_read(objective: Objective, clips: int, *, of: int) -> int:
    """How many texts and clips are read together for so many own clips `of` all."""
    matching, text_video = objective.matching, objective.text_video.weight > 0
    wrong = min(matching.negatives, of - 1) if matching.weight > 0 else 0
    own = int(objective.masked_language.weight > 0) + int(wrong > 0 or text_video)
    return clips * (own + int(text_video) + wrong)


class _Counted:
    """What graphs keep on the first rows of a batch."""

    def __init__(self, setup: Setup, batch: Batch, *, step: int, average: DualEncoder) -> None:
        self._setup, self._batch, self._step, self._average = setup, batch, step, average
        self._bf16, self._videos = setup.recipe.precision == "bf16", setup.recipe.looks_at_videos
        with torch.no_grad():
            texts, videos = encode(setup.model, batch, bf16=self._bf16, videos=self._videos)
        self._features = texts, videos
        self.feature_bytes = sum(one.nbytes for one in (texts.pooled, texts.words, videos.pooled, videos.frames)) / len(batch)

    def encoding(self, rows: int) -> float:
        part = self._batch.part(slice(0, rows))
        return self._kept(lambda: encode(self._setup.model, part, bf16=self._bf16, videos=self._videos))

    def pairs_of(self, own: int, *, all_clips: int) -> float:
        """Of everything that looks at the features of `own` clips and `all_clips` of all processes."""
        setup, objective = self._setup, self._setup.recipe.objective
        whole = setup.objective.in_one_piece()
        scores = self._looking(replace(setup, objective=whole, terms=(), cross_modal=None))
        rows = min(objective.chunk or own, own)
        total = _parabola(scores, len(self._batch))(own, rows, all_clips)
        if setup.terms:
            def terms(count: int) -> float:
                return self._looking(replace(setup, objective=whole, cross_modal=None))(count) - scores(count)

            total += _parabola(terms, len(self._batch))(own, own, all_clips)
        if setup.cross_modal is not None:
            total += self._read_together(scores, own, all_clips)
        return total

    def _read_together(self, scores: _Kept, own: int, all_clips: int) -> float:
        setup, few = self._setup, len(self._batch)
        assert setup.cross_modal is not None
        both = self._looking(
            replace(setup, objective=setup.objective.in_one_piece(), terms=(), cross_modal=setup.cross_modal.in_one_piece())
        )
        sizes = sorted({max(1, few // 2), few})
        counts = [pairs_read(setup.recipe.objective, size, of=size) for size in sizes]
        kept = [both(size) - scores(size) for size in sizes]
        a_pair = (kept[-1] - kept[0]) / (counts[-1] - counts[0]) if len(set(counts)) > 1 else kept[-1] / counts[-1]
        asked = pairs_read(setup.recipe.objective, own, of=all_clips)
        at_once = min(setup.recipe.batch.micro_batch or asked, asked)
        return max(kept[-1] + a_pair * (at_once - counts[-1]), 0.0)

    def _looking(self, setup: Setup) -> _Kept:
        def kept(rows: int) -> float:
            part = self._batch.part(slice(0, rows))
            texts, videos = self._features
            objective = objective_of(
                setup, part, step=self._step, processes=Processes(device=setup.model.logit_scale.device), average=self._average
            )
            features = _leaves((texts.rows(slice(0, rows)), videos.rows(slice(0, rows))))
            return self._kept(lambda: objective(features, setup.model.logit_scale))

        return kept

    def _kept(self, forward: Callable[[], object]) -> float:
        modules = [self._setup.model, self._setup.heads]
        return kept_bytes(forward, without=[tensor for module in modules for tensor in (*module.parameters(), *module.buffers())])


def kept_bytes(forward: Callable[[], object], *, without: list[Tensor]) -> int:
    """What the graph of a forward pass keeps, the storages of some tensors left out."""
    left_out = {tensor.untyped_storage().data_ptr() for tensor in without}
    kept: dict[int, int] = {}
    held: list[Tensor] = []         # so that no storage is freed and its address given to another

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in left_out:
            kept[storage.data_ptr()] = storage.nbytes()
            held.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        forward()
    return sum(kept.values())


def _leaves(features: Features) -> Features:
    texts, videos = features
    return (
        replace(texts, pooled=texts.pooled.clone().requires_grad_(), words=texts.words.clone().requires_grad_()),
        replace(videos, pooled=videos.pooled.clone().requires_grad_(), frames=videos.frames.clone().requires_grad_()),
    )


def _line(kept: _Kept, one: int, two: int) -> tuple[float, float]:
    """What is kept whatever the size, and for each row."""
    first, second = kept(one), kept(two)
    each = max((second - first) / (two - one), 0.0)
    return max(first - one * each, 0.0), each


def _parabola(kept: _Kept, most: int) -> Callable[[int, int, int], float]:
    """Through parts of up to `most` rows, as a function of own rows, rows of a matrix at a time and its columns."""
    sizes = sorted({max(1, most // 4), max(1, most // 2), most})
    values = [kept(size) for size in sizes]
    found = np.polyfit(sizes, values, len(sizes) - 1)
    if len(sizes) > 2 and found[0] < 0:         # it saturates: the line through the larger parts is nearer
        found = np.polyfit(sizes[1:], values[1:], 1)
    square, each, fixed = np.pad(found, (3 - len(found), 0))
    return lambda own, rows, columns: max(float(fixed + each * own + square * rows * columns), 0.0)
