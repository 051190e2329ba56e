"""Voice activity by Silero's network, which comes with the package faster-whisper and runs on ONNX Runtime alone."""

from __future__ import annotations

from importlib.metadata import version as package_version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_pipeline.sound.hearing import SoundSpan
from data_pipeline.sound.speech import SAMPLE_RATE, milliseconds
from retrieval.encoders.fingerprint import files_revision
from retrieval.errors import ModelError

_WINDOW = 512           # samples that get one probability
_CONTEXT = 64           # samples before a window that the network sees, too
_STATE = (1, 1, 128)
# Voice begins at the one and ends below the other: a pause inside a word is not an end.
_BEGINS, _ENDS = 0.5, 0.35
_SHORTEST_PAUSE_MS = 300
# Plucked strings and motors look like a voice for a moment, never for long and never for sure; a short word is sure.
_SHORT_VOICE_MS = 400
_SURE = 0.94
_MARGIN_MS = 120        # a soft first consonant lies below the threshold
_FILE = "silero_vad_v6.onnx"


class SileroVoice:
    """Spans of human voice. Raises ModelError when a package is missing or the network cannot be loaded."""

    name = "silero-vad"

    def __init__(self) -> None:
        path = _network()
        self.version = f"6 ({package_version('faster-whisper')})"
        self.model_digest = files_revision([path])
        self._session = _session(path)

    def listening(self) -> VoiceListening:
        return VoiceListening(self._session)


class VoiceListening:
    """A sound track being heard. The network's state goes from one piece to the next, so that their borders do not show."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._left = np.zeros(0, np.float32)
        self._context = np.zeros(_CONTEXT, np.float32)
        self._hidden, self._cell = np.zeros(_STATE, np.float32), np.zeros(_STATE, np.float32)
        self._probabilities: list[NDArray[np.float32]] = []
        self._samples = 0

    def feed(self, samples: NDArray[np.float32]) -> None:
        self._samples += len(samples)
        joined = np.concatenate([self._left, samples])
        whole = len(joined) // _WINDOW * _WINDOW
        self._left = joined[whole:]
        if whole:
            self._run(joined[:whole])

    def finish(self) -> list[SoundSpan]:
        if len(self._left):
            self._run(np.pad(self._left, (0, _WINDOW - len(self._left))))
            self._left = self._left[:0]
        if not self._probabilities:
            return []
        return voice_spans(np.concatenate(self._probabilities), length_ms=milliseconds(self._samples))

    def _run(self, samples: NDArray[np.float32]) -> None:
        windows = samples.reshape(-1, _WINDOW)
        before = np.concatenate([self._context[None], windows[:-1, -_CONTEXT:]])
        given = {"input": np.concatenate([before, windows], axis=1), "h": self._hidden, "c": self._cell}
        output, self._hidden, self._cell = self._session.run(None, given)
        self._context = windows[-1, -_CONTEXT:].copy()
        self._probabilities.append(np.asarray(output, np.float32).reshape(-1))


def voice_spans(probabilities: NDArray[np.float32], *, length_ms: int) -> list[SoundSpan]:
    """Spans of voice from one probability for every 32 ms: [N] -> spans, short pauses closed, a margin at either end."""
    step = _WINDOW * 1000 // SAMPLE_RATE
    runs: list[tuple[int, int]] = []        # in windows, end exclusive
    begun: int | None = None
    for window, probability in enumerate(probabilities):
        if begun is None and probability >= _BEGINS:
            begun = window
        elif begun is not None and probability < _ENDS:
            runs.append((begun, window))
            begun = None
    if begun is not None:
        runs.append((begun, len(probabilities)))
    joined: list[tuple[int, int]] = []
    for first, last in runs:
        if joined and (first - joined[-1][1]) * step < _SHORTEST_PAUSE_MS:
            joined[-1] = joined[-1][0], last
        else:
            joined.append((first, last))
    return [
        SoundSpan(
            start_ms=max(0, first * step - _MARGIN_MS),
            end_ms=min(length_ms, last * step + _MARGIN_MS),
            label="speech",
            score=float(probabilities[first:last].mean()),
        )
        for first, last in joined
        if (last - first) * step >= _SHORT_VOICE_MS or probabilities[first:last].max() >= _SURE
    ]


def _network() -> Path:
    spec = find_spec("faster_whisper")
    for folder in (spec.submodule_search_locations if spec else None) or ():
        if (path := Path(folder) / "assets" / _FILE).is_file():
            return path
    raise ModelError(
        f"Voice is found by the network {_FILE}, which comes with faster-whisper: install it with: pip install 'wenshi[asr]'"
    )


def _session(path: Path) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise ModelError("Voice is found with onnxruntime: install it with: pip install 'wenshi[asr]'") from error
    options = onnxruntime.SessionOptions()
    options.inter_op_num_threads = options.intra_op_num_threads = 1
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ModelError(
            f"The voice network {path} cannot be loaded ({type(error).__name__}): reinstall faster-whisper."
        ) from error
