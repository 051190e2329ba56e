"""Whisper by the package faster-whisper: the same weights on CTranslate2, several times as fast, without torch."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version as package_version
from pathlib import Path
from typing import Any

from data_pipeline.sound.speech import AudioSpan, Transcript, heard_in_pieces
from data_pipeline.sound.whisper_segments import raw_segments
from retrieval.encoders.fingerprint import files_revision
from retrieval.encoders.hub import find_model_files
from retrieval.errors import ModelError

_FILES = ("model.bin", "config.json")
_WANTED = ("model.bin", "*.json", "vocabulary.*")
_COMPUTE = "int8"
# As for openai-whisper: one pass, no memory of the piece before, no threshold.
_SETTINGS: dict[str, Any] = {
    "task": "transcribe", "beam_size": 5, "temperature": 0.0, "condition_on_previous_text": False, "vad_filter": False,
    "no_speech_threshold": None, "log_prob_threshold": None, "compression_ratio_threshold": None,
}


class FastWhisper:
    """model: a folder of CTranslate2, owner/model on the hub, or a size such as small. language: None = found for every piece.

    Raises ModelError when the package or the model is missing.
    """

    name = "faster-whisper"
    gives_times = True

    def __init__(self, model: str, *, threads: int = 1, language: str | None = "zh") -> None:
        try:
            from faster_whisper import WhisperModel
        except ImportError as error:
            raise ModelError(
                f"The speech engine faster-whisper cannot be imported ({error}): install it with: pip install 'wenshi[asr]'"
            ) from error
        self.version = f"{package_version('faster-whisper')} {_COMPUTE}"
        folder = _folder(model)
        try:
            self._model = WhisperModel(
                str(folder), device="cpu", compute_type=_COMPUTE, cpu_threads=threads, local_files_only=True
            )
        except Exception as error:      # CTranslate2's or the file system's
            raise ModelError(f"The Whisper model in {folder} cannot be loaded ({type(error).__name__}: {error}).") from error
        self.model_digest = files_revision(path for path in folder.iterdir() if path.is_file())
        self._language = language

    def transcribe(self, batch: Sequence[AudioSpan]) -> list[Transcript]:
        return heard_in_pieces(batch, lambda pieces: [self._heard(piece) for piece in pieces])

    def _heard(self, piece: AudioSpan) -> Transcript:
        try:
            segments, facts = self._model.transcribe(piece.samples, language=self._language, **_SETTINGS)
            parts = [(s.start, s.end, s.text, s.avg_logprob, s.no_speech_prob, s.compression_ratio) for s in segments]
        except Exception as error:
            raise ModelError(f"The speech engine {self.name} {self.version} failed: {error}") from error
        return Transcript(segments=raw_segments(piece, parts), language=facts.language)


def _folder(model: str) -> Path:
    from faster_whisper.utils import _MODELS

    return find_model_files(_MODELS.get(model, model), required=_FILES, wanted=_WANTED)
