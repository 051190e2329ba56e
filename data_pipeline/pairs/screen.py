"""The on-screen text that belongs to a span and says what its other text does not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from data_pipeline.corpus.measured import ScreenTextRow
from data_pipeline.evidence.text_likeness import part_of, same_text
from data_pipeline.evidence.text_policy import comparable
from data_pipeline.pairs.settings import PairSettings
from data_pipeline.texts.cleaning import CleanText, clean_text


def usable_screen_texts(rows: Sequence[ScreenTextRow], settings: PairSettings) -> list[tuple[ScreenTextRow, CleanText]]:
    """Lines of a wanted role that repeat no speech and are something when cleaned, in order of time and from the top down."""
    wanted = [row for row in rows if row.role in settings.screen_roles and row.repeats_speech is None]
    wanted.sort(key=lambda row: (row.start_ms, row.quad[1::2], row.track))
    cleaned = ((row, clean_text(row.text)) for row in wanted)
    return [(row, text) for row, text in cleaned if comparable(text.text)]


def screen_part(
    lines: Sequence[tuple[ScreenTextRow, CleanText]], *, start_ms: int, end_ms: int, beside: str, most: int
) -> list[CleanText]:
    """The lines of a span, each once, without those that `beside` says already; as many as fit into `most` characters.

    A line belongs to a span when half of the shorter of the two is shared.
    """
    return new_parts(
        (text for row, text in lines if _belongs(row, start_ms=start_ms, end_ms=end_ms)), beside=beside, most=most
    )


def new_parts(parts: Iterable[CleanText], *, beside: str, most: int) -> list[CleanText]:
    """Parts that say something, each once, without those that `beside` says already; as many as fit into `most` characters."""
    said, found, room = [comparable(beside)], [], most
    for text in parts:
        letters = comparable(text.text)
        if any(same_text(letters, other) or (len(letters) <= len(other) and part_of(letters, other)) for other in said):
            continue
        if len(text.text) > room:
            break
        said.append(letters)
        found.append(text)
        room -= len(text.text)
    return found


def _belongs(row: ScreenTextRow, *, start_ms: int, end_ms: int) -> bool:
    shared = min(row.end_ms, end_ms) - max(row.start_ms, start_ms)
    return shared > 0 and 2 * shared >= min(row.end_ms - row.start_ms, end_ms - start_ms)
