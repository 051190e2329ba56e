"""Speech for a library: what an engine hears in a video and the policy believes, as evidence."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from data_pipeline.sound.engines import check_engine, speech_engine
from data_pipeline.sound.listen import listen
from data_pipeline.sound.voice import SileroVoice
from retrieval.errors import VideoError, WenshiError
from retrieval.records import Evidence


@dataclass(frozen=True, kw_only=True)
class SpeechSettings:
    """Which engine hears; as in `speech_engine`. Raises InputError for an engine that nobody knows."""

    engine: str
    model: str | None = None
    language: str = "zh"

    def __post_init__(self) -> None:
        check_engine(self.engine)


@dataclass(frozen=True, kw_only=True)
class Speech:
    """`settled`: nothing would come of listening again; `lost`: why the sound could not be heard, None where it was."""

    evidence: tuple[Evidence, ...] = ()
    settled: bool = True
    lost: str | None = None


class SpeechReader:
    """An engine and a voice detector, loaded. Raises ModelError or InputError when one of them is missing."""

    def __init__(self, settings: SpeechSettings, *, threads: int) -> None:
        self._voice = SileroVoice()
        self._engine = speech_engine(
            settings.engine, model=settings.model, threads=threads, language=settings.language
        )
        self.version = f"{self._engine.name} {self._engine.version}"

    def read(self, path: Path, *, video_id: str, duration_ms: int, progress: Callable[[int, int], None]) -> Speech:
        """The speech of one video; what cannot be heard costs the video its speech and no more."""
        try:
            heard = listen(
                path, video_id, engine=self._engine, tagger=None, voice=self._voice, duration_ms=duration_ms, progress=progress
            )
        except WenshiError as error:
            # A sound track stays as it is; an engine may do better another day.
            return Speech(settled=isinstance(error, VideoError), lost=f"its sound could not be heard ({error})")
        evidence = (
            Evidence(
                kind="asr", text=row.text, start_ms=min(row.start_ms, duration_ms - 1), end_ms=min(row.end_ms, duration_ms),
                source=self.version, language=row.language,
                confidence=None if row.average_logprob is None else math.exp(min(row.average_logprob, 0.0)),
            )
            for row in heard.segments
            if not row.flags
        )
        return Speech(evidence=tuple(line for line in evidence if line.start_ms < line.end_ms))
