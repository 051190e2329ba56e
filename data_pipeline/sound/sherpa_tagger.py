"""Audio tagging by sherpa-onnx: CED or Zipformer, trained on AudioSet's 527 classes, folded into five labels."""

from __future__ import annotations

from importlib.metadata import version as package_version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_pipeline.sound.hearing import SoundSpan
from data_pipeline.sound.sherpa_files import import_sherpa, of_kind, one_file
from data_pipeline.sound.speech import SAMPLE_RATE, milliseconds
from retrieval.encoders.fingerprint import files_revision
from retrieval.errors import ModelError

_WINDOW = 4 * SAMPLE_RATE   # what is tagged at once: a line that is sung lasts about so long
_SHORTEST = SAMPLE_RATE // 4
_FAINTEST = 0.1             # probabilities below say nothing and would fill tables
_CLASSES = 64               # the likeliest of a window that are looked at
# AudioSet's classes by what they mean for speech; whatever is not named is noise.
_SINGING = ("singing", "choir", "chant", "mantra", "rapping", "humming", "yodeling", "a capella", "vocal music", "lullaby")
_MUSIC = (
    "music", "song", "guitar", "piano", "organ", "drum", "violin", "orchestra", "synthesizer", "beat", "theme", "jingle",
    "electronica", "techno", "hip hop", "opera", "strum", "keyboard", "ukulele", "flute", "trumpet", "saxophone",
)
_SPEECH = ("speech", "conversation", "narration")


class SherpaTagger:
    """folder: model.onnx and class_labels_indices.csv as sherpa-onnx publishes them; "zipformer" in its name says which kind.

    Raises ModelError when the package or a file is missing.
    """

    name = "sherpa-onnx"

    def __init__(self, folder: str, *, threads: int = 1) -> None:
        sherpa = import_sherpa()
        directory = Path(folder).expanduser()
        model = of_kind(directory, "model*.onnx")
        if model is None:
            raise ModelError(f"The folder {directory} holds no model of an audio tagger: model.onnx is not there.")
        labels = one_file(directory, "class_labels_indices.csv")
        self.version = f"{package_version('sherpa-onnx')} {_kind(directory)}"
        self.model_digest = files_revision([model, labels])
        try:
            self._tagger = sherpa.AudioTagging(_settings(sherpa, directory, model, labels, threads=threads))
        except Exception as error:
            raise ModelError(f"The audio tagger in {directory} cannot be loaded ({type(error).__name__}: {error}).") from error

    def listening(self) -> TagListening:
        return TagListening(self._tagger)


class TagListening:
    """A sound track being tagged, a window at a time; every label that is likely enough is one span of the window."""

    def __init__(self, tagger: Any) -> None:
        self._tagger = tagger
        self._held = np.zeros(0, np.float32)
        self._at = 0
        self._spans: list[SoundSpan] = []

    def feed(self, samples: NDArray[np.float32]) -> None:
        self._held = np.concatenate([self._held, samples])
        while len(self._held) >= _WINDOW:
            self._tag(self._held[:_WINDOW])
            self._held = self._held[_WINDOW:]

    def finish(self) -> list[SoundSpan]:
        if len(self._held) >= _SHORTEST:
            self._tag(self._held)
        self._held = self._held[:0]
        return self._spans

    def _tag(self, samples: NDArray[np.float32]) -> None:
        try:
            stream = self._tagger.create_stream()
            stream.accept_waveform(SAMPLE_RATE, samples)
            events = self._tagger.compute(stream, _CLASSES)
        except Exception as error:
            raise ModelError(f"The audio tagger failed: {error}") from error
        scores: dict[str, float] = {}
        for event in events:
            label = label_of(event.name)
            scores[label] = max(scores.get(label, 0.0), float(event.prob))
        start, end = milliseconds(self._at), milliseconds(self._at + len(samples))
        self._at += len(samples)
        self._spans += [
            SoundSpan(start_ms=start, end_ms=end, label=label, score=score)
            for label, score in sorted(scores.items())
            if score >= _FAINTEST
        ]


def label_of(name: str) -> str:
    """One of our labels for a class of AudioSet: "Male singing" is singing, "Background music" is music."""
    lower = name.lower()
    for label, words in (("singing", _SINGING), ("speech", _SPEECH), ("music", _MUSIC)):
        if any(word in lower for word in words):
            return label
    return "silence" if lower == "silence" else "noise"


def _kind(directory: Path) -> str:
    return "zipformer" if "zipformer" in directory.name.lower() else "ced"


def _settings(sherpa: Any, directory: Path, model: Path, labels: Path, *, threads: int) -> Any:
    if _kind(directory) == "zipformer":
        zipformer = sherpa.OfflineZipformerAudioTaggingModelConfig(model=str(model))
        config = sherpa.AudioTaggingModelConfig(zipformer=zipformer, num_threads=threads)
    else:
        config = sherpa.AudioTaggingModelConfig(ced=str(model), num_threads=threads)
    return sherpa.AudioTaggingConfig(model=config, labels=str(labels), top_k=_CLASSES)
