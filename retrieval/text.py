"""Text as it is compared: Unicode, script and case folded, then cut into tokens that need no dictionary."""

from __future__ import annotations

import re
import unicodedata
import zlib
from functools import lru_cache
from pathlib import Path
from string import ascii_lowercase

# Scripts written without spaces: Han with its extensions and compatibility forms, kana, bopomofo, hangul.
_UNSPACED = (
    "\u3005-\u3007\u3040-\u30ff\u3100-\u312f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\u1100-\u11ff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
)
_RUN = re.compile(rf"(?P<unspaced>[{_UNSPACED}]+)|(?P<spaced>[^\W_{_UNSPACED}]+)|(?P<sign>[\U0001f000-\U0001faff\u2600-\u27bf])")
_PAIR = re.compile(rf"[{_UNSPACED}]{{2}}")
_LETTERS_OR_DIGITS = re.compile(r"\d+|[^\W\d_]+")
_SPACE = re.compile(r"\s+")
_CHINESE = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff]")


def normalise(text: str) -> str:
    """Unicode NFKC, control characters dropped, white space folded to single spaces; case and script are kept."""
    text = unicodedata.normalize("NFKC", text)
    if not text.isprintable():      # most texts are, and then hold none of what is dropped
        text = "".join(c for c in text if c in "\t\n\r" or unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co"))
    return _SPACE.sub(" ", text).strip()


def fold(text: str) -> str:
    """The form in which two texts are compared: normalised, traditional characters simplified one by one, lower case, Latin
    letters without accents.

    Characters are mapped without looking at their neighbours, so that a part of a text always folds to a part of the
    folded text: a search for one character finds every word that holds it.
    """
    text = normalise(text).casefold()
    if _mapped().isdisjoint(text):
        return text
    return _SPACE.sub(" ", text.translate(_folding())).strip()      # a mark alone stood on a space


def simplified_in_place(text: str) -> str:
    """Traditional characters simplified one by one and nothing else changed: each character keeps its place."""
    return text.translate(_simplified())


def simplify(text: str) -> str:
    """Traditional to simplified Chinese with phrases taken into account: what a text encoder should read."""
    return _phrase_converter().convert(text)


def ngrams(text: str) -> list[str]:
    """Unigrams and bigrams of unspaced scripts; other words whole and, where letters meet digits, in parts.

    In reading order, with repetitions: `"狗 iPhone15"` gives `狗 iphone15 iphone 15`.
    """
    return ngrams_of_folded(fold(text))


def ngrams_of_folded(text: str) -> list[str]:
    """`ngrams` of a text that is folded already."""
    tokens: list[str] = []
    for run in _RUN.finditer(text):
        word = run.group()
        if run.lastgroup == "unspaced":
            tokens.extend(word)
            tokens.extend(word[i : i + 2] for i in range(len(word) - 1))
        else:
            tokens.append(word)
            parts = _LETTERS_OR_DIGITS.findall(word)
            if len(parts) > 1:
                tokens.extend(parts)
    return tokens


def count_of_ngrams(folded: str) -> int:
    """`len(ngrams_of_folded(folded))` without making them."""
    count = 0
    for run in _RUN.finditer(folded):
        if run.lastgroup == "unspaced":
            count += 2 * (run.end() - run.start()) - 1
        else:
            parts = len(_LETTERS_OR_DIGITS.findall(run.group()))
            count += 1 + (parts if parts > 1 else 0)
    return count


def holds_chinese(text: str) -> bool:
    """Whether there is a Chinese character in the text."""
    return _CHINESE.search(text) is not None


def is_unspaced(token: str) -> bool:
    """Whether a token of `ngrams` is one or two characters of an unspaced script, or a sign: it stands wherever it occurs."""
    match = _RUN.match(token)
    return match is not None and match.lastgroup != "spaced"


def is_pair(token: str) -> bool:
    """Whether a token of `ngrams` is two neighbouring characters of an unspaced script, and not a word of two letters."""
    return len(token) == 2 and _PAIR.match(token) is not None


@lru_cache(maxsize=1)
def folding_version() -> str:
    """Eight hexadecimal digits that change with all that `ngrams` looks up: characters, patterns and Unicode's tables."""
    patterns = [pattern.pattern for pattern in (_RUN, _PAIR, _LETTERS_OR_DIGITS, _SPACE)]
    parts = (unicodedata.unidata_version, patterns, sorted(_folding().items()))
    return f"{zlib.crc32(repr(parts).encode('ascii', 'backslashreplace')):08x}"


@lru_cache(maxsize=1)
def _folding() -> dict[int, str]:
    """What each character becomes."""
    return _simplified() | _without_accents()


@lru_cache(maxsize=1)
def _simplified() -> dict[int, str]:
    import opencc

    table = Path(opencc.__file__).parent / "dictionary" / "TSCharacters.txt"
    pairs = (line.split("\t") for line in table.read_text(encoding="utf-8").splitlines() if "\t" in line)
    direct = {source: targets.split(" ")[0] for source, targets in pairs if len(source) == 1}
    # 薴 -> 苧 -> 苎: follow to the end, so that folding twice is folding once.
    return {ord(source): direct.get(target, target) for source, target in direct.items()}


def _without_accents() -> dict[int, str]:
    """Each accented Latin letter as its letter, and no mark that stands for itself: NFKC has composed what it can.

    What a mark makes another letter stays: й, が, ή.
    """
    letters = {code: unicodedata.normalize("NFD", chr(code)) for code in (*range(0xC0, 0x250), *range(0x1E00, 0x1F00))}
    plain = {code: parts[0] for code, parts in letters.items() if len(parts) > 1 and parts[0] in ascii_lowercase}
    return plain | dict.fromkeys(range(0x300, 0x370), "")


@lru_cache(maxsize=1)
def _mapped() -> frozenset[str]:
    """Every character that `_folding` maps: looking for one is faster than mapping all."""
    return frozenset(map(chr, _folding()))


@lru_cache(maxsize=1)
def _phrase_converter():  # type: ignore[no-untyped-def]
    from opencc import OpenCC

    return OpenCC("t2s")
