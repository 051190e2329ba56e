"""What is worth keeping of what an OCR engine read: every threshold in one place, apart from the engines."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from retrieval.text import fold

# Bare lines, crosses and boxes in a picture are read as these.
_LIKE_SHAPES = "一丨丶丿乀乙亅二三十工口囗日目田回"


@dataclass(frozen=True, kw_only=True)
class TextPolicy:
    """Thresholds on raw OCR lines. Confidences are the engine's, 0..1; characters are letters and digits only.

    Textures read as text are short and unsure; real captions are long or sure. Measured with RapidOCR on real clips:
    noise of one character reaches 0.99, noise of five Latin letters 0.6; captions stay above 0.85.
    """

    confidence: float = 0.7
    characters: int = 2
    short_latin: int = 3            # a text without Han or kana of at most this many characters ...
    short_latin_confidence: float = 0.9     # ... must be this sure
    once_confidence: float = 0.8    # what was seen by one look only must be this sure
    single_han_confidence: float = 0.95     # one Han character alone (福) must be this sure, and be seen twice

    def accepts(self, text: str, confidence: float) -> bool:
        """Say whether a line of one look is worth tracking."""
        characters = comparable(text)
        if is_single_han(characters):
            return confidence >= self.single_han_confidence and characters not in _LIKE_SHAPES
        if confidence < self.confidence or len(characters) < self.characters:
            return False
        short_latin = len(characters) <= self.short_latin and not any(map(is_wide, characters))
        return not short_latin or confidence >= self.short_latin_confidence

    def accepts_track(self, text: str, *, looks: int, confidence: float) -> bool:
        """Say whether a text that was followed over `looks` looks is worth keeping."""
        if is_single_han(comparable(text)):
            return looks > 1 and confidence >= self.single_han_confidence
        return looks > 1 or confidence >= self.once_confidence


def comparable(text: str) -> str:
    """The letters and digits of a text, folded: what remains equal when OCR loses a space or a comma."""
    return "".join(c for c in fold(text) if unicodedata.category(c)[0] in "LN")


def is_single_han(characters: str) -> bool:
    """Say whether this is one Han character and nothing else."""
    return len(characters) == 1 and "\u3400" <= characters <= "\u9fff"


def is_wide(character: str) -> bool:
    """Say whether one character alone carries meaning: Han, kana, hangul."""
    return unicodedata.east_asian_width(character) in "WF"
