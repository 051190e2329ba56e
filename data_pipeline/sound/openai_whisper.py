"""Whisper by the package openai-whisper: the reference that the other Whisper engines are compared with."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.metadata import version as package_version
from pathlib import Path
from typing import Any

from data_pipeline.sound.speech import AudioSpan, Transcript, heard_in_pieces
from data_pipeline.sound.whisper_segments import raw_segments
from retrieval.encoders.fingerprint import files_revision
from retrieval.errors import ModelError

# One pass, no second try at another temperature, nothing carried over from the piece before: what begins loops.
# No threshold either: what is doubtful is for the policy to leave out.
_SETTINGS: dict[str, Any] = {
    "task": "transcribe", "temperature": 0.0, "condition_on_previous_text": False, "fp16": False, "verbose": None,
    "no_speech_threshold": None, "logprob_threshold": None, "compression_ratio_threshold": None,
}


class OpenAiWhisper:
    """model: a .pt file, a folder that holds one, or a name of OpenAI's. language: None = found for every piece.

    `threads` is left to torch. Raises ModelError when the package or the model is missing.
    """

    name = "openai-whisper"
    gives_times = True

    def __init__(self, model: str, *, threads: int = 1, language: str | None = "zh") -> None:
        try:
            import whisper
        except ImportError as error:
            raise ModelError(
                f"The speech engine openai-whisper cannot be imported ({error}): install it with: pip install 'wenshi[whisper]'"
            ) from error
        self.version = package_version("openai-whisper")
        path = _weights(model, whisper)
        try:
            self._model = whisper.load_model(str(path), device="cpu")
        except Exception as error:      # torch's, pickle's or the file system's
            raise ModelError(f"The Whisper model {path} cannot be loaded ({type(error).__name__}: {error}).") from error
        self.model_digest = files_revision([path])
        self._language = language if self._model.is_multilingual else "en"

    def transcribe(self, batch: Sequence[AudioSpan]) -> list[Transcript]:
        return heard_in_pieces(batch, lambda pieces: [self._heard(piece) for piece in pieces])

    def _heard(self, piece: AudioSpan) -> Transcript:
        try:
            answer = self._model.transcribe(piece.samples, language=self._language, **_SETTINGS)
        except Exception as error:
            raise ModelError(f"The speech engine {self.name} {self.version} failed: {error}") from error
        parts = (
            (part["start"], part["end"], part["text"], part["avg_logprob"], part["no_speech_prob"], part["compression_ratio"])
            for part in answer["segments"]
        )
        return Transcript(segments=raw_segments(piece, parts), language=answer.get("language"))


def _weights(model: str, whisper: Any) -> Path:
    path = Path(model).expanduser()
    if path.is_dir():
        found = sorted(path.glob("*.pt"))
        if len(found) != 1:
            raise ModelError(f"The folder {path} holds {len(found)} .pt files, not one: name the file of a Whisper model.")
        return found[0]
    if path.is_file():
        return path
    if model not in whisper.available_models():
        names = ", ".join(whisper.available_models())
        raise ModelError(f"There is neither a file {model} nor a Whisper model of that name (there are: {names}).")
    return _fetched(model, whisper)


def _fetched(name: str, whisper: Any) -> Path:
    """OpenAI's file, from the package's own cache or the network."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "whisper"
    try:
        return Path(whisper._download(whisper._MODELS[name], str(cache), False))
    except Exception as error:      # urllib's, the system's, or a digest that does not fit
        raise ModelError(
            f"The Whisper model {name} is not in {cache} and cannot be fetched ({type(error).__name__}): connect to a network "
            "once, or name the .pt file."
        ) from error
