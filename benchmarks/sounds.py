"""Sounds without speech, made by code: float32 [seconds * 16,000], mono, -1..1."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from data_pipeline.sound.speech import SAMPLE_RATE

Sound = NDArray[np.float32]
_SCALE = (261.6, 293.7, 329.6, 392.0, 440.0, 523.3)     # C major without the fourth and the seventh


def silence(seconds: float, seed: int) -> Sound:
    """Digital silence, or for odd seeds the floor of a cheap microphone."""
    return _scaled(np.random.default_rng(seed).normal(size=_length(seconds)), 0.0005 if seed % 2 else 0.0)


def noise(seconds: float, seed: int) -> Sound:
    """White, pink or brown noise by turns, or a crowd's claps."""
    random = np.random.default_rng(seed)
    white = random.normal(size=_length(seconds))
    if seed % 4 == 3:
        claps = np.repeat(random.random(len(white) // 800 + 1) ** 6, 800)[: len(white)]
        return _scaled(white * claps, 0.5)
    spectrum = np.fft.rfft(white)
    spectrum /= np.maximum(np.arange(len(spectrum)), 1) ** (0.5 * (seed % 4))
    return _scaled(np.fft.irfft(spectrum, len(white)), 0.3)


def hum(seconds: float, seed: int) -> Sound:
    """A motor or a transformer: a low tone, its overtones and a slow beat."""
    time = np.arange(_length(seconds)) / SAMPLE_RATE
    base = (50.0, 60.0, 87.0, 120.0)[seed % 4]
    tones = sum(np.sin(2 * np.pi * base * k * time) / k for k in range(1, 7))
    return _scaled(tones * (1 + 0.3 * np.sin(2 * np.pi * 0.7 * time)), 0.3)


def melody(seconds: float, seed: int) -> Sound:
    """Plucked notes, one or two at a time."""
    random = np.random.default_rng(seed)
    notes: list[NDArray[np.float64]] = []
    while sum(map(len, notes)) < _length(seconds):
        time = np.arange(int(random.choice([0.25, 0.5]) * SAMPLE_RATE)) / SAMPLE_RATE
        pitches = random.choice(_SCALE, size=random.integers(1, 3), replace=False) * random.choice([0.5, 1.0])
        tones = sum(np.sin(2 * np.pi * f * k * time) / k**1.5 for f in pitches for k in range(1, 6))
        notes.append(tones * np.exp(-3.0 * time / time[-1]))
    return _scaled(np.concatenate(notes)[: _length(seconds)], 0.4)


def beat(seconds: float, seed: int) -> Sound:
    """A drum machine over held chords."""
    random = np.random.default_rng(seed)
    time = np.arange(_length(seconds)) / SAMPLE_RATE
    period = 60 / random.integers(90, 140)
    since = time % period
    kick = np.sin(2 * np.pi * (60 + 80 * np.exp(-since * 30)) * since) * np.exp(-since * 12)
    hat = random.normal(size=len(time)) * np.exp(-((time + period / 2) % period) * 40)
    roots = random.choice(_SCALE, size=int(seconds / (4 * period)) + 2) / 2
    root = roots[(time / (4 * period)).astype(int)]
    phase = 2 * np.pi * np.cumsum(root) / SAMPLE_RATE
    chord = np.sin(phase) + np.sin(phase * 1.26) + np.sin(phase * 1.5)
    return _scaled(kick + 0.2 * hat + 0.2 * chord, 0.5)


KINDS: dict[str, Callable[[float, int], Sound]] = {
    "silence": silence, "noise": noise, "hum": hum, "melody": melody, "beat": beat,
}


def _length(seconds: float) -> int:
    return int(seconds * SAMPLE_RATE)


def _scaled(samples: NDArray[np.float64], peak: float) -> Sound:
    return (samples * (peak / max(float(np.abs(samples).max()), 1e-9))).astype(np.float32)
