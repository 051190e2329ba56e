"""A slip of the pen or a pinyin spelling in a query that finds little, put right by what the library's texts hold."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise, product

from retrieval.library import Library
from retrieval.records import EVIDENCE_KINDS
from retrieval.search.background import is_word_of_two
from retrieval.search.channels import Recall
from retrieval.search.english import LIKE_PINYIN
from retrieval.search.numerals import numbers_in_the_other_script
from retrieval.search.query import Query
from retrieval.search.readings import characters, homophones, is_usual, spellings
from retrieval.text import fold, ngrams_of_folded

# A row that holds this share of the query's information is what was asked for: nothing is put right beside it.
ENOUGH_HELD = 0.8
_MOST_LETTERS, _MOST_SYLLABLES, _MOST_SPELLINGS = 24, 6, 4
_MOST_CHARACTERS = 40       # of a syllable that are tried, the common ones
_MOST_PATHS = 200           # words that a spelling may stand for
_LONGEST = 12               # characters of a piece that is looked at
_ROWS = 20                  # of a kind that are looked at for a text with one other character
_HAN = re.compile(r"[\u3400-\u9fff]+")
_LATIN = re.compile(r"[a-z]+")


def finds_little(channels: Mapping[str, Recall]) -> bool:
    """Whether no row of words holds most of the query."""
    rows = (match for recall in channels.values() for match in recall.matches)
    return all(match.coverage is None or match.coverage < ENOUGH_HELD for match in rows)


@dataclass(frozen=True, kw_only=True)
class Corrected:
    """What a query was taken for, folded. text: what words are looked for; heard: what a model reads, with only that put
    right which sounds the same; guessed: whether any word is another one by more than its spelling."""

    text: str
    heard: str
    guessed: bool


def corrected(library: Library, query: Query, *, nothing_else: bool) -> Corrected | None:
    """The query with each piece that no text holds replaced by one that a text does hold, None = nothing to put right.

    A piece is replaced by another in which a number is written otherwise or one character is, read alike or not, or by the
    characters that its letters spell. It is changed only where the library's texts hold the new one as it stands or, within
    a longer piece, where a word of two characters that they hold comes of two that make no word. A word of two characters
    that the dictionary has is what was meant, and so is an English word, but where there is nothing else to show.
    """
    kept = frozenset() if nothing_else else LIKE_PINYIN
    heard, written, guessed = {}, {}, {}
    for piece in query.pieces:
        if piece in kept or piece in heard or piece in guessed:
            continue
        slip = _may_be_a_slip(library, piece)
        if (new := _as_it_sounds(library, piece, slip=slip)) is not None:
            heard[piece] = new
        elif (new := _written_otherwise(library, piece)) is not None:
            written[piece] = new
        elif slip and (new := _one_other(library, piece)) is not None:
            guessed[piece] = new
    if not (heard or written or guessed):
        return None
    return Corrected(
        text=query.with_pieces(heard | written | guessed), heard=query.with_pieces(heard), guessed=bool(guessed)
    )


def _as_it_sounds(library: Library, piece: str, *, slip: bool) -> str | None:
    if _LATIN.fullmatch(piece):
        return _spelled(library, piece) if len(piece) <= _MOST_LETTERS and not _held(library, [piece]) else None
    return _read_alike(library, piece) if slip else None


def _may_be_a_slip(library: Library, piece: str) -> bool:
    is_looked_at = _HAN.fullmatch(piece) is not None and 2 <= len(piece) <= _LONGEST
    return is_looked_at and not is_word_of_two(piece) and not library.holds(piece)


def _written_otherwise(library: Library, piece: str) -> str | None:
    """The piece with its numbers in the other script, or an English word without its plural ending, if a text holds that."""
    if _LATIN.fullmatch(piece):
        ways = [piece.removesuffix("s"), piece.removesuffix("es")] if len(piece) > 3 and not piece.endswith("ss") else []
        held = _held(library, [piece, *ways])
        return next((way for way in ways if way in held), None) if piece not in held else None
    other = numbers_in_the_other_script(piece)
    return other if other != piece and not _stands(library, piece) and _stands(library, other) else None


def _stands(library: Library, piece: str) -> bool:
    """Whether a text holds the piece, each number and word of it as a whole."""
    tokens = set(ngrams_of_folded(piece))
    rows = (row for kind in EVIDENCE_KINDS for row in library.search_words(kind, piece, limit=_ROWS))
    return any(piece in (text := fold(row.text)) and tokens <= set(ngrams_of_folded(text)) for row in rows)


def _spelled(library: Library, letters: str) -> str | None:
    """The characters of the first spelling that stand in a text, at least two."""
    ways = [way for way in spellings(letters) if 2 <= len(way) <= _MOST_SYLLABLES][:_MOST_SPELLINGS]
    for way in ways:
        known = _held(library, {c for syllable in way for c in characters(syllable)})
        read_so = [[c for c in characters(syllable) if c in known][:_MOST_CHARACTERS] for syllable in way]
        neighbours = {a + b for left, right in pairwise(read_so) for a, b in product(left, right)}
        held = _held(library, neighbours)
        paths = [a + b for a, b in product(read_so[0], read_so[1]) if a + b in held]
        for options in read_so[2:]:
            paths = [path + c for path in paths for c in options if path[-1] + c in held][:_MOST_PATHS]
        paths.sort(key=lambda path: (
            sum(not is_usual(c, syllable) for c, syllable in zip(path, way, strict=True)),
            -min(held[path[i : i + 2]] for i in range(len(path) - 1)),
        ))  # fmt: skip
        found = next((path for path in paths if len(path) == 2 or library.holds(path)), None)
        if found is not None:
            return found
    return None


def _read_alike(library: Library, piece: str) -> str | None:
    """The piece with one character replaced by another of the same reading."""
    alike = {old: homophones(old) for old in piece}
    known = _held(library, {c for others in alike.values() for c in others})
    written = [(place, _replaced(piece, place, c)) for place, old in enumerate(piece) for c in alike[old] if c in known]
    held = _held(library, {pair for place, new in written for pair in _pairs_around(new, place)})
    possible = [_rest_is_held(library, piece, place) for place in range(len(piece))]
    likely = (
        new for place, new in written if possible[place] and all(pair in held for pair in _pairs_around(new, place))
    )
    whole = next((new for new in likely if library.holds(new)), None)
    if whole is not None or len(piece) < 4:
        return whole
    words = {
        new for place, new in written
        if not any(map(is_word_of_two, _pairs_around(piece, place)))
        for pair in _pairs_around(new, place) if pair in held and is_word_of_two(pair)
    }  # fmt: skip
    return words.pop() if len(words) == 1 else None


def _rest_is_held(library: Library, piece: str, place: int) -> bool:
    """Whether a text holds what stands before and behind a character, as far as that is more than another character."""
    rest = [part for part in (piece[:place], piece[place + 1 :]) if len(part) > 1]
    return not rest or library.holds(*rest)


def _one_other(library: Library, piece: str) -> str | None:
    """A stretch of a text of the same length, at least four characters, that differs in one character.

    What belongs to a word of two that the dictionary has is no slip: 黑色轿车 does not ask for 白色轿车. Nor is 的.
    """
    if len(piece) < 4:
        return None
    slips = {
        place for place, c in enumerate(piece) if c != "的" and not any(map(is_word_of_two, _pairs_around(piece, place)))
    }
    for kind in EVIDENCE_KINDS:
        for row in library.search_words(kind, piece, limit=_ROWS):
            text = fold(row.text)
            for start in range(len(text) - len(piece) + 1):
                stretch = text[start : start + len(piece)]
                others = [place for place, (a, b) in enumerate(zip(stretch, piece, strict=True)) if a != b]
                if len(others) == 1 and others[0] in slips and _HAN.fullmatch(stretch):
                    return stretch
    return None


def _replaced(piece: str, place: int, character: str) -> str:
    return piece[:place] + character + piece[place + 1 :]


def _pairs_around(piece: str, place: int) -> Iterator[str]:
    """The two neighbours of which the character at this place is one, at an end the only one."""
    yield from (piece[i : i + 2] for i in (place - 1, place) if 0 <= i < len(piece) - 1)


def _held(library: Library, tokens: Collection[str]) -> dict[str, int]:
    """Those of the tokens that texts hold, and in how many."""
    counts: dict[str, int] = {}
    for kind in EVIDENCE_KINDS:
        for token, rows in library.document_frequency(kind, tokens)[1].items():
            if rows:
                counts[token] = counts.get(token, 0) + rows
    return counts
