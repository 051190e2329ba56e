"""Sound that a voice detector takes for a voice, made by code."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data_pipeline.sound.speech import SAMPLE_RATE

_VOWELS = ((730, 1090, 2440), (270, 2290, 3010), (530, 1840, 2480), (300, 870, 2240), (570, 840, 2410))    # formants in Hz
_WIDTHS = (60, 90, 120)


def vowels(seconds: float) -> NDArray[np.float32]:
    """Syllables of a male voice: pulses of a falling pitch through three resonances. float32 [seconds * 16,000]."""
    random = np.random.default_rng(0)
    syllables: list[NDArray[np.float64]] = []
    while sum(map(len, syllables)) < seconds * SAMPLE_RATE:
        syllables.append(_syllable(_VOWELS[random.integers(len(_VOWELS))], pitch=random.uniform(100, 140), random=random))
    voice = np.concatenate(syllables)[: int(seconds * SAMPLE_RATE)]
    return (0.5 * voice / np.abs(voice).max()).astype(np.float32)


def _syllable(formants: tuple[int, ...], *, pitch: float, random: np.random.Generator) -> NDArray[np.float64]:
    length = int(random.uniform(0.14, 0.26) * SAMPLE_RATE)
    phase = np.cumsum(pitch * np.linspace(1.1, 0.85, length) * (1 + 0.01 * random.normal(size=length))) / SAMPLE_RATE
    pulses = np.diff(np.floor(phase), prepend=0.0) + 0.005 * random.normal(size=length)
    time = np.arange(800) / SAMPLE_RATE
    answer = sum(
        np.exp(-np.pi * width * time) * np.sin(2 * np.pi * at * time) / (1 + i)
        for i, (at, width) in enumerate(zip(formants, _WIDTHS, strict=True))
    )
    sound = np.convolve(pulses, answer)[:length] * np.hanning(length) ** 0.5
    breath = np.convolve(random.normal(size=900), (1, -1))[:800] * np.hanning(800) * 0.3      # a consonant
    return np.concatenate([breath, sound])
