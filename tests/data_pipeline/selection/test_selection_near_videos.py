"""Videos with the same keyframes in the same order are one, whatever re-encoding does to a few bits."""

from __future__ import annotations

import random

import numpy as np
import pytest

from data_pipeline.selection.near_videos import KeyframeHashes, differing_bits, in_the_same_order, near_video_clusters


def hashes_of(videos: list[list[int]], durations_ms: list[int] | None = None) -> KeyframeHashes:
    lengths = np.array([len(video) for video in videos], np.int64)
    flat = np.array([value for video in videos for value in video], np.uint64)
    return KeyframeHashes(flat, np.cumsum(lengths) - lengths, lengths, np.array(durations_ms or [9000] * len(videos)))


def clusters(videos: list[list[int]], durations_ms: list[int] | None = None) -> list[int]:
    return near_video_clusters(hashes_of(videos, durations_ms), bits=6, share=0.6).tolist()


def drawn(count: int, chance: random.Random) -> list[int]:
    return [chance.getrandbits(64) for _ in range(count)]


def re_encoded(video: list[int], chance: random.Random, *, bits: int) -> list[int]:
    return [value ^ sum(1 << bit for bit in chance.sample(range(64), bits)) for value in video]


def test_bits_are_counted() -> None:
    left, right = (np.array(drawn(99, random.Random(seed)), np.uint64) for seed in (1, 2))
    assert differing_bits(left, right).tolist() == [bin(int(a) ^ int(b)).count("1") for a, b in zip(left, right, strict=True)]


@pytest.mark.parametrize("seed", range(20))
def test_pairs_in_order_are_a_longest_common_subsequence(seed: int) -> None:
    chance = random.Random(seed)
    alphabet = drawn(3, chance)
    a, b = (chance.choices(alphabet, k=chance.randint(1, 8)) for _ in range(2))
    best = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            best[i + 1][j + 1] = best[i][j] + 1 if x == y else max(best[i][j + 1], best[i + 1][j])
    assert in_the_same_order(np.array(a, np.uint64), np.array(b, np.uint64), bits=0) == best[-1][-1]


def test_a_re_encoded_copy_and_a_part_are_found_among_many_others() -> None:
    chance = random.Random(0)
    videos = [drawn(chance.randint(2, 9), chance) for _ in range(300)]
    copies = [re_encoded(video, chance, bits=3) for video in videos[:50]]
    parts = [re_encoded(video, chance, bits=2)[1:] for video in videos[50:100] if len(video) > 3]
    found = clusters([*videos, *copies, *parts])
    assert found[:300] == list(range(300))
    assert found[300:350] == list(range(50))
    assert found[350:] == [number for number in range(50, 100) if len(videos[number]) > 3]


def test_the_same_pictures_in_another_order_are_another_video() -> None:
    video = drawn(6, random.Random(1))
    assert clusters([video, video[::-1]]) == [0, 1]
    assert clusters([video, video[:2] + drawn(4, random.Random(2))]) == [0, 1]


@pytest.mark.parametrize("keyframes", [1, 3])
def test_few_pictures_must_be_nearer_and_last_as_long(keyframes: int) -> None:
    chance = random.Random(3)
    video = drawn(keyframes, chance)
    near, less_near = re_encoded(video, chance, bits=3), re_encoded(video, chance, bits=4)
    assert clusters([video, near], [9000, 9100]) == [0, 0]
    assert clusters([video, near], [9000, 9500]) == [0, 1]
    assert clusters([video, less_near], [9000, 9000]) == [0, 1]


def test_of_many_pictures_a_part_may_be_of_a_longer_video() -> None:
    chance = random.Random(4)
    video = drawn(8, chance)
    assert clusters([video, re_encoded(video[2:6], chance, bits=5)], [20_000, 9000]) == [0, 0]


def test_videos_without_keyframes_are_near_to_none() -> None:
    assert clusters([[], [], drawn(2, random.Random(4))]) == [0, 1, 2]
    assert clusters([]) == []
