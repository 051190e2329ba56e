"""Near-duplicate texts are found, are truly alike, and short texts are only like their equals."""

from __future__ import annotations

import random

import numpy as np
import pytest

pa = pytest.importorskip("pyarrow", reason="columns need pyarrow")

from data_pipeline.selection.near_texts import jaccard, letters_of, near_text_clusters  # noqa: E402

COMMON = [chr(code) for code in range(0x4E00, 0x4E00 + 800)]


def grams(text: str) -> set[str]:
    letters = "".join(c for c in text.lower() if c.isalnum())
    return {letters[i : i + n] for n in (2, 3) for i in range(len(letters) - n + 1)}


def likeness(a: str, b: str) -> float:
    both = grams(a) | grams(b)
    return len(grams(a) & grams(b)) / len(both) if both else 0.0


def drawn(count: int, *, seed: int) -> list[str]:
    """Texts of which some are copies of others with a few characters changed."""
    chance, texts = random.Random(seed), list[str]()
    while len(texts) < count:
        if texts and chance.random() < 0.4:
            letters = list(chance.choice(texts))
            for _ in range(chance.randint(0, 3)):
                letters[chance.randrange(len(letters))] = chance.choice(COMMON)
            texts.append("".join(letters))
        else:
            texts.append("".join(chance.choices(COMMON, k=chance.randint(1, 50))))
    return texts


def slow_clusters(texts: list[str], least: float) -> list[int]:
    """All against all; a cluster is what a chain of alike texts connects."""
    labels, sets = list(range(len(texts))), [grams(text) for text in texts]
    for i, a in enumerate(texts):
        for j in range(i):
            long = min(len(a), len(texts[j])) >= 3
            alike = a == texts[j] or (long and len(sets[i] & sets[j]) >= least * len(sets[i] | sets[j]))
            if alike and labels[i] != labels[j]:
                low, high = sorted((labels[i], labels[j]))
                labels = [low if label == high else label for label in labels]
    return labels


@pytest.mark.parametrize("seed", range(3))
def test_clusters_are_those_of_comparing_all_with_all(seed: int) -> None:
    texts = drawn(250, seed=seed)
    assert near_text_clusters(letters_of(pa.array(texts)), likeness=0.8).tolist() == slow_clusters(texts, 0.8)


def test_the_likeness_is_that_of_the_sets_of_grams() -> None:
    texts = ["一只狗在追球。", "一只狗在追球", "一只狗 在追一个球!", "ABCd", "abcd", "猫", "完全不同的一句话", ""]
    letters = letters_of(pa.array(texts))
    left, right = (side.ravel() for side in np.indices((len(texts), len(texts))))
    expected = [likeness(texts[i], texts[j]) for i, j in zip(left, right, strict=True)]
    np.testing.assert_allclose(jaccard(letters, left, right), expected)


def test_punctuation_and_case_make_no_difference_and_short_texts_must_be_equal() -> None:
    texts = ["猫", "狗", "猫!", "Go", "go", "gō", "", "!", "猫狗", "一只 DOG\n在跑", "一只dog在跑。"]
    assert near_text_clusters(letters_of(pa.array(texts)), likeness=0.8).tolist() == [0, 1, 0, 3, 3, 5, 6, 7, 8, 9, 9]


def test_no_texts_have_no_clusters() -> None:
    assert near_text_clusters(letters_of(pa.array([], pa.string())), likeness=0.8).tolist() == []
    assert near_text_clusters(letters_of(pa.array(["", ""])), likeness=0.8).tolist() == [0, 1]


def test_many_copies_with_small_changes_are_one_cluster() -> None:
    base = drawn(1, seed=9)[0] * 3 + "一二三四五六七八九十" * 4
    texts = [base[:k] + COMMON[k] + base[k + 1 :] for k in range(100)]
    assert set(near_text_clusters(letters_of(pa.array(texts)), likeness=0.8).tolist()) == {0}
