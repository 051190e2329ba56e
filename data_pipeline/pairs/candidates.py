"""Every text of a video with the span that it may tell of: candidates for pairs, before anything is scored or decided."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from itertools import groupby
from typing import TypeVar

from data_pipeline.corpus.measured import CandidateRow, ScreenTextRow, SourceRow, SpeechRow
from data_pipeline.evidence.cues import Cue, CuePiece
from data_pipeline.evidence.text_policy import comparable
from data_pipeline.pairs.growth import grown_spans
from data_pipeline.pairs.screen import new_parts, screen_part, usable_screen_texts
from data_pipeline.pairs.settings import PairSettings
from data_pipeline.sound.policy import text_flags
from data_pipeline.texts.cleaning import CleanText, clean_text
from data_pipeline.texts.language import language_of
from retrieval.records import Evidence

SPOKEN = ("asr", "subtitle")        # kinds of texts that are said in the video
Line = TypeVar("Line", bound=Cue)
_MANIFEST, _METADATA = "manifest", "metadata"


@dataclass(frozen=True, kw_only=True)
class _Piece:
    """A text with its span, on the way to a candidate."""

    kind: str
    start_ms: int
    end_ms: int
    text: CleanText
    source: str
    language: str | None = None
    flags: tuple[str, ...] = ()


@dataclass
class _Numbered:
    """Gives candidates their ids, and passes over a text that its span has already."""

    start: str
    taken: set[tuple[str, int, int, str]] = field(default_factory=set)

    def id_of(self, piece: _Piece, text: str) -> str | None:
        key = piece.kind, piece.start_ms, piece.end_ms, text
        if key in self.taken:
            return None
        self.taken.add(key)
        return f"{self.start}_{len(self.taken) - 1:04d}"


def candidate_rows(
    source: SourceRow, *, video_id: str, shard: str, duration_ms: int, title: str | None, cover: Sequence[Evidence],
    speech: Sequence[SpeechRow], subtitles: Sequence[Evidence], screen_texts: Sequence[ScreenTextRow], settings: PairSettings,
) -> list[CandidateRow]:
    """Captions as they came, title and cover for the whole video, then speech and each subtitle track grown to spans.

    What stands on a cover is one text, as a title is, without what the title says already.
    Texts are cleaned, and those of which nothing remains are left out. Speech and subtitles that came along pass the text
    rules of the speech policy, as what was heard here has. Segments that it has flagged grow among themselves only, so that
    they cost their good neighbours nothing. Relevance is left empty.
    """
    lines = usable_screen_texts(screen_texts, settings)
    numbered = _Numbered(f"{video_id[:16]}_{source.source_id[:8]}")
    rows = []
    for piece in _pieces(source, title, cover, speech, subtitles, duration_ms, settings):
        joined = screen_part(
            lines, start_ms=piece.start_ms, end_ms=piece.end_ms, beside=piece.text.text, most=settings.screen_characters
        ) if piece.kind in settings.screen_kinds else []
        text = " ".join(part.text for part in (piece.text, *joined))
        pair_id = numbered.id_of(piece, text)
        if pair_id is not None:
            rows.append(CandidateRow(
                pair_id=pair_id, video_id=video_id, source_id=source.source_id, shard=shard, kind=piece.kind,
                start_ms=piece.start_ms, end_ms=piece.end_ms, text=text, language=language_of(text, told=piece.language),
                characters=len(comparable(text)), title_part=piece.text.text if piece.kind == "title" else "",
                speech_part=piece.text.text if piece.kind in SPOKEN else "",
                screen_part=" ".join(part.text for part in joined), source=piece.source,
                flags=(*piece.flags, *_found_by_cleaning(text, (piece.text, *joined), settings)),
            ))  # fmt: skip
    return rows


def _pieces(
    source: SourceRow, title: str | None, cover: Sequence[Evidence], speech: Sequence[SpeechRow],
    subtitles: Sequence[Evidence], duration_ms: int, settings: PairSettings,
) -> Iterator[_Piece]:
    captions = list(_captions(source))
    whole_title = [] if title is None else [_piece("title", title, 0, duration_ms, _MANIFEST if source.title else _METADATA)]
    spoken = [
        _piece("asr", row.text, row.start_ms, row.end_ms, row.engine, language=row.language, flags=row.flags) for row in speech
    ]
    shown = [
        _piece("subtitle", piece.text, piece.start_ms, piece.end_ms, piece.source, language=piece.language, flags=flags)
        for track in dict.fromkeys(piece.source for piece in subtitles)
        for piece, flags in _with_flags([piece for piece in subtitles if piece.source == track])
    ]
    yield from _within((piece for piece in captions if piece.kind == "caption"), duration_ms)
    yield from _within(whole_title, duration_ms)
    yield from _within(_on_cover(cover, title or "", settings), duration_ms)
    for track in _tracks([*(piece for piece in captions if piece.kind != "caption"), *spoken, *shown]):
        yield from _grown(list(_within(track, duration_ms)), settings)


def _on_cover(cover: Sequence[Evidence], title: str, settings: PairSettings) -> Iterator[_Piece]:
    """All that stands on a cover as one text."""
    blocks = [_piece("cover", line.text, line.start_ms, line.end_ms, line.source) for line in cover]
    said = [block.text for block in blocks if comparable(block.text.text)]
    if new := new_parts(said, beside=title, most=settings.cover_characters):
        yield _joined([replace(blocks[0], text=text) for text in new], lambda left, right: f"{left} {right}")


def _captions(source: SourceRow) -> Iterator[_Piece]:
    kind, lines = source.caption_kind, captions_of(source)
    for line, flags in _with_flags(lines) if kind in SPOKEN else ((line, ()) for line in lines):
        yield _piece(kind, line.text, line.start_ms, line.end_ms, _MANIFEST, flags=flags)


def captions_of(source: SourceRow) -> list[CuePiece]:
    """The texts that came along, as they came; an end of -1 stands for the end of the video."""
    times = zip(source.caption_starts_ms, source.caption_ends_ms, source.captions, strict=True)
    return [CuePiece(max(start_ms, 0), end_ms, text) for start_ms, end_ms, text in times]


def late_captions(source: SourceRow, *, duration_ms: int) -> str | None:
    """One sentence on the texts that came along and begin where the video has ended: they are no candidates."""
    starts = [max(start_ms, 0) for start_ms, text in zip(source.caption_starts_ms, source.captions, strict=True) if text.strip()]
    late = sum(start_ms >= duration_ms for start_ms in starts)
    if not late:
        return None
    return f"{late} of {len(starts)} captions begin after its end at {duration_ms / 1000:g} s and are left out."


def _with_flags(track: Sequence[Line]) -> Iterator[tuple[Line, tuple[str, ...]]]:
    """Lines of a track that came along, in order of time, and what is wrong with their texts."""
    in_time = sorted(track, key=lambda line: (line.start_ms, line.end_ms))
    return zip(in_time, text_flags([line.text for line in in_time]), strict=True)


def _piece(
    kind: str, text: str, start_ms: int, end_ms: int, source: str, *, language: str | None = None, flags: tuple[str, ...] = ()
) -> _Piece:
    return _Piece(
        kind=kind, start_ms=start_ms, end_ms=end_ms, text=clean_text(text), source=source, language=language, flags=flags
    )


def _within(pieces: Iterable[_Piece], duration_ms: int) -> Iterator[_Piece]:
    """Pieces that say something, each with its span inside the video."""
    for piece in pieces:
        end_ms = duration_ms if piece.end_ms < 0 else min(piece.end_ms, duration_ms)
        start_ms = max(piece.start_ms, 0)
        if comparable(piece.text.text) and start_ms < end_ms:
            yield replace(piece, start_ms=start_ms, end_ms=end_ms)


def _tracks(pieces: Sequence[_Piece]) -> Iterator[list[_Piece]]:
    """Segments that follow each other: of one kind, from one source."""
    order = list(dict.fromkeys((piece.kind, piece.source) for piece in pieces))
    for wanted in order:
        yield [piece for piece in pieces if (piece.kind, piece.source) == wanted]


def _grown(track: list[_Piece], settings: PairSettings) -> Iterator[_Piece]:
    track.sort(key=lambda piece: (piece.start_ms, piece.end_ms))
    for _, neighbours in groupby(track, key=lambda piece: bool(piece.flags)):
        run = list(neighbours)
        spans = grown_spans(
            [len(piece.text.text) for piece in run], [piece.start_ms for piece in run], [piece.end_ms for piece in run],
            min_characters=settings.min_characters, min_ms=settings.min_ms,
        )
        grown = (_joined(run[first : last + 1], _side_by_side) for first, last in spans)
        yield from (piece for piece in grown if comparable(piece.text.text))


def _joined(segments: Sequence[_Piece], join: Callable[[str, str], str]) -> _Piece:
    """Neighbouring segments as one; cleaned again, for a telephone number may begin in one and end in the next."""
    removed: dict[str, int] = {}
    for segment in segments:
        removed.update(segment.text.removed)
    text = clean_text(reduce(join, (segment.text.text for segment in segments)))
    return replace(
        segments[0], end_ms=max(segment.end_ms for segment in segments),
        text=replace(text, removed={**removed, **text.removed}),
        flags=tuple(dict.fromkeys(flag for segment in segments for flag in segment.flags)),
    )


def _side_by_side(left: str, right: str) -> str:
    """Plainly joined, as Chinese is; words written with spaces stay words."""
    return f"{left} {right}" if left[-1:].isascii() and right[:1].isascii() else left + right


def _found_by_cleaning(text: str, parts: Sequence[CleanText], settings: PairSettings) -> Iterator[str]:
    if any("bait" in part.removed for part in parts):
        yield "bait"
    if any(part.holds_personal_data for part in parts):
        yield "personal_data"
    if len(comparable(text)) < settings.short:
        yield "short"
