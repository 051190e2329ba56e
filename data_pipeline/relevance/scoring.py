"""How well each text of a video fits the keyframes of its span: cosines of an encoder, with the on-screen text and without."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from data_pipeline.corpus.measured import CandidateRow, KeyframeRow, ScreenTextRow, ShotRow
from data_pipeline.relevance.masking import covered, quads_at
from data_pipeline.relevance.model import TextPictureModel

_AT_ONCE = 64                       # decoded pictures that are held

Scores = tuple[float | None, float | None, float | None]        # mean, max, mean of the best


def scored(
    candidates: Sequence[CandidateRow], *, keyframes: Sequence[KeyframeRow], pictures: Sequence[bytes],
    screen_texts: Sequence[ScreenTextRow], shots: Sequence[ShotRow], model: TextPictureModel, top: int = 3,
) -> list[CandidateRow]:
    """The candidates of one video with their scores; `pictures` are JPEG files of the kept ones of `keyframes`, in order.

    A span is judged by its kept keyframes, and by the kept one that a duplicate in it repeats; one between two keyframes
    by the nearest of its shot, and its `keyframes` stays 0. Masked scores cover all on-screen text in the pictures and
    leave it out of the text. A text or a span with nothing to judge has None.
    Every picture and every text goes through the model once. Raises ValueError where `pictures` are not as many as the
    kept keyframes, ModelError when the model fails.
    """
    kept = [row for row in keyframes if row.dropped is None]
    if len(kept) != len(pictures):
        raise ValueError(f"there are {len(pictures)} pictures for {len(kept)} kept keyframes")
    held = [keyframes_of(row.start_ms, row.end_ms, keyframes) for row in candidates]
    spans = [
        inside or nearest_of_shot(row.start_ms, row.end_ms, keyframes, shots)
        for row, inside in zip(candidates, held, strict=True)
    ]
    wanted = sorted({place for span in spans for place in span})
    if not wanted:
        return [replace(row, keyframes=0) for row in candidates]
    columns = {place: column for column, place in enumerate(wanted)}
    plain, masked = _picture_vectors([(kept[place].time_ms, pictures[place]) for place in wanted], screen_texts, model)
    without = [without_screen_text(row) for row in candidates]
    texts = _text_vectors([*(row.text for row in candidates), *without], model)
    return [
        _with_scores(
            row, count=len(inside), model=model.name,
            plain=_scores(texts.get(row.text), plain[[columns[place] for place in span]], top=top),
            masked=_scores(texts.get(text), masked[[columns[place] for place in span]], top=top),
        )
        for row, text, inside, span in zip(candidates, without, held, spans, strict=True)
    ]


def keyframes_of(start_ms: int, end_ms: int, keyframes: Sequence[KeyframeRow]) -> list[int]:
    """Numbers among the kept keyframes of those that show what is seen in [start_ms, end_ms), in order."""
    found: list[int] = []
    for row, place in _showing(keyframes):
        if start_ms <= row.time_ms < end_ms and place not in found[-1:]:
            found.append(place)
    return found


def nearest_of_shot(
    start_ms: int, end_ms: int, keyframes: Sequence[KeyframeRow], shots: Sequence[ShotRow]
) -> list[int]:
    """The number among the kept keyframes of the one nearest to the middle of [start_ms, end_ms), in the shot seen there.

    Empty where that shot has none, and where a black or uniform keyframe says that there is nothing to see.
    """
    middle_ms = (start_ms + end_ms) // 2
    shot = next((one.shot for one in shots if one.start_ms <= middle_ms < one.end_ms), None)
    if any(row.dropped in ("black", "uniform") and start_ms <= row.time_ms < end_ms for row in keyframes):
        return []
    near = [(abs(row.time_ms - middle_ms), place) for row, place in _showing(keyframes) if row.shot == shot]
    return [min(near)[1]] if near else []


def _showing(keyframes: Sequence[KeyframeRow]) -> Iterator[tuple[KeyframeRow, int]]:
    """Kept keyframes and what repeats them, each with the number of what it shows among the kept ones."""
    place, last = -1, -1            # `last`: what a duplicate here would repeat, -1 where that was not kept
    for row in keyframes:
        if row.dropped is None:
            place += 1
            last = place
        elif row.dropped == "thinned":
            last = -1
        if row.dropped in (None, "duplicate") and last >= 0:
            yield row, last


def without_screen_text(row: CandidateRow) -> str:
    """The text of a candidate without the on-screen text that was joined to it, "" where nothing else is left."""
    if not row.screen_part:
        return row.text
    if row.screen_part in row.text:
        before, _, after = row.text.rpartition(row.screen_part)
        return f"{before.strip()} {after.strip()}".strip(" ，,。；;|")
    return " ".join(part for part in (row.title_part, row.speech_part) if part)


def _picture_vectors(
    pictures: Sequence[tuple[int, bytes]], screen_texts: Sequence[ScreenTextRow], model: TextPictureModel
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """float32 [N, D] of the pictures, given with their times, and of the same with their text covered."""
    parts = [pictures[start : start + _AT_ONCE] for start in range(0, len(pictures), _AT_ONCE)]
    vectors = [_vectors_of_some(part, screen_texts, model) for part in parts]
    return np.concatenate([plain for plain, _ in vectors]), np.concatenate([masked for _, masked in vectors])


def _vectors_of_some(
    pictures: Sequence[tuple[int, bytes]], screen_texts: Sequence[ScreenTextRow], model: TextPictureModel
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    decoded = [Image.open(io.BytesIO(picture)).convert("RGB") for _, picture in pictures]
    quads = [quads_at(time_ms, screen_texts) for time_ms, _ in pictures]
    lettered = [number for number, boxes in enumerate(quads) if boxes]
    plain = model.picture_vectors(decoded)
    masked = plain.copy()
    masked[lettered] = model.picture_vectors([covered(decoded[number], quads[number]) for number in lettered])
    return plain, masked


def _text_vectors(texts: Iterable[str], model: TextPictureModel) -> Mapping[str, NDArray[np.float32]]:
    """A vector for every text that has a letter or digit in it."""
    different = [text for text in dict.fromkeys(texts) if any(c.isalnum() for c in text)]
    return dict(zip(different, model.text_vectors(different), strict=True))


def _scores(text: NDArray[np.float32] | None, pictures: NDArray[np.float32], *, top: int) -> Scores:
    """Mean, max and mean of the best `top` cosines of a text [D] with pictures [N, D]."""
    if text is None or not len(pictures):
        return None, None, None
    cosines = np.sort(pictures.astype(np.float64) @ text.astype(np.float64))[::-1]
    return _rounded(cosines.mean()), _rounded(cosines[0]), _rounded(cosines[:top].mean())


def _rounded(score: float) -> float:
    """To 5 digits: what differs beyond them follows from how texts and pictures were batched."""
    return round(float(score), 5)


def _with_scores(row: CandidateRow, *, count: int, model: str, plain: Scores, masked: Scores) -> CandidateRow:
    return replace(
        row, keyframes=count, relevance_model=model,
        relevance_mean=plain[0], relevance_max=plain[1], relevance_top3=plain[2],
        masked_mean=masked[0], masked_max=masked[1], masked_top3=masked[2],
    )
