"""Marks cover what answers, in the text as it was written."""

from __future__ import annotations

import pytest

from serving.api.highlights import marks


@pytest.mark.parametrize(
    ("text", "held", "marked"),
    [
        ("Le Café noir", {"cafe"}, ["Café"]),
        ("Le Cafe\u0301 noir", {"cafe"}, ["Cafe\u0301"]),
        ("Deux cafe\u0301s ici", {"cafes"}, ["cafe\u0301s"]),
        ("naïve 狗 Beyoncé", {"beyonce", "狗"}, ["狗", "Beyoncé"]),
        ("Straße in Zürich", {"zurich", "strasse"}, ["Straße", "Zürich"]),
    ],
)
def test_accents_of_the_text_are_marked_with_their_letters(text, held, marked):
    assert [text[start:end] for start, end in marks(text, held)] == marked
