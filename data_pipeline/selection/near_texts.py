"""Texts that are nearly the same: MinHash of character 2- and 3-grams, each candidate verified by its Jaccard likeness."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_pipeline.selection.components import Indices, components, pairs_nearby

Hashes = NDArray[np.uint64]

_BANDS, _BAND_ROWS = 16, 4          # likeness 0.8 is found in 99.98 %, 0.7 in 98.8 %, 0.5 in 64 % of cases
_REACH = 16                         # in a bucket, how far apart two texts are still held against each other
_SLACK = 0.25                       # an estimate from 64 minima may be so far from the truth
_TEXTS_AT_ONCE = 50_000
_PAIRS_AT_ONCE = 20_000
_SEED = 0x9E3779B97F4A7C15


@dataclass(frozen=True)
class Letters:
    """The letters and digits of texts, in lower case, as code points one after the other."""

    codes: NDArray[np.uint32]
    starts: Indices                 # of each text
    lengths: Indices

    def __len__(self) -> int:
        return len(self.starts)

    def of(self, texts: Indices) -> Letters:
        """Some of the texts, in that order."""
        lengths = self.lengths[texts]
        starts = np.cumsum(lengths) - lengths
        places = np.repeat(self.starts[texts] - starts, lengths) + np.arange(lengths.sum())
        return Letters(self.codes[places], starts, lengths)

    def whole_hashes(self) -> Hashes:
        """One 64-bit number for all of a text; equal texts have equal ones."""
        owners = np.repeat(np.arange(len(self)), self.lengths)
        places = (np.arange(len(self.codes)) - self.starts[owners]).astype(np.uint64)
        mixed = _mixed(self.codes.astype(np.uint64) | places << np.uint64(21))
        sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(mixed, dtype=np.uint64)])
        return sums[self.starts + self.lengths] - sums[self.starts]

    def grams(self) -> tuple[Hashes, Indices]:
        """The distinct 2- and 3-grams of every text, mixed, and the text of each; in order of texts."""
        owners = np.repeat(np.arange(len(self)), self.lengths)
        codes = self.codes.astype(np.uint64)
        two = codes[:-1] << np.uint64(21) | codes[1:]
        three = two[:-1] << np.uint64(21) | codes[2:]
        in_two, in_three = owners[:-1] == owners[1:], owners[:-2] == owners[2:]
        grams = _mixed(np.concatenate([two[in_two], three[in_three] | np.uint64(1 << 63)]))
        whose = np.concatenate([owners[:-1][in_two], owners[:-2][in_three]])
        order = np.lexsort((grams, whose))
        grams, whose = grams[order], whose[order]
        first = np.ones(len(grams), bool)
        first[1:] = (grams[1:] != grams[:-1]) | (whose[1:] != whose[:-1])
        return grams[first], whose[first]


def letters_of(texts: Any) -> Letters:
    """Take the letters and digits of an arrow array of cleaned texts (NFKC, simplified), in lower case."""
    joined = "\n".join(text.replace("\n", " ") for text in texts.to_pylist()).casefold()
    codes = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), np.uint32)
    different = np.unique(codes)
    counts = np.zeros(int(different[-1]) + 1 if len(different) else 1, bool)
    counts[different] = [unicodedata.category(chr(code))[0] in "LN" for code in different.tolist()]
    counts[10:11] = False
    kept = counts[codes]
    owners = np.cumsum(codes == 10)[kept]
    lengths = np.bincount(owners, minlength=len(texts)).astype(np.int64)
    return Letters(codes[kept], np.cumsum(lengths) - lengths, lengths)


def near_text_clusters(letters: Letters, *, likeness: float) -> Indices:
    """For each text the first text of its cluster: what is equal, or nearly so, or connected by texts that are.

    Texts of fewer than 3 letters or digits are near only to their equals; those without any are near to none.
    """
    _, firsts, inverse = np.unique(letters.whole_hashes(), return_index=True, return_inverse=True)
    long = np.flatnonzero(letters.lengths[firsts] >= 3)
    near = _near(letters.of(firsts[long]), likeness)
    leaders = np.arange(len(firsts))
    leaders[long] = long[near]
    cluster = leaders[inverse.reshape(-1)]
    empty = letters.lengths == 0
    cluster[empty] = len(firsts) + np.flatnonzero(empty)
    _, first_text, inverse = np.unique(cluster, return_index=True, return_inverse=True)
    return first_text[inverse.reshape(-1)]


def jaccard(letters: Letters, left: Indices, right: Indices) -> NDArray[np.float64]:
    """The likeness of the 2- and 3-grams of pairs of texts: what both have over what either has."""
    (grams_left, of_left), (grams_right, of_right) = letters.of(left).grams(), letters.of(right).grams()
    owners = np.concatenate([of_left, of_right])
    keys = _mixed(np.concatenate([grams_left, grams_right]) ^ _mixed(owners.astype(np.uint64)))
    order = np.argsort(keys)
    twice = keys[order[1:]] == keys[order[:-1]]
    shared = np.bincount(owners[order[1:]][twice], minlength=len(left))
    return shared / np.maximum(np.bincount(owners, minlength=len(left)) - shared, 1)


def _near(letters: Letters, likeness: float) -> Indices:
    """For each of these different texts the first that it is connected to."""
    if len(letters) < 2:
        return np.arange(len(letters))
    minima = _minima(letters)
    left, right = np.empty(0, np.int64), np.empty(0, np.int64)
    labels = np.arange(len(letters))
    for band in range(_BANDS):
        keys = _band_keys(minima, band)
        some, others = pairs_nearby(keys, np.argsort(keys, kind="stable"), reach=_REACH)
        some, others = _promising(minima, labels, some, others, likeness)
        alike = _verified(letters, some, others, likeness)
        left, right = np.concatenate([left, some[alike]]), np.concatenate([right, others[alike]])
        labels = components(len(letters), left, right)
    return labels


def _minima(letters: Letters) -> NDArray[np.uint32]:
    """[texts, bands * rows]: the least of the grams' numbers under each hash function."""
    chance = np.random.default_rng(_SEED)
    factors = chance.integers(0, 2**64, _BANDS * _BAND_ROWS, dtype=np.uint64) | np.uint64(1)
    found = np.empty((len(letters), len(factors)), np.uint32)
    for start in range(0, len(letters), _TEXTS_AT_ONCE):
        part = letters.of(np.arange(start, min(start + _TEXTS_AT_ONCE, len(letters))))
        grams, owners = part.grams()
        begins = np.searchsorted(owners, np.arange(len(part)))
        for column, factor in enumerate(factors):
            numbers = (grams * factor >> np.uint64(32)).astype(np.uint32)
            found[start : start + len(part), column] = np.minimum.reduceat(numbers, begins)
    return found


