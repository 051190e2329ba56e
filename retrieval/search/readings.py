"""Which characters are read alike, and what a pinyin spelling may stand for; tones are left out."""

from __future__ import annotations

import importlib.util
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from retrieval.search.background import common_characters
from retrieval.text import simplify


def homophones(character: str) -> tuple[str, ...]:
    """The other characters that share a reading with this simplified one, common ones first; () for an unknown one."""
    found = dict.fromkeys(c for syllable in _syllables_of().get(character, ()) for c in _characters()[syllable])
    return tuple(c for c in found if c != character)


def characters(syllable: str) -> str:
    """The characters that are read so, common ones first."""
    return _characters()[syllable]


def is_usual(character: str, syllable: str) -> bool:
    """Whether a character is mostly read so: 机 is ji, and only in old texts wei."""
    return character in _usual_readings().get(syllable, "")


def spellings(letters: str) -> Iterator[tuple[str, ...]]:
    """Every way to cut lower-case letters into syllables, few ones first: xian gives xian, and xi an."""
    if not _can_be_cut(letters):
        return              # without a look at the readings, which take time and memory
    cuts: list[list[tuple[str, ...]]] = [[()]]
    for stop in range(1, len(letters) + 1):
        cuts.append([
            (*head, letters[start:stop])
            for start in range(max(0, stop - _LONGEST), stop)
            if letters[start:stop] in _characters()
            for head in cuts[start]
        ])  # fmt: skip
    yield from sorted(cuts[-1], key=len)


def _can_be_cut(letters: str) -> bool:
    reached = {0}           # by place: a pattern of many syllables would try every way to cut
    for stop in range(1, len(letters) + 1):
        starts = range(max(0, stop - _LONGEST), stop)
        if any(start in reached and _SYLLABLE.fullmatch(letters, start, stop) for start in starts):
            reached.add(stop)
    return len(letters) in reached


_LONGEST = len("zhuang")
# Every initial before every final: more than there are, and none missing that stands in the readings.
_SYLLABLE = re.compile(
    "(?:[zcs]h|[b-df-hj-np-tw-z])(?:a|ai|an|ang|ao|e|ei|en|eng|i|ia|ian|iang|iao|ie|in|ing|iong|iu|o|ong|ou|u|ua|uai|uan|"
    "uang|ue|ui|un|uo|v|ve)|a|ai|an|ang|ao|e|ei|en|eng|er|o|ou"
)
_VOWELS = set("aeiouv")      # without one stand interjections alone: hm, n, ng


@lru_cache(maxsize=1)
def _characters() -> dict[str, str]:
    """Simplified characters by syllable, common ones first; the readings are those of the package pypinyin."""
    return _by_syllable(usual_alone=False)


@lru_cache(maxsize=1)
def _usual_readings() -> dict[str, str]:
    """The same by the reading that the package names first."""
    return _by_syllable(usual_alone=True)


def _by_syllable(*, usual_alone: bool) -> dict[str, str]:
    by_code = _readings()
    read_so: dict[str, list[str]] = defaultdict(list)
    for character in common_characters():
        if simplify(character) == character:
            readings = by_code.get(ord(character), "").split(",")
            for syllable in dict.fromkeys(map(_without_tone, readings[:1] if usual_alone else readings)):
                read_so[syllable].append(character)
    return {syllable: "".join(alike) for syllable, alike in read_so.items() if _VOWELS & set(syllable)}


def _readings() -> dict[int, str]:
    """Code of a character -> its readings with tones, between commas.

    The module of the package that holds them is read by itself: the whole package loads its phrases too, 57 MB of memory.
    """
    package = importlib.util.find_spec("pypinyin")
    assert package is not None
    assert package.origin is not None
    spec = importlib.util.spec_from_file_location("pypinyin_readings", Path(package.origin).parent / "pinyin_dict.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    readings: dict[int, str] = module.pinyin_dict
    return readings


def _without_tone(reading: str) -> str:
    """As it is typed: lǜ is lv, háng is hang."""
    letters = unicodedata.normalize("NFD", reading).replace("u\u0308", "v")
    return "".join(c for c in letters if not unicodedata.combining(c)).replace("\u0261", "g")


@lru_cache(maxsize=1)
def _syllables_of() -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for syllable, read_so in _characters().items():
        for character in read_so:
            found[character] = (*found.get(character, ()), syllable)
    return found
