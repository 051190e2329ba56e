"""What the speech policy keeps and leaves out: python -m benchmarks.speech_policy

Texts: real lines and known inventions (benchmarks/speech_lines), each as written, in traditional characters and without
punctuation. The rules were written with these lists at hand, so that they say how well the rules do what they are meant to,
not how they do on others' lines.
Sounds: silence, noise and music made by code, heard by an engine that always says something.
"""

from __future__ import annotations

import tempfile
import wave
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path

import numpy as np

from benchmarks.sounds import KINDS, Sound
from data_pipeline.audit.precision import wilson
from data_pipeline.corpus.measured import SpeechRow
from data_pipeline.sound.listen import listen
from data_pipeline.sound.policy import flags_of, judged
from data_pipeline.sound.speech import SAMPLE_RATE, AudioSpan, Segment, Transcript
from data_pipeline.sound.voice import SileroVoice

_LINES = Path(__file__).parent / "speech_lines"
_SEEDS, _SECONDS = range(100, 116), 20.0


class Inventor:
    """An engine that hears a sentence in everything: real ones and inventions by turns."""

    name, version, model_digest, gives_times = "inventor", "1", "0", False

    def __init__(self, lines: Sequence[str]) -> None:
        self._lines, self._said = lines, 0

    def transcribe(self, batch: Sequence[AudioSpan]) -> list[Transcript]:
        return [Transcript(segments=(self._next(span),), language="zh") for span in batch]

    def _next(self, span: AudioSpan) -> Segment:
        self._said += 1
        line = self._lines[self._said * 7 % len(self._lines)]
        return Segment(start_ms=span.start_ms, end_ms=span.end_ms, text=line, average_logprob=-0.3, no_speech=0.1)


def main() -> None:
    """Print every count with its 95 % interval."""
    real, inventions = read_lines("real.txt"), read_lines("inventions.txt")
    print(f"{len(real)} real lines, {len(inventions)} inventions; each in 3 ways of writing\n")
    for name, write in WRITINGS.items():
        print(f"## {name}")
        _share("inventions caught by their text alone (nobody listened for a voice)", caught(map(write, inventions), voice=None))
        _share("inventions caught although a voice is heard all the time", caught(map(write, inventions), voice=1.0))
        _share("real lines lost, voice over 90 % of the line", caught(map(write, real), voice=0.9))
        _share("real lines lost where nobody listened for a voice", caught(map(write, real), voice=None))
    voice = SileroVoice()
    print("\n## sounds without speech, lines kept")
    for kind, make in KINDS.items():
        kept = [_kept(make(_SECONDS, seed), real + inventions, voice) for seed in _SEEDS]
        print(
            f"{kind}: {len(kept)} sounds of {_SECONDS:.0f} s; voice found in {sum(found for found, _, _ in kept)}; "
            f"kept {sum(a for _, a, _ in kept)} lines as it runs, {sum(b for _, _, b in kept)} of those said over the whole sound"
        )


def read_lines(name: str) -> list[str]:
    """The lines of a list, without its headings."""
    lines = (_LINES / name).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("# ")]


def caught(texts: Iterable[str], *, voice: float | None) -> list[bool]:
    """Whether each text is flagged, said with certainty and with a voice over that share of it."""
    return [bool(flags_of(_row(text, voice=voice))) for text in texts]


def write_wave(path: Path, samples: Sound) -> Path:
    """16 kHz, mono, 16 bits."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes((samples * 32767).astype(np.int16).tobytes())
    return path


@cache
def _to_traditional() -> Callable[[str], str]:
    from opencc import OpenCC

    return OpenCC("s2t").convert


WRITINGS: dict[str, Callable[[str], str]] = {
    "as written": lambda text: text,
    "traditional": lambda text: _to_traditional()(text),
    "without punctuation": lambda text: "".join(c for c in text if c.isalnum() or c in " :：・[](（)【】♪*.。"),
}


def _kept(samples: Sound, lines: Sequence[str], voice: SileroVoice) -> tuple[bool, int, int]:
    """Whether a voice was found; lines kept as it runs; lines kept of an engine that is given the whole sound."""
    with tempfile.TemporaryDirectory() as folder:
        path = write_wave(Path(folder, "sound.wav"), samples)
        runs = listen(path, "v", engine=Inventor(lines), tagger=None, voice=voice)
        whole = listen(path, "v", engine=Inventor(lines), tagger=None, voice=None)
    spans = [span for span in runs.audio_spans if span.label == "speech"]
    return bool(spans), _good(runs.segments), _good(judged(whole.segments, voice=spans, tags=None))


def _good(segments: Sequence[SpeechRow]) -> int:
    return sum(not row.flags for row in segments)


def _row(text: str, *, voice: float | None) -> SpeechRow:
    return SpeechRow(
        video_id="v", segment=0, start_ms=0, end_ms=3_000, text=text, language="zh", average_logprob=-0.3, no_speech=0.1,
        compression=None, voice_share=voice, music_share=None, singing_share=None, flags=(), engine="", model_digest="",
    )


def _share(name: str, flagged: Sequence[bool]) -> None:
    share = sum(flagged) / len(flagged)
    low, high = wilson(share, len(flagged))
    print(f"{name}: {sum(flagged)} of {len(flagged)} ({100 * share:.2f} %, {100 * low:.2f} to {100 * high:.2f})")


if __name__ == "__main__":
    main()
