"""How well a model in training retrieves: both directions on the validation split, from which the best is chosen."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from retrieval.evaluation.metrics import TwoWayMetrics, two_way_metrics
from retrieval.model import DualEncoder, TextFeatures, VideoFeatures, pooled_similarity
from training.batches.batch import BadSample, Batch, BatchMaker, Visit
from training.batches.loading import load_ahead
from training.errors import TrainingError
from training.gradients import encode

_BATCH = 64
_SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)     # of the token-wise score, when re-ranking
_TOO_FEW = "Fewer than two validation samples can be used: name a validation split that has more."
_TEXTS_AT_ONCE = 16     # the token-wise score of so many texts with all clips is in memory at a time


@dataclass(frozen=True, kw_only=True)
class Validation:
    """Figures by name (percent for recalls; `r_sum` is the mean of both directions, at most 300), and unusable samples."""

    figures: dict[str, float]
    bad: tuple[BadSample, ...]


class Validator:
    """Scores models on the same clips and texts each time; clips whose text is the very same are all right answers."""

    def __init__(self, maker: BatchMaker, *, clips: int, visit: Visit, workers: int, token_wise: bool) -> None:
        self._maker = maker
        self._clips = clips
        self._visit = visit
        self._workers = workers
        self._token_wise = token_wise

    def __call__(self, model: DualEncoder, *, bf16: bool) -> Validation:
        """Score a model in evaluation mode. Raises TrainingError when fewer than two samples can be used."""
        with torch.inference_mode():
            texts, videos, ids, bad = self._encoded(model, bf16=bf16)
            return Validation(figures=self._figures(model, texts, videos, ids), bad=tuple(bad))

    def require_two(self) -> None:
        """Raise TrainingError when fewer than two samples can be used; it reads no more than it takes to find two."""
        found = 0
        for number in range(self._clips):
            batch, _ = self._maker.validation_batch([number], lambda number: self._visit)
            found += batch is not None
            if found == 2:
                return
        raise TrainingError(_TOO_FEW)

    def metrics(self, model: DualEncoder, *, bf16: bool) -> TwoWayMetrics:
        """How a model in evaluation mode retrieves by the pooled score, with what intervals need. Raises as scoring does."""
        with torch.inference_mode():
            texts, videos, ids, _ = self._encoded(model, bf16=bf16)
            return two_way_metrics(_pooled(texts, videos).float().cpu(), _same_text(ids))

    def _encoded(
        self, model: DualEncoder, *, bf16: bool
    ) -> tuple[list[TextFeatures], list[VideoFeatures], list[int], list[BadSample]]:
        texts: list[TextFeatures] = []
        videos: list[VideoFeatures] = []
        ids: list[int] = []
        bad: list[BadSample] = []
        for batch, unusable in self.batches():
            bad += unusable
            if batch is None:
                continue
            features = encode(model, batch, bf16=bf16)
            texts.append(features[0])
            videos.append(features[1])
            ids += batch.text_ids.tolist()
        if len(ids) < 2:
            raise TrainingError(_TOO_FEW)
        return texts, videos, ids, bad

    def batches(self) -> Iterator[tuple[Batch | None, tuple[BadSample, ...]]]:
        """What is scored: batches of usable samples, None where a whole batch is unusable, and what cannot be used."""
        plans = [range(start, min(start + _BATCH, self._clips)) for start in range(0, self._clips, _BATCH)]
        loaded = load_ahead(
            plans, lambda plan: self._maker.validation_batch(plan, lambda number: self._visit), workers=self._workers
        )
        return (one.batch for one in loaded)

    def _figures(
        self, model: DualEncoder, texts: list[TextFeatures], videos: list[VideoFeatures], ids: list[int]
    ) -> dict[str, float]:
        relevant = _same_text(ids)
        pooled = _pooled(texts, videos)
        figures = _both_ways(pooled, relevant)
        if self._token_wise:
            all_texts, all_videos = _padded_texts(texts), _padded_videos(videos)
            scores = [
                model.token_wise(all_texts.rows(slice(start, start + _TEXTS_AT_ONCE)), all_videos)
                for start in range(0, len(ids), _TEXTS_AT_ONCE)
            ]
            token_wise = torch.cat(scores)
            figures |= {f"token_wise.{name}": value for name, value in _both_ways(token_wise, relevant).items()}
            share, best = _best_share(pooled, token_wise, relevant)
            figures |= {"reranked.share": share, "reranked.r_sum": best}
        return figures


def _pooled(texts: list[TextFeatures], videos: list[VideoFeatures]) -> Tensor:
    return pooled_similarity(torch.cat([t.pooled for t in texts]), torch.cat([v.pooled for v in videos]))


def _best_share(pooled: Tensor, token_wise: Tensor, relevant: list[set[int]]) -> tuple[float, float]:
    """The share of the token-wise score with the highest R@sum, and that; of equal ones the smallest."""
    tried = {share: _both_ways((1 - share) * pooled + share * token_wise, relevant)["r_sum"] for share in _SHARES}
    best = max(tried, key=lambda share: (tried[share], -share))
    return best, tried[best]


def _both_ways(similarity: Tensor, relevant: list[set[int]]) -> dict[str, float]:
    found = two_way_metrics(similarity.float().cpu(), relevant)
    ways = {"text_to_video": found.text_to_video, "video_to_text": found.video_to_text}
    figures = {"r_sum": found.r_sum / 2}
    for way, metrics in ways.items():
        figures |= {f"{way}.r{k}": getattr(metrics, f"recall_at_{k}") for k in (1, 5, 10)}
        figures[f"{way}.median_rank"] = metrics.median_rank
    return figures


def _same_text(ids: list[int]) -> list[set[int]]:
    clips: dict[int, set[int]] = defaultdict(set)
    for clip, number in enumerate(ids):
        clips[number].add(clip)
    return [clips[number] for number in ids]


def _padded_texts(texts: list[TextFeatures]) -> TextFeatures:
    weights = [t.weights for t in texts if t.weights is not None]
    return TextFeatures(
        torch.cat([t.pooled for t in texts]), _padded([t.words for t in texts]), _padded([t.mask for t in texts]),
        _padded(weights) if weights else None,
    )  # fmt: skip


def _padded_videos(videos: list[VideoFeatures]) -> VideoFeatures:
    return VideoFeatures(
        torch.cat([v.pooled for v in videos]), _padded([v.frames for v in videos]), _padded([v.mask for v in videos])
    )


def _padded(batches: list[Tensor]) -> Tensor:
    """Batches of several lengths as one, [rows, length, ...], filled up with zeros."""
    width = max(batch.shape[1] for batch in batches)
    return torch.cat([
        torch.cat([batch, batch.new_zeros(len(batch), width - batch.shape[1], *batch.shape[2:])], dim=1) for batch in batches
    ])
