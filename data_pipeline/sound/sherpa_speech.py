"""SenseVoice, Paraformer and Whisper by sherpa-onnx: small packages, no torch; the best choice for Chinese on a CPU."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version as package_version
from pathlib import Path
from typing import Any

from data_pipeline.sound.sherpa_files import import_sherpa, of_kind, one_file
from data_pipeline.sound.speech import SAMPLE_RATE, AudioSpan, Segment, Transcript, heard_in_pieces
from retrieval.encoders.fingerprint import files_revision
from retrieval.errors import ModelError

_PIECES_AT_ONCE = 8
_TAIL = 1 << 20         # bytes at the end of an ONNX file, where its description stands


class SherpaSpeech:
    """model: a folder as sherpa-onnx publishes them: tokens.txt beside model.onnx, or beside an encoder and a decoder.

    A file of 8-bit weights is taken before one of 32-bit weights. language: None = found by the model. Raises ModelError
    when the package is missing or the folder holds no model of a kind that is known.
    """

    name = "sherpa-onnx"
    gives_times = False

    def __init__(self, model: str, *, threads: int = 1, language: str | None = "zh") -> None:
        sherpa = import_sherpa()
        self.version = package_version("sherpa-onnx")
        folder = Path(model).expanduser()
        if not folder.is_dir():
            raise ModelError(f"There is no model folder {folder} for the speech engine sherpa-onnx.")
        kind, files = speech_files(folder)
        self.model_digest = files_revision(files.values())
        try:
            self._recognizer = _recognizer(sherpa, kind, files, threads=threads, language=language)
        except Exception as error:
            raise ModelError(f"The {kind} model in {folder} cannot be loaded ({type(error).__name__}: {error}).") from error
        self._language = language

    def transcribe(self, batch: Sequence[AudioSpan]) -> list[Transcript]:
        return heard_in_pieces(batch, self._heard, at_once=_PIECES_AT_ONCE)

    def _heard(self, batch: Sequence[AudioSpan]) -> list[Transcript]:
        try:
            streams = [self._recognizer.create_stream() for _ in batch]
            for stream, piece in zip(streams, batch, strict=True):
                stream.accept_waveform(SAMPLE_RATE, piece.samples)
            self._recognizer.decode_streams(streams)
            results = [stream.result for stream in streams]
        except Exception as error:
            raise ModelError(f"The speech engine {self.name} {self.version} failed: {error}") from error
        return [self._transcript(piece, result) for piece, result in zip(batch, results, strict=True)]

    def _transcript(self, piece: AudioSpan, result: Any) -> Transcript:
        text = result.text.strip()
        segments = (Segment(start_ms=piece.start_ms, end_ms=piece.end_ms, text=text),) if text else ()
        return Transcript(
            segments=segments, language=_plain(result.lang) or self._language, event=_plain(result.event) or None
        )


def speech_files(folder: Path) -> tuple[str, dict[str, Path]]:
    """Which kind of model a folder holds (SenseVoice, Paraformer or Whisper), and its files by their role.

    Raises ModelError where it is none of these.
    """
    tokens = one_file(folder, "*tokens.txt")
    encoder, decoder = (of_kind(folder, f"*{role}*.onnx") for role in ("encoder", "decoder"))
    if encoder and decoder:
        return "Whisper", {"encoder": encoder, "decoder": decoder, "tokens": tokens}
    model = of_kind(folder, "model*.onnx")
    if model is not None:
        description = _description(model)
        if b"lang_zh" in description:
            return "SenseVoice", {"model": model, "tokens": tokens}
        if b"paraformer" in description:
            return "Paraformer", {"model": model, "tokens": tokens}
    raise ModelError(f"The folder {folder} holds neither a SenseVoice nor a Paraformer nor a Whisper model of sherpa-onnx.")


def _recognizer(sherpa: Any, kind: str, files: dict[str, Path], *, threads: int, language: str | None) -> Any:
    paths = {role: str(path) for role, path in files.items()}
    make = sherpa.OfflineRecognizer
    if kind == "SenseVoice":
        return make.from_sense_voice(**paths, num_threads=threads, language=language or "auto", use_itn=True)
    if kind == "Paraformer":
        return make.from_paraformer(paraformer=paths["model"], tokens=paths["tokens"], num_threads=threads)
    return make.from_whisper(**paths, num_threads=threads, language=language or "")


def _description(model: Path) -> bytes:
    with model.open("rb") as file:
        file.seek(max(0, model.stat().st_size - _TAIL))
        return file.read()


def _plain(token: str) -> str:
    """zh of <|zh|>."""
    return token.strip("<|>").strip()
