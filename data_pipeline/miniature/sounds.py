"""Sounds made by numbers alone: something like a voice, music, singing, and next to silence; float32 in -1..1."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Sound = Literal["speech", "music", "singing", "silence"]
SOUNDS: tuple[Sound, ...] = ("speech", "music", "singing", "silence")
RATE = 16_000

_Samples = NDArray[np.float32]
_PENTATONIC = np.array([0, 2, 4, 7, 9, 12, 14, 16])     # semitones above the key note
_VOWELS = ((730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480), (570, 840, 2410))    # Hz
_FORMANT_WIDTHS = np.array([90.0, 120.0, 180.0])
_FORMANT_LEVELS = np.array([1.0, 0.6, 0.25])
_HARMONICS = 18
_LOUDNESS = {"speech": 0.12, "music": 0.10, "singing": 0.14, "silence": 0.0003}     # root of the mean square


def sound(kind: Sound, *, milliseconds: int, random: np.random.Generator) -> _Samples:
    """A sound of a kind, `milliseconds` long at RATE samples a second; the same generator state gives the same samples.

    None of it says a word: it has what detectors of voice and music go by, such as formants, pauses, beats and vibrato.
    """
    length = round(milliseconds * RATE / 1000)
    made = {"speech": _speech, "music": _music, "singing": _singing, "silence": _hiss}[kind](length, random)
    level = float(np.sqrt(np.mean(made**2))) or 1.0
    return np.clip(made * (_LOUDNESS[kind] / level), -1, 1).astype(np.float32)


def _speech(length: int, random: np.random.Generator) -> _Samples:
    """Syllables, four to six a second, each a hiss and a vowel under a gliding pitch, with pauses between phrases."""
    made = np.zeros(length, dtype=np.float32)
    key, at = random.uniform(110, 230), int(random.uniform(0.02, 0.15) * RATE)
    while at < length:
        size = min(int(random.uniform(0.16, 0.25) * RATE), length - at)
        glide = np.linspace(random.uniform(0.85, 1.2), random.uniform(0.8, 1.15), size)
        syllable = _vowel(key * glide, _VOWELS[random.integers(len(_VOWELS))]) * _swell(size, 0.25)
        hiss = size // 4
        syllable[:hiss] += 0.25 * random.standard_normal(hiss) * np.hanning(hiss)
        made[at : at + size] += syllable
        at += size + (int(random.uniform(0.15, 0.4) * RATE) if random.random() < 0.12 else 0)
    return made


def _music(length: int, random: np.random.Generator) -> _Samples:
    """Plucked notes of a pentatonic scale over a bass, on a steady beat."""
    made = np.zeros(length, dtype=np.float32)
    beat, key = int(random.uniform(0.22, 0.34) * RATE), random.uniform(200, 330)
    for number, at in enumerate(range(0, length, beat)):
        _add(made, at, _pluck(key * 2 ** (random.choice(_PENTATONIC) / 12), beat * 3))
        if number % 4 == 0:
            _add(made, at, 1.2 * _pluck(key / 2 * 2 ** (random.choice([0, 5, 7]) / 12), beat * 5))
    return made


def _singing(length: int, random: np.random.Generator) -> _Samples:
    """Long vowels on the notes of a melody, with vibrato, over music."""
    made = np.zeros(length, dtype=np.float32)
    key, at = random.uniform(200, 300), 0
    while at < length:
        size = min(int(random.uniform(0.45, 0.9) * RATE), length - at)
        seconds = np.arange(size) / RATE
        pitch = key * 2 ** (random.choice(_PENTATONIC) / 12) * (1 + 0.012 * np.sin(2 * np.pi * 5.6 * seconds))
        made[at : at + size] += _vowel(pitch, _VOWELS[random.integers(len(_VOWELS))]) * _swell(size, 0.12)
        at += size
    music = _music(length, random)
    return made / _peak(made) + 0.45 * music / _peak(music)


def _hiss(length: int, random: np.random.Generator) -> _Samples:
    return random.standard_normal(length).astype(np.float32)


def _vowel(pitch: NDArray[np.float64], formants: tuple[int, int, int]) -> _Samples:
    """Harmonics of a pitch that may glide, as loud as the formants make them. pitch: [n] Hz."""
    orders = np.arange(1, _HARMONICS + 1)
    mean = float(pitch.mean()) * orders
    distances = (mean[:, None] - np.array(formants)) / _FORMANT_WIDTHS
    levels = ((_FORMANT_LEVELS / (1 + distances**2)).sum(axis=1) + 0.02) * (mean < RATE / 2.2)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    return (levels / orders**0.5) @ np.sin(orders[:, None] * phase).astype(np.float32)


def _pluck(pitch: float, length: int) -> _Samples:
    seconds = np.arange(length, dtype=np.float32) / RATE
    tone = sum(np.sin(2 * np.pi * pitch * order * seconds) / order**1.5 for order in (1, 2, 3, 4))
    return (tone * np.exp(-4.0 * seconds)).astype(np.float32)


def _add(made: _Samples, at: int, note: _Samples) -> None:
    room = made[at : at + len(note)]
    room += note[: len(room)]


def _swell(length: int, share: float) -> _Samples:
    """An envelope that rises and falls in a share of the length each."""
    place = np.linspace(0, 1, length, dtype=np.float32)
    return np.clip(np.minimum(place, 1 - place) / share, 0, 1)


def _peak(samples: _Samples) -> float:
    return float(np.abs(samples).max()) or 1.0
