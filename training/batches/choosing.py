"""What a visit shows of a sample: one of its texts, some of its frames, a part of the picture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from random import Random

from data_pipeline.corpus.samples import SampleText
from training.recipe import TextWeights

Box = tuple[float, float, float, float]


def text_weights(texts: Sequence[SampleText], weights: TextWeights) -> list[float]:
    """How likely each text is to be chosen, not divided by their sum; alike texts share the weight of their class."""
    classes = [(text["language"], text["detail"] or "none", text["kind"]) for text in texts]
    counts = Counter(classes)
    return [
        _weight(weights.language, language) * _weight(weights.detail, detail) * _weight(weights.kind, kind)
        / counts[language, detail, kind]
        for language, detail, kind in classes
    ]  # fmt: skip


def draw_text(texts: Sequence[SampleText], weights: TextWeights, random: Random) -> int | None:
    """The number of a text drawn by the weights, None when all weigh nothing."""
    likely = text_weights(texts, weights)
    return random.choices(range(len(texts)), likely)[0] if any(likely) else None


def heaviest_text(texts: Sequence[SampleText], weights: TextWeights) -> int | None:
    """The number of the first of the heaviest texts, before alike ones share; None when all weigh nothing."""
    single = [text_weights([text], weights)[0] for text in texts]
    return single.index(max(single)) if any(single) else None


def choose_frames(stored: int, count: int, random: Random | None) -> list[int]:
    """Numbers of `count` of the stored frames, in order: one from each of so many equal segments.

    random: draws within each segment; None = its centre. All frames when fewer are stored.
    """
    if stored <= count:
        return list(range(stored))
    ends = [stored * i // count for i in range(count + 1)]
    if random is None:
        return [(start + end) // 2 for start, end in pairwise(ends)]
    return [random.randrange(start, end) for start, end in pairwise(ends)]


def draw_crop(crop: float, random: Random) -> Box | None:
    """A part of the picture as shares (left, top, right, bottom), each side up to `crop` shorter; None = all of it.

    Never mirrored: texts speak of left and right.
    """
    if crop == 0:
        return None
    width, height = 1 - crop * random.random(), 1 - crop * random.random()
    left, top = (1 - width) * random.random(), (1 - height) * random.random()
    return left, top, left + width, top + height


def _weight(weights: Mapping[str, float], name: str) -> float:
    return weights.get(name, weights.get("other", 0.0)) if weights else 1.0