def _band_keys(minima: NDArray[np.uint32], band: int) -> Hashes:
    keys = np.full(len(minima), band, np.uint64)
    for column in range(band * _BAND_ROWS, (band + 1) * _BAND_ROWS):
        keys = _mixed(keys ^ minima[:, column])
    return keys


def _promising(
    minima: NDArray[np.uint32], labels: Indices, left: Indices, right: Indices, likeness: float
) -> tuple[Indices, Indices]:
    """Pairs that are not in one cluster already and whose minima agree often enough."""
    apart = labels[left] != labels[right]
    left, right = left[apart], right[apart]
    keep = [
        np.mean(minima[some] == minima[others], axis=1) >= likeness - _SLACK
        for some, others in zip(_parts(left), _parts(right), strict=True)
    ]
    kept = np.concatenate([np.empty(0, bool), *keep])
    return left[kept], right[kept]


def _verified(letters: Letters, left: Indices, right: Indices, likeness: float) -> NDArray[np.bool_]:
    found = [jaccard(letters, some, others) for some, others in zip(_parts(left), _parts(right), strict=True)]
    return np.concatenate([np.empty(0), *found]) >= likeness


def _parts(indices: Indices) -> list[Indices]:
    return [indices[start : start + _PAIRS_AT_ONCE] for start in range(0, len(indices), _PAIRS_AT_ONCE)]


def _mixed(numbers: Any) -> Hashes:
    """Spread numbers over all 64 bits, one to one. Source: the finaliser of SplitMix64."""
    numbers = numbers.astype(np.uint64) + np.uint64(_SEED)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        numbers = (numbers ^ numbers >> np.uint64(shift)) * np.uint64(factor)
    return numbers ^ numbers >> np.uint64(31)
