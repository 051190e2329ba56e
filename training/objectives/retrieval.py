"""The sum of losses that a recipe asks for, on the pooled and on the token-wise score, both directions averaged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from retrieval.model import InteractionSettings, TextFeatures, VideoFeatures, pooled_similarity, token_wise_score
from training.objectives.hardest_pairs import hardest_pairs
from training.objectives.info_nce import info_nce, info_nce_by_rows
from training.objectives.mil_nce import mil_nce_of_rows
from training.objectives.neg_nce import neg_nce_sums
from training.objectives.positives_nce import positives_nce
from training.objectives.rows import slices, sum_over_rows
from training.recipe import Losses, Objective

Gather = Callable[[Tensor], Tensor]
Similarity = Callable[[slice], Tensor]


@dataclass(frozen=True, kw_only=True)
class WordQueries:
    """K words as texts of their own, the same for all processes; held: bool [N, K], True = the clip, of those of all
    processes, has the word in one of its texts.
    """

    texts: TextFeatures
    held: Tensor


@dataclass(frozen=True, kw_only=True)
class _Matrices:
    """Own texts against all clips and own clips against all texts, by one score: functions of rows, [rows, N]."""

    there: Similarity
    back: Similarity
    positives: Tensor           # int64 [b], the places of the own pairs among all
    ignored: Tensor | None      # bool [b, N], of both directions
    gather: Gather
    logit_scale: Tensor

    def ignored_in(self, rows: slice) -> Tensor | None:
        return None if self.ignored is None else self.ignored[rows]


class RetrievalObjective:
    """Compares the texts of a batch with its clips; row i of both belongs together.

    It holds no weights and knows no process group: `gather` brings the rows of all processes together.
    """

    def __init__(self, settings: Objective, *, interaction: InteractionSettings) -> None:
        self._settings = settings
        self._scores: dict[str, Losses] = {"pooled": settings.pooled, "token_wise": settings.token_wise}
        self._interaction = interaction
        self._token_wise = partial(token_wise_score, interaction=interaction)

    def in_one_piece(self) -> RetrievalObjective:
        """The same with matrices that are whole in memory."""
        return RetrievalObjective(self._settings.model_copy(update={"chunk": None}), interaction=self._interaction)

    def __call__(
        self, texts: TextFeatures, videos: VideoFeatures, *, logit_scale: Tensor, text_ids: Tensor,
        gather: Gather | None = None, first: int = 0, words: WordQueries | None = None,
    ) -> dict[str, Tensor]:
        """The terms by name, such as `pooled.info_nce`, and their weighted sum `loss`: scalars.

        texts, videos: b rows of this process. text_ids: int64 [b], equal numbers = the same text. gather: [b, ...] of
        this process -> [N, ...] of all, differentiable, None = this one is alone. first: the place of the own rows there.
        words: asked of the clips of all processes.
        """
        together = gather or (lambda own: own)
        positives = torch.arange(len(text_ids), device=text_ids.device) + first
        ignored = None
        if self._settings.identical_texts == "ignored":
            ignored = text_ids[:, None] == together(text_ids)[None, :]
        terms: dict[str, Tensor] = {}
        for score, losses in self._scores.items():
            names = [name for name, weight in losses if weight > 0]
            if names:
                skipped, wanted = ignored, None
                if score == "token_wise" and self._settings.hardest is not None:
                    wanted = self._hardest(texts, videos, text_ids, together)[positives]
                    skipped = ~wanted if ignored is None else ignored | ~wanted
                there, back = self._both_ways(score, texts, videos, together, alone=gather is None, wanted=wanted)
                matrices = _Matrices(
                    there=there, back=back, positives=positives, ignored=skipped, gather=together, logit_scale=logit_scale
                )
                terms |= {f"{score}.{name}": self._term(name, matrices) for name in names}
        if words is not None:
            terms |= self._word_terms(words, _gathered_videos(videos, together), logit_scale)
        loss = sum((self._weight(name) * term for name, term in terms.items()), torch.zeros_like(logit_scale))
        return {**terms, "loss": loss}

    def _weight(self, term: str) -> float:
        score, _, name = term.partition(".")
        return float(getattr(self._settings.words, score) if name == "words" else getattr(self._scores[score], name))

    def _word_terms(self, words: WordQueries, videos: VideoFeatures, logit_scale: Tensor) -> dict[str, Tensor]:
        """Words against all clips, and all clips against words, by the scores that the recipe gives a weight.

        Each process computes the whole: a mean over the words that tell clips apart has no share of a process.
        """
        terms, held = {}, words.held.T
        for score in self._scores:
            if getattr(self._settings.words, score) > 0:
                if score == "pooled":
                    found = pooled_similarity(words.texts.pooled, videos.pooled)
                else:
                    found = self._token_wise(words.texts, videos)
                there = positives_nce(found, logit_scale=logit_scale, positive=held)
                back = positives_nce(found.T, logit_scale=logit_scale, positive=held.T)
                terms[f"{score}.words"] = (there + back) / 2
        return terms

    def _term(self, name: str, matrices: _Matrices) -> Tensor:
        """The loss that a setting of `recipe.Losses` names, both directions averaged."""
        if name == "mil_nce":
            return self._mil_nce(matrices)
        one_way = {"info_nce": self._info_nce, "neg_nce": self._neg_nce}[name]
        return torch.stack([one_way(rows, matrices) for rows in (matrices.there, matrices.back)]).mean()

    def _info_nce(self, similarity: Similarity, matrices: _Matrices) -> Tensor:
        chunk, positives, logit_scale = self._settings.chunk, matrices.positives, matrices.logit_scale
        if chunk is None:
            whole = similarity(slice(None))
            return info_nce(whole, logit_scale=logit_scale, positives=positives, ignored=matrices.ignored)
        ignored = None if matrices.ignored is None else matrices.ignored.__getitem__
        return info_nce_by_rows(similarity, positives=positives, logit_scale=logit_scale, chunk=chunk, ignored=ignored)

    def _neg_nce(self, similarity: Similarity, matrices: _Matrices) -> Tensor:
        """Own rows' share, so that the mean over processes is the loss of the joined batch: its hard negatives are counted
        over all of them.
        """
        settings, chunk, positives = self._settings.neg_nce, self._settings.chunk, matrices.positives
        own = torch.zeros(len(positives), device=positives.device)
        with torch.no_grad():
            for rows in slices(len(positives), chunk):
                own[rows] = similarity(rows).gather(1, positives[rows, None])[:, 0].float()
        all_own = matrices.gather(own)
        positive, negative, hard = sum_over_rows(
            lambda rows: neg_nce_sums(
                similarity(rows), logit_scale=matrices.logit_scale, positives=positives[rows], own=all_own,
                margin=settings.margin, ignored=matrices.ignored_in(rows),
            ),
            count=len(positives), chunk=chunk,
        )  # fmt: skip
        share = matrices.gather(hard.detach()[None]).sum().clamp(min=1) * len(positives) / len(all_own)
        loss = settings.positive_weight * positive / len(positives) + settings.negative_weight * negative / share
        return loss.float()

    def _mil_nce(self, matrices: _Matrices) -> Tensor:
        """One softmax over both directions: there is nothing to average."""
        total = sum_over_rows(
            lambda rows: mil_nce_of_rows(
                matrices.logit_scale * matrices.there(rows).float(), matrices.logit_scale * matrices.back(rows).float(),
                positives=matrices.positives[rows], ignored=matrices.ignored_in(rows),
            ),
            count=len(matrices.positives), chunk=self._settings.chunk,
        )  # fmt: skip
        return total / len(matrices.positives)

    def _hardest(self, texts: TextFeatures, videos: VideoFeatures, text_ids: Tensor, gather: Gather) -> Tensor:
        """bool [N, N]: the pairs that a token-wise loss looks at, the same for all processes."""
        assert self._settings.hardest is not None
        pooled = pooled_similarity(gather(texts.pooled.detach()), gather(videos.pooled.detach()))
        ids = gather(text_ids)
        same = ids[:, None] == ids[None, :] if self._settings.identical_texts == "ignored" else None
        return hardest_pairs(pooled, count=self._settings.hardest, excluded=same)

    def _both_ways(
        self, score: str, texts: TextFeatures, videos: VideoFeatures, gather: Gather, *, alone: bool,
        wanted: Tensor | None = None,
    ) -> tuple[Similarity, Similarity]:  # fmt: skip
        """Similarities of own texts with all clips, and of own clips with all texts.

        wanted: bool [b, N], of both directions: other token-wise similarities are 0 and cost nothing.
        """
        if score == "pooled":
            all_texts, all_videos = gather(texts.pooled), gather(videos.pooled)
            ways: tuple[Similarity, Similarity] = (
                lambda rows: pooled_similarity(texts.pooled[rows], all_videos),
                lambda rows: pooled_similarity(all_texts, videos.pooled[rows]).T,
            )
        else:
            texts_of_all, videos_of_all = _gathered_texts(texts, gather), _gathered_videos(videos, gather)
            ways = (
                lambda rows: self._token_wise(texts.rows(rows), videos_of_all),
                lambda rows: self._token_wise(texts_of_all, videos.rows(rows)).T,
            )
            if wanted is not None:
                ways = (
                    _on(wanted, lambda row, columns: self._token_wise(texts.rows(row), videos_of_all.rows(columns))),
                    _on(wanted, lambda row, columns: self._token_wise(texts_of_all.rows(columns), videos.rows(row)).T),
                )
        if self._settings.chunk is not None:
            return ways
        there = ways[0](slice(None))                    # several losses look at it: compute it once
        back = there.T if alone else ways[1](slice(None))
        return there.__getitem__, back.__getitem__


def _on(wanted: Tensor, similarity: Callable[[slice, Tensor], Tensor]) -> Similarity:
    """Rows of a matrix of which only some entries are computed, the others being 0; similarity: a row and numbers of
    columns -> [1, columns].
    """

    def rows_of(rows: slice) -> Tensor:
        found = []
        for row in range(*rows.indices(len(wanted))):
            columns = wanted[row].nonzero()[:, 0]
            values = similarity(slice(row, row + 1), columns)[0]
            found.append(values.new_zeros(wanted.shape[1]).scatter(0, columns, values))
        return torch.stack(found)

    return rows_of


def _gathered_texts(texts: TextFeatures, gather: Gather) -> TextFeatures:
    weights = None if texts.weights is None else gather(texts.weights)
    return TextFeatures(gather(texts.pooled), gather(texts.words), gather(texts.mask), weights)


def _gathered_videos(videos: VideoFeatures, gather: Gather) -> VideoFeatures:
    return VideoFeatures(gather(videos.pooled), gather(videos.frames), gather(videos.mask))


def detached(terms: Mapping[str, Tensor]) -> dict[str, float]:
    """The values of terms as plain numbers."""
    return {name: float(term.detach()) for name, term in terms.items()}
