"""Local vision-word matching as a term: some significant words of each text against the frames of all clips."""

from __future__ import annotations

from torch import Tensor

from training.objectives.drawing import generator_of
from training.objectives.local_word_matching import draw_words, local_vision_word_matching
from training.recipe import LocalWords
from training.terms.term import Pairs


class LocalWordsTerm:
    """Each process computes the loss of all rows, for each pair's softmax holds the texts and clips of all others.

    ignore_identical: another clip with the very same text is no negative.
    """

    def __init__(self, settings: LocalWords, *, seed: int, ignore_identical: bool) -> None:
        self.weight = settings.weight
        self._settings = settings
        self._seed = seed
        self._ignore_identical = ignore_identical

    def __call__(self, pairs: Pairs) -> dict[str, Tensor]:
        texts, told = pairs.texts, pairs.batch.texts.significance
        if told is None:
            raise ValueError("local words need texts that tell which of their tokens are significant")
        words, mask = pairs.of_all(texts.words), pairs.of_all(texts.mask)
        places = draw_words(
            mask, pairs.of_all(told.significant), count=min(self._settings.count, mask.shape[1]),
            generator=generator_of("local words", seed=self._seed, step=pairs.step),
        )  # fmt: skip
        ids = pairs.of_all(pairs.batch.text_ids)
        loss = local_vision_word_matching(
            words.gather(1, places[..., None].expand(-1, -1, words.shape[2])), pairs.of_all(pairs.videos.frames),
            logit_scale=pairs.logit_scale, clip_mask=pairs.of_all(pairs.videos.mask),
            positive_clips=self._settings.positive_frames,
            ignored=ids[:, None] == ids[None, :] if self._ignore_identical else None,
        )  # fmt: skip
        return {"local_words": loss}
