"""The models of a build that are heavy to hold: they may be loaded where they are used, or asked for in another process."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from data_pipeline.building.settings import BuildSettings
from data_pipeline.relevance.model import TextPictureModel, load_relevance_model
from data_pipeline.sound.engines import SpeechEngine, speech_engine


@dataclass(frozen=True, kw_only=True)
class Models:
    """None = not asked for. cpu_seconds: CPU time so far of this process, and of others while they answered it."""

    relevance: TextPictureModel | None = None
    speech: SpeechEngine | None = None
    cpu_seconds: Callable[[], float] = time.process_time


ModelsLoader = Callable[[BuildSettings], Models]     # importable by name: it may be called in a process of its own


def load_models(settings: BuildSettings) -> Models:
    """Load what the settings ask for, into this process. Raises InputError, ModelError as the loaders of each."""
    asked, relevance = settings.speech, settings.relevance.model
    return Models(
        relevance=None if relevance is None else load_relevance_model(relevance, threads=settings.threads),
        speech=None if asked.engine is None else speech_engine(
            asked.engine, model=asked.model, threads=settings.threads, language=asked.language
        ),
    )  # fmt: skip
