"""On-screen text that says what is being said: a burnt-in subtitle beside the speech that it was made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rapidfuzz import fuzz

from data_pipeline.corpus.measured import IMPORTED, ScreenTextRow, SpeechRow
from data_pipeline.evidence.cues import Cue
from data_pipeline.evidence.text_policy import comparable
from data_pipeline.spans import Neighbours

_SLACK_MS = 1_000       # a subtitle comes a little before its speech, or stays after it
_LIKE = 75              # percent of the line's characters: OCR and ASR both slip
_SURE = 4               # letters and digits; a shorter line must be said exactly


def with_repeats(
    lines: Sequence[ScreenTextRow], speech: Sequence[SpeechRow], imported: Sequence[Cue] = ()
) -> tuple[ScreenTextRow, ...]:
    """The same lines, each with the first segment of speech at its time that says it, None where none does.

    imported: lines of subtitle tracks, and speech that came along; a line that only one of these says gets IMPORTED.
    """
    everything: list[Cue] = [*speech, *imported]
    numbers = [*(segment.segment for segment in speech), *(IMPORTED for _ in imported)]
    said = [comparable(one.text) for one in everything]
    at_their_time = Neighbours([(one.start_ms, one.end_ms) for one in everything])

    def segment_that_says(line: ScreenTextRow) -> int | None:
        letters = comparable(line.text)
        near = at_their_time.of(line.start_ms - _SLACK_MS, line.end_ms + _SLACK_MS)
        return next((numbers[place] for place in near if _says(said[place], letters)), None)

    return tuple(replace(line, repeats_speech=segment_that_says(line)) for line in lines)


def _says(text: str, letters: str) -> bool:
    if len(letters) < _SURE or len(text) < len(letters) // 2:
        return bool(letters) and letters in text
    return fuzz.partial_ratio(letters, text) >= _LIKE
