"""The speech engines by name. What they have in common is in `speech`; each is an adapter in a file of its own."""

from __future__ import annotations

from collections.abc import Callable

from data_pipeline.sound.speech import AudioSpan, Segment, SpeechEngine, Transcript
from retrieval.errors import InputError

__all__ = ["ANY_LANGUAGE", "ENGINES", "AudioSpan", "Segment", "SpeechEngine", "Transcript", "check_engine", "speech_engine"]

ANY_LANGUAGE = "auto"       # the engine finds out, for every span anew


def speech_engine(name: str, *, model: str | None = None, threads: int = 1, language: str = "zh") -> SpeechEngine:
    """Load an engine.

    name: one of `ENGINES`. model: a file or folder, or a name that the engine knows; None = its usual small model, which
    sherpa-onnx does not have. language: an ISO 639-1 code, or `ANY_LANGUAGE`. Raises InputError for an unknown name,
    ModelError when the package or the model is missing.
    """
    check_engine(name)
    if threads < 1:
        raise ValueError(f"threads must be at least 1, not {threads}")
    return ENGINES[name](model, threads, None if language == ANY_LANGUAGE else language)


def check_engine(name: str) -> None:
    """Raises InputError for a name that is none of `ENGINES`."""
    if name not in ENGINES:
        raise InputError(f"There is no speech engine {name!r}: choose one of {', '.join(ENGINES)}.")


def _openai_whisper(model: str | None, threads: int, language: str | None) -> SpeechEngine:
    from data_pipeline.sound.openai_whisper import OpenAiWhisper

    return OpenAiWhisper(model or "small", threads=threads, language=language)


def _faster_whisper(model: str | None, threads: int, language: str | None) -> SpeechEngine:
    from data_pipeline.sound.fast_whisper import FastWhisper

    return FastWhisper(model or "small", threads=threads, language=language)


def _sherpa_onnx(model: str | None, threads: int, language: str | None) -> SpeechEngine:
    from data_pipeline.sound.sherpa_speech import SherpaSpeech

    if model is None:
        raise InputError("The speech engine sherpa-onnx has no usual model: name the folder of one, such as SenseVoice.")
    return SherpaSpeech(model, threads=threads, language=language)


def _transformers(model: str | None, threads: int, language: str | None) -> SpeechEngine:
    from data_pipeline.sound.transformers_whisper import TransformersWhisper

    return TransformersWhisper(model or "openai/whisper-small", threads=threads, language=language)


ENGINES: dict[str, Callable[[str | None, int, str | None], SpeechEngine]] = {
    "openai-whisper": _openai_whisper,
    "faster-whisper": _faster_whisper,
    "sherpa-onnx": _sherpa_onnx,
    "transformers": _transformers,
}
