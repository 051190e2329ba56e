"""The losses on texts and clips that are read together: hidden words, matching scores, and whether a text is the clip's."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from retrieval.model import TextFeatures, VideoFeatures
from training.batches.tokens import TokenRows, Vocabulary
from training.cross_modal.drawing import asks_hard_clips, compared_clips, masked_texts
from training.cross_modal.network import CrossModal
from training.cross_modal.rows import Gather, Rows, rows_of
from training.objectives.drawing import generator_of
from training.objectives.masked_language import UNLABELLED, masked_language_loss
from training.objectives.mil_nce import mil_nce_of_rows
from training.objectives.positive_weights import positive_pair_weights
from training.objectives.video_text_matching import compared_matrix, random_mismatches, video_text_matching_loss
from training.recipe import Objective

_Pairs = tuple[Tensor, Tensor]      # places of texts and of clips, int64 [M] each


class CrossModalObjective:
    """Reads texts and clips of a batch together, row i of both belonging to each other: MLM or MSSM, VTM with HSCL, ITM.

    It holds the network, whose weights are trained along with the model, and knows no process group. pairs_at_once: so many
    go through the network with a graph, and once more in the backward pass, with the same dropout; None = all.
    """

    def __init__(
        self, settings: Objective, network: CrossModal, *, vocabulary: Vocabulary, seed: int, steps: int,
        pairs_at_once: int | None = None,
    ) -> None:
        self._settings = settings
        self._network = network
        self._vocabulary = vocabulary
        self._seed = seed
        self._steps = steps
        self._pairs_at_once = pairs_at_once

    def in_one_piece(self) -> CrossModalObjective:
        """The same with all pairs in the graph at once."""
        return CrossModalObjective(
            self._settings, self._network, vocabulary=self._vocabulary, seed=self._seed, steps=self._steps
        )

    def __call__(
        self, tower: Any, texts: TokenRows, features: tuple[TextFeatures, VideoFeatures], *, step: int, text_ids: Tensor,
        gather: Gather | None = None, first: int = 0,
    ) -> dict[str, Tensor]:
        """The terms by name, and their weighted sum `loss`: scalars, whose mean over processes is that of the joined batch.

        tower: the text tower of the model, see `shared_tower`. texts, features: b rows of this process. step: counted
        from 0. text_ids, gather, first: as `RetrievalObjective` takes them.
        """
        rows = rows_of(texts, features, text_ids=text_ids, gather=gather, first=first)
        terms = self._pair_terms(tower, rows, step, gather or (lambda own: own))
        if self._settings.masked_language.weight > 0:
            terms["masked_language"] = self._masked_language(tower, rows, step)
        weights = {
            "masked_language": self._settings.masked_language.weight, "matching": self._settings.matching.weight,
            "text_video": self._settings.text_video.weight,
        }  # fmt: skip
        return {**terms, "loss": torch.stack([weights[name] * term for name, term in terms.items()]).sum()}

    def _masked_language(self, tower: Any, rows: Rows, step: int) -> Tensor:
        masked = masked_texts(
            rows, self._settings.masked_language, self._vocabulary, generator=self._generator("masked language", step)
        )
        labels = masked.labels[rows.own]
        asked = labels != UNLABELLED
        states = self._read(tower, rows, (rows.own, rows.own), ids=masked.ids, tokens=asked)
        guesses = self._network.masked_language(states, tower.embeddings.word_embeddings.weight)
        count = (masked.labels != UNLABELLED).sum().clamp(min=1) * rows.share
        return masked_language_loss(guesses[None], labels[asked][None], count=count)

    def _pair_terms(self, tower: Any, rows: Rows, step: int, gather: Gather) -> dict[str, Tensor]:
        """The terms on unmasked texts, all pairs of which go through the network in one pass."""
        own, terms = (rows.own, rows.own), {}
        asked: dict[str, _Pairs] = {}
        if self._settings.text_video.weight > 0:
            asked["text_video"] = self._mismatched(rows, step)
        if self._settings.matching.weight > 0:
            asked["matching"] = self._compared(rows, step)
        if not asked:
            return {}
        parts = [own, *asked.values()]
        pairs = torch.cat([texts for texts, _ in parts]), torch.cat([clips for _, clips in parts])
        pooled = self._read(tower, rows, pairs, ids=rows.ids).split([len(texts) for texts, _ in parts])
        right, wrong = pooled[0], dict(zip(asked, pooled[1:], strict=True))
        if "text_video" in wrong:
            terms["text_video"] = self._text_video(right, wrong["text_video"])
        if "matching" in wrong:
            terms["matching"] = self._matching(right, wrong["matching"], asked["matching"], rows, gather)
        return terms

    def _mismatched(self, rows: Rows, step: int) -> _Pairs:
        """Each own clip with a text that is not its."""
        others, found = random_mismatches(rows.text_ids, generator=self._generator("text video", step))
        return others[rows.own][found[rows.own]], rows.own[found[rows.own]]

    def _text_video(self, right: Tensor, wrong: Tensor) -> Tensor:
        matching = torch.arange(len(right) + len(wrong), device=right.device) < len(right)
        return video_text_matching_loss(self._network.text_video(torch.cat([right, wrong])), matching)

    def _compared(self, rows: Rows, step: int) -> _Pairs:
        """Each own text with the wrong clips that were chosen for it."""
        settings = self._settings.matching
        hard = asks_hard_clips(settings, seed=self._seed, step=step, steps=self._steps)
        clips = compared_clips(rows, settings, hard=hard, generator=self._generator("matching", step))
        return rows.own.repeat_interleave(clips.shape[1]), clips.flatten()

    def _matching(self, right: Tensor, wrong: Tensor, pairs: _Pairs, rows: Rows, gather: Gather) -> Tensor:
        """MIL-NCE on the pairs that were compared: a text with its wrong clips, a clip with the texts it was wrong for."""
        score = self._network.matching
        scores = torch.cat([score(right), score(wrong).view(len(right), -1)], dim=1).float()
        columns = torch.cat([rows.own[:, None], pairs[1].view(len(right), -1)], dim=1)
        if self._settings.identical_texts == "ignored":
            same = rows.text_ids[columns] == rows.text_ids[rows.own][:, None]
            scores = scores.masked_fill(same & (columns != rows.own[:, None]), float("-inf"))
        compared = compared_matrix(gather(scores), gather(columns))
        floor = self._settings.matching.easy_floor
        weights = None if floor is None else positive_pair_weights(rows.matching, floor=floor)[rows.own]
        total = mil_nce_of_rows(compared[rows.own], compared.T[rows.own], positives=rows.own, pair_weights=weights)
        return total / len(rows.own)

    def _read(self, tower: Any, rows: Rows, pairs: _Pairs, *, ids: Tensor, tokens: Tensor | None = None) -> Tensor:
        """The pooled states of pairs [M, W], or those of some tokens: bool [M, L], True = asked for, [asked, W] in order."""

        def read(texts: Tensor, clips: Tensor, asked: Tensor | None) -> Tensor:
            states = self._network.read(
                tower, ids[texts], attended=rows.attended[texts], frames=rows.frames[clips],
                frame_mask=rows.frame_mask[clips],
            )  # fmt: skip
            return states.pooled if asked is None else states.tokens[asked]

        size, count = self._pairs_at_once, len(pairs[0])
        if size is None or size >= count:
            return read(*pairs, tokens)
        parts = [slice(start, start + size) for start in range(0, count, size)]
        return torch.cat([
            checkpoint(
                read, pairs[0][part], pairs[1][part], None if tokens is None else tokens[part], use_reentrant=False
            )
            for part in parts
        ])  # fmt: skip

    def _generator(self, name: str, step: int) -> torch.Generator:
        return generator_of(name, seed=self._seed, step=step)
