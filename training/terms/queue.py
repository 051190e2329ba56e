"""A queue of keys as a term: texts and clips of earlier batches, encoded by slowly following copies of the towers."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from retrieval.model import DualEncoder
from training.batches.batch import Batch
from training.gradients import encode
from training.objectives.queue_nce import queue_nce
from training.optimising import AveragedModel
from training.recipe import Queue
from training.terms.term import Pairs


class QueueTerm(nn.Module):
    """Each text against the key of its clip and the clips of the queue, and each clip against texts so: MoCo.

    Keys come from the running mean of the model's weights, and those of a step join the queue after its loss, in the
    place of the oldest. Places that were never filled are no negatives. micro_batch: so many clips give their keys at a
    time, None = all.
    Source: the level-1 loss of SNP-S3 (arXiv 2401.17773) with pooled vectors as clips, after MoCo (arXiv 1911.05722).
    """

    _clips: Tensor
    _texts: Tensor
    _text_ids: Tensor
    _filled: Tensor
    _next: Tensor

    def __init__(
        self, settings: Queue, model: DualEncoder, *, bf16: bool, ignore_identical: bool, micro_batch: int | None = None
    ) -> None:
        super().__init__()
        self.weight = settings.weight
        self._temperature = settings.temperature
        self._bf16 = bf16
        self._ignore_identical = ignore_identical
        self._micro_batch = micro_batch
        self._slow = AveragedModel(model, decay=settings.decay)
        self.keys = self._slow.model        # its weights are part of the training state
        for name in ("_clips", "_texts"):
            self.register_buffer(name, torch.zeros(settings.size, model.dimension))
        self.register_buffer("_text_ids", torch.zeros(settings.size, dtype=torch.int64))
        self.register_buffer("_filled", torch.zeros(settings.size, dtype=torch.bool))
        self.register_buffer("_next", torch.zeros((), dtype=torch.int64))

    def train(self, mode: bool = True) -> QueueTerm:
        """Keys are made without dropout, whatever the mode."""
        super().train(mode)
        self.keys.eval()
        return self

    def forward(self, pairs: Pairs) -> dict[str, Tensor]:
        if self.training:
            self._slow.update(pairs.model, step=pairs.step)
        texts, clips = self._keys(pairs.batch)
        ignored = ~self._filled[None].expand(len(texts), -1)
        if self._ignore_identical:
            ignored = ignored | pairs.same_text(self._text_ids)
        ways = [
            queue_nce(query, key, queue, temperature=self._temperature, ignored=ignored)
            for query, key, queue in (
                (pairs.texts.pooled, clips, self._clips), (pairs.videos.pooled, texts, self._texts)
            )
        ]  # fmt: skip
        self._enqueue(pairs.of_all(texts), pairs.of_all(clips), pairs.of_all(pairs.batch.text_ids))
        return {"queue": torch.stack(ways).mean()}

    @torch.no_grad()
    def _keys(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Pooled vectors of texts and clips by the following weights, [b, D] each."""
        size = self._micro_batch or len(batch)
        parts = [
            encode(self.keys, batch.part(slice(start, start + size)), bf16=self._bf16)
            for start in range(0, len(batch), size)
        ]
        return torch.cat([texts.pooled for texts, _ in parts]), torch.cat([videos.pooled for _, videos in parts])

    @torch.no_grad()
    def _enqueue(self, texts: Tensor, clips: Tensor, ids: Tensor) -> None:
        """Put the keys of all processes in the place of the oldest, or none of them when one is no finite number.

        The queue that the loss looked at stays as it was, for its gradient.
        """
        if not bool(texts.isfinite().all() and clips.isfinite().all()):
            return
        size = len(self._filled)
        kept = slice(max(0, len(ids) - size), None)         # of more than the queue holds the last ones
        places = (self._next + torch.arange(len(ids), device=ids.device))[kept] % size
        self._texts = self._texts.index_copy(0, places, texts[kept].float())
        self._clips = self._clips.index_copy(0, places, clips[kept].float())
        self._text_ids = self._text_ids.index_copy(0, places, ids[kept])
        self._filled = self._filled.index_fill(0, places, True)
        self._next = (self._next + len(ids)) % size
