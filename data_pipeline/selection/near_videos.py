"""Videos that show nearly the same: keyframe hashes that are near each other, in the same order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data_pipeline.selection.components import Indices

Hashes = NDArray[np.uint64]

_ROTATIONS = (0, 16, 32, 48)        # near hashes are looked for as neighbours in order, with each of four parts in front
_REACH = 8                          # how far apart neighbours are still held against each other
_FEW = 4                            # fewer keyframes than this say too little: different clips of one place agree in them
_SAME_DURATION = 0.02               # then the durations must agree too, up to this share


@dataclass(frozen=True)
class KeyframeHashes:
    """64-bit difference hashes of the keyframes of videos, one video after the other, and how long the videos are."""

    hashes: Hashes
    starts: Indices                 # of each video
    lengths: Indices
    durations_ms: Indices

    def of(self, video: int) -> Hashes:
        start = self.starts[video]
        return self.hashes[start : start + self.lengths[video]]


def near_video_clusters(videos: KeyframeHashes, *, bits: int, share: float) -> Indices:
    """For each video the first video of its cluster: those that repeat it, or a part of it, and what is connected by them.

    A video repeats another when `share` of the keyframes of the one with fewer have a partner in the other, in the same
    order, whose hash differs in at most `bits` places. Where that one has fewer than 4 keyframes, half of the places are
    allowed and the durations must agree up to 2 %. A video without keyframes is near to none.
    """
    first = list(range(len(videos.starts)))

    def leader(video: int) -> int:
        while first[video] != video:
            first[video] = video = first[first[video]]
        return video

    left, right = _with_a_near_keyframe(videos, bits)
    for some, other in zip(left.tolist(), right.tolist(), strict=True):
        low, high = sorted((leader(some), leader(other)))
        if low != high and _repeats(videos, some, other, bits, share):
            first[high] = low
    return np.array([leader(video) for video in range(len(first))], np.int64)


def in_the_same_order(left: Hashes, right: Hashes, *, bits: int) -> int:
    """How many keyframes of the one can be paired with keyframes of the other without crossing: a longest common subsequence."""
    near = differing_bits(left[:, None], right[None, :]) <= bits
    best = np.zeros(len(right) + 1, np.int64)
    for row in near:
        best[1:] = np.maximum.accumulate(np.maximum(best[1:], best[:-1] + row))
    return int(best[-1])


def differing_bits(left: Hashes, right: Hashes) -> NDArray[np.int64]:
    """In how many of the 64 bits hashes differ."""
    one, two, four = (np.uint64(mask) for mask in (0x5555555555555555, 0x3333333333333333, 0x0F0F0F0F0F0F0F0F))
    bits = left ^ right
    bits = bits - (bits >> np.uint64(1) & one)
    bits = (bits & two) + (bits >> np.uint64(2) & two)
    bits = bits + (bits >> np.uint64(4)) & four
    return (bits * np.uint64(0x0101010101010101) >> np.uint64(56)).astype(np.int64)


def _with_a_near_keyframe(videos: KeyframeHashes, bits: int) -> tuple[Indices, Indices]:
    """Pairs of videos, each once, of which a keyframe of the one is near to one of the other."""
    hashes, owners = videos.hashes, np.repeat(np.arange(len(videos.starts)), videos.lengths)
    found = [np.empty(0, np.int64)]
    for rotation in _ROTATIONS:
        turned = hashes << np.uint64(rotation) | hashes >> np.uint64(64 - rotation) if rotation else hashes
        order = np.argsort(turned, kind="stable")
        for distance in range(1, min(_REACH, len(order) - 1) + 1):
            some, other = order[:-distance], order[distance:]
            near = (differing_bits(hashes[some], hashes[other]) <= bits) & (owners[some] != owners[other])
            pair = np.sort(np.stack([owners[some][near], owners[other][near]]), axis=0)
            found.append(pair[0] * len(videos.starts) + pair[1])
    pairs = np.unique(np.concatenate(found))
    return pairs // max(len(videos.starts), 1), pairs % max(len(videos.starts), 1)


def _repeats(videos: KeyframeHashes, some: int, other: int, bits: int, share: float) -> bool:
    fewest = int(min(videos.lengths[some], videos.lengths[other]))
    if fewest < _FEW:
        shorter, longer = sorted((int(videos.durations_ms[some]), int(videos.durations_ms[other])))
        if shorter < (1 - _SAME_DURATION) * longer:
            return False
        bits //= 2
    return in_the_same_order(videos.of(some), videos.of(other), bits=bits) >= max(min(2, fewest), share * fewest)
