"""Models that are in another process: to a stage they look as if they were here, and every call is a question.

A question holds what one video has for a model (all its texts, a batch of its pictures, half a minute of its speech) and is
never joined with those of another: sums of floats depend on what is batched, and no row may depend on who else was waiting.
"""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from data_pipeline.building.models import Models
from data_pipeline.sound.speech import AudioSpan, Transcript

Ask = Callable[[bytes], bytes]      # from a question to its answer; whoever carries them need not read them


@dataclass(frozen=True, kw_only=True)
class RelevanceFacts:
    name: str
    digest: str


@dataclass(frozen=True, kw_only=True)
class SpeechFacts:
    name: str
    version: str
    model_digest: str
    gives_times: bool


@dataclass(frozen=True, kw_only=True)
class ModelFacts:
    """What a stage must know of its models before it asks them; None = there is none."""

    relevance: RelevanceFacts | None
    speech: SpeechFacts | None


@dataclass(frozen=True)
class _Question:
    model: Literal["relevance", "speech"]
    method: str
    argument: Any


@dataclass(frozen=True)
class _Answer:
    value: Any
    error: Exception | None
    cpu_seconds: float


def facts_of(models: Models) -> ModelFacts:
    relevance, speech = models.relevance, models.speech
    return ModelFacts(
        relevance=None if relevance is None else RelevanceFacts(name=relevance.name, digest=relevance.digest),
        speech=None if speech is None else SpeechFacts(
            name=speech.name, version=speech.version, model_digest=speech.model_digest, gives_times=speech.gives_times
        ),
    )  # fmt: skip


def asked_models(facts: ModelFacts, ask: Ask) -> Models:
    """Models as `facts` tell of them. Their methods raise what they raise there."""
    asker = _Asker(ask)
    return Models(
        relevance=None if facts.relevance is None else _AskedRelevance(facts.relevance, asker),
        speech=None if facts.speech is None else _AskedSpeech(facts.speech, asker),
        cpu_seconds=lambda: time.process_time() + asker.cpu_seconds,
    )  # fmt: skip


def answer(models: Models, question: bytes) -> bytes:
    """What the model of a question says, or the error that it raises."""
    asked: _Question = pickle.loads(question)
    began = time.process_time()
    value, failure = None, None
    try:
        value = getattr(getattr(models, asked.model), asked.method)(asked.argument)
    except Exception as error:
        failure = error
    cpu_seconds = time.process_time() - began
    try:
        told = pickle.dumps(_Answer(value, failure, cpu_seconds))
        if failure is not None:
            pickle.loads(told)
        return told
    except Exception:           # an error of a library that cannot be sent, or not be made again from what is sent
        return pickle.dumps(_Answer(None, RuntimeError(f"{type(failure).__name__}: {failure}"), cpu_seconds))


class _Asker:
    """cpu_seconds: that other processes spent on the answers so far."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self.cpu_seconds = 0.0

    def __call__(self, question: _Question) -> Any:
        found: _Answer = pickle.loads(self._ask(pickle.dumps(question)))
        self.cpu_seconds += found.cpu_seconds
        if found.error is not None:
            raise found.error
        return found.value


class _AskedRelevance:
    def __init__(self, facts: RelevanceFacts, asker: _Asker) -> None:
        self.name, self.digest = facts.name, facts.digest
        self._asker = asker

    def text_vectors(self, texts: Sequence[str]) -> NDArray[np.float32]:
        vectors: NDArray[np.float32] = self._asker(_Question("relevance", "text_vectors", texts))
        return vectors

    def picture_vectors(self, pictures: Sequence[Image.Image]) -> NDArray[np.float32]:
        vectors: NDArray[np.float32] = self._asker(_Question("relevance", "picture_vectors", pictures))
        return vectors


class _AskedSpeech:
    def __init__(self, facts: SpeechFacts, asker: _Asker) -> None:
        self.name, self.version, self.model_digest = facts.name, facts.version, facts.model_digest
        self.gives_times = facts.gives_times
        self._asker = asker

    def transcribe(self, batch: Sequence[AudioSpan]) -> list[Transcript]:
        transcripts: list[Transcript] = self._asker(_Question("speech", "transcribe", batch))
        return transcripts
