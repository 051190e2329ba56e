"""How common characters and words are at large, so that a small library does not take 的 or "the" for a rare word."""

from __future__ import annotations

import importlib.util
import re
from collections import Counter
from collections.abc import Collection
from functools import lru_cache
from pathlib import Path

import numpy as np

# The dictionary counts 的 ten times too rarely. 7,922,684 of 193,504,018 characters: Jun Da, "Modern Chinese Character
# Frequency List" (2004).
_known: dict[str, float] = {"的": 0.0409}
# Japanese is not in the dictionary: rough shares of running text, from general knowledge, not counted.
_known |= (
    {"の": 0.04} | dict.fromkeys("にはをたがでてとしるいな", 0.02) | dict.fromkeys("もかすられこっうんくまさり", 0.012)
)
# Function words of languages with spaces: rough shares of running words, from general knowledge, not counted.
_FUNCTION_WORDS = {
    0.05: "the de",
    0.025: "of and to a in la que el le les der die und",
    0.01: (
        "is it you that for on with i as are was at be this have not or from by an we my your "
        "en y los las un una por con se del al para es no et des du une est dans pour qui au pas sur il "
        "das den dem von zu ist mit ein eine im auf nicht sich auch"
    ),
}
_FEW_ASKINGS = 2
_askings: list[int] = []            # how many characters each query asked for that were not known
_word_shares = {word: share for share, words in _FUNCTION_WORDS.items() for word in words.split()}


def word_probability(word: str) -> float:
    """The rough share of running text of a function word, folded; 0.0 for every other word."""
    return _word_shares.get(word, 0.0)


def character_probabilities(characters: Collection[str]) -> dict[str, float]:
    """The share of running Chinese text that each character makes up; 0.0 for one that the source does not know.

    Source: word frequencies of jieba's dictionary, each word's count given to its characters. A single query reads only
    the lines that hold its characters (about 40 ms); a process that asks more often counts all of them once.
    """
    missing = {c for c in characters if c not in _known}
    if missing and len(_askings) >= _FEW_ASKINGS:
        return {c: _known[c] if c in _known else _every_character().get(c, 0.0) for c in characters}
    if missing:
        _askings.append(len(missing))
        counts: Counter[str] = Counter()
        text, total = _dictionary()
        lines = re.compile(rf"^([^ \n]*[{re.escape(''.join(missing))}][^ \n]*) (\d+)", re.MULTILINE)
        for line in lines.finditer(text):
            word, frequency = line.group(1), int(line.group(2))
            for character in word:
                if character in missing:
                    counts[character] += frequency
        _known.update({c: counts[c] / total for c in missing})
    return {c: _known[c] for c in characters}


def is_word_of_two(pair: str) -> bool:
    """Whether jieba's dictionary has this word of two characters, in simplified characters."""
    return pair in _words_of_two()


@lru_cache(maxsize=1024)
def dictionary_entry(word: str) -> tuple[int, str] | None:
    """How often jieba's dictionary counted a word, and its part of speech there (n, v, vn, a, r, ...); None = unknown."""
    line = re.search(rf"^{re.escape(word)} (\d+) (\S+)$", _dictionary()[0], re.MULTILINE)
    return None if line is None else (int(line[1]), line[2])


def common_characters() -> list[str]:
    """Every character of jieba's dictionary, the most frequent first."""
    shares = _every_character()
    return sorted(shares, key=lambda c: (-shares[c], c))


@lru_cache(maxsize=1)
def _words_of_two() -> frozenset[str]:
    return frozenset(re.findall(r"^(\S\S) ", _dictionary()[0], re.MULTILINE))


@lru_cache(maxsize=1)
def _every_character() -> dict[str, float]:
    """The share of each character, counted over the 350,000 lines of the dictionary at once (about 0.3 s)."""
    text, total = _dictionary()
    words, counts = zip(*re.findall(r"^(\S+) (\d+)", text, re.MULTILINE), strict=True)
    codes = np.frombuffer("".join(words).encode("utf-32-le"), np.uint32)
    shares = np.bincount(codes, weights=np.repeat(np.array(counts, np.float64), list(map(len, words)))) / total
    return {chr(code): float(shares[code]) for code in np.flatnonzero(shares)}


@lru_cache(maxsize=1)
def _dictionary() -> tuple[str, int]:
    package = importlib.util.find_spec("jieba")
    assert package is not None
    assert package.origin is not None
    text = (Path(package.origin).parent / "dict.txt").read_text(encoding="utf-8")
    # The sum of count × length over the whole dictionary, without parsing 350,000 lines at every start.
    total = sum(len(word) * int(count) for word, count in re.findall(r"^(\S+) (\d{3,})", text, re.MULTILINE))
    return text, total
