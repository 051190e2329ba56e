"""Listen to a video: voice and music first, then the words, then what the policy thinks of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from data_pipeline.corpus.measured import AudioSpanRow, SpeechRow
from data_pipeline.sound.hearing import AudioTagger, Listener, SoundSpan, VoiceDetector
from data_pipeline.sound.policy import DEFAULT_POLICY, POLICY_VERSION, SpeechPolicy, judged
from data_pipeline.sound.speech import LONGEST_MS, SAMPLE_RATE, AudioSpan, SpeechEngine, Transcript, milliseconds
from retrieval.errors import VideoError
from retrieval.video.audio import iter_audio
from retrieval.video.container import FileName

LISTEN_VERSION = "1"        # changes with what this file does to the same sound

_CHUNK = 10 * SAMPLE_RATE
_TOGETHER_MS = LONGEST_MS   # of sound that an engine is given at once: between two batches progress is told
_BRIDGED_MS = 2_000         # a pause that an engine with times of its own may hear
# What SenseVoice says that a span sounds like, where that is a label of ours.
_EVENTS = {"bgm": "music"}


@dataclass(frozen=True, kw_only=True)
class Heard:
    """status: heard, no_audio (no sound track, or none that decodes) or not_asked (nothing was there to listen with).

    judged_by: the version of the policy that judged the segments, None = nobody has. Results that were kept before this was
    said were judged by the first one.
    """

    status: Literal["heard", "no_audio", "not_asked"]
    audio_spans: tuple[AudioSpanRow, ...] = ()
    segments: tuple[SpeechRow, ...] = ()
    judged_by: str | None = "1"


def listen(
    path: FileName,
    video_id: str,
    *,
    engine: SpeechEngine | None,
    tagger: AudioTagger | None,
    voice: VoiceDetector | None,
    policy: SpeechPolicy | None = DEFAULT_POLICY,
    duration_ms: int = 0,
    progress: Callable[[int, int], None] = lambda position_ms, duration_ms: None,
) -> Heard:
    """What is heard in the video at `path`. Memory is bounded: the sound is read twice, in pieces.

    policy: None = the segments stay as the engine gave them, for `believed` to judge.
    With a voice detector the engine is given voice alone; without one it is given all. `progress`: (position, duration) in
    ms, the duration as it was given. Raises VideoError as `read_audio` does, but not for a video without sound; ModelError.
    """
    if engine is None and tagger is None and voice is None:
        return Heard(status="not_asked")
    try:
        length_ms, voiced, tagged = _listened(path, voice, tagger, lambda at: progress(at, duration_ms))
        heard = [] if engine is None else _transcribed(
            path, engine, _windows(length_ms, voiced, packed=engine.gives_times), lambda at: progress(at, duration_ms)
        )
    except VideoError as error:
        if error.kind == "no_audio":
            return Heard(status="no_audio")
        raise
    events = [span for window, transcript in heard if (span := _event(window, transcript)) is not None]
    rows = _audio_rows(video_id, [(voiced or (), voice), (tagged or (), tagger), (events, engine)])
    segments = () if engine is None else tuple(_rows(video_id, engine, [transcript for _, transcript in heard]))
    found = Heard(status="heard", audio_spans=tuple(rows), segments=segments, judged_by=None)
    return found if policy is None else believed(found, voice=voice, tagger=tagger, policy=policy)


def believed(
    heard: Heard, *, voice: VoiceDetector | None, tagger: AudioTagger | None, policy: SpeechPolicy = DEFAULT_POLICY
) -> Heard:
    """What was heard with its segments judged by today's policy; no model runs. voice, tagger: who listened.

    Segments that an earlier policy has judged were moved to where a voice is heard, and are judged there.
    """
    if heard.judged_by == POLICY_VERSION:
        return heard
    detector = None if voice is None else f"{voice.name} {voice.version}"
    voiced = [span for span in heard.audio_spans if span.engine == detector]
    tagged = [span for span in heard.audio_spans if span.engine != detector]
    segments = judged(
        heard.segments, voice=None if voice is None else voiced, tags=None if tagger is None and not tagged else tagged,
        policy=policy,
    )
    return replace(heard, segments=segments, judged_by=POLICY_VERSION)


def _listened(
    path: FileName, voice: Listener | None, tagger: Listener | None, progress: Callable[[int], None]
) -> tuple[int, list[SoundSpan] | None, list[SoundSpan] | None]:
    """Length of the sound, voice and tags; None for what nobody listens for."""
    listenings = [listener.listening() if listener else None for listener in (voice, tagger)]
    samples = 0
    for chunk in iter_audio(path, sample_rate=SAMPLE_RATE, chunk_samples=_CHUNK):
        for listening in listenings:
            if listening is not None:
                listening.feed(chunk)
        samples += len(chunk)
        progress(milliseconds(samples))
    voiced, tagged = (listening.finish() if listening is not None else None for listening in listenings)
    return milliseconds(samples), voiced, tagged


def _windows(length_ms: int, voiced: Sequence[SoundSpan] | None, *, packed: bool) -> list[tuple[int, int]]:
    """What an engine is given: everything in pieces where nobody looked for voice, else the voice.

    packed: an engine with times of its own gets neighbouring voice together, so that it has a sentence's context.
    """
    spans = [(0, length_ms)] if voiced is None else [(span.start_ms, span.end_ms) for span in voiced]
    joined: list[tuple[int, int]] = []
    for start, end in spans:
        if packed and joined and start - joined[-1][1] <= _BRIDGED_MS and end - joined[-1][0] <= LONGEST_MS:
            joined[-1] = joined[-1][0], end
        else:
            joined += [(at, min(at + LONGEST_MS, end)) for at in range(start, end, LONGEST_MS)]
    return joined


def _transcribed(
    path: FileName, engine: SpeechEngine, windows: Sequence[tuple[int, int]], progress: Callable[[int], None]
) -> list[tuple[tuple[int, int], Transcript]]:
    transcripts: list[Transcript] = []
    batch: list[AudioSpan] = []

    def transcribe() -> None:
        transcripts.extend(engine.transcribe(batch))
        progress(batch[-1].end_ms)
        batch.clear()

    for span in _cut(path, windows):
        if batch and sum(s.end_ms - s.start_ms for s in [*batch, span]) > _TOGETHER_MS:
            transcribe()
        batch.append(span)
    if batch:
        transcribe()
    return [*zip(windows, transcripts, strict=True)]


def _cut(path: FileName, windows: Sequence[tuple[int, int]]) -> Iterator[AudioSpan]:
    """The sound of each window, read once more; windows are in order of time and do not overlap."""
    left = list(windows)
    held, held_at = np.zeros(0, np.float32), 0          # samples
    for chunk in iter_audio(path, sample_rate=SAMPLE_RATE, chunk_samples=_CHUNK) if left else ():
        held = np.concatenate([held, chunk])
        while left and _samples(left[0][1]) <= held_at + len(held):
            yield _span(held, held_at, *left.pop(0))
        if not left:
            return
        unneeded = min(max(_samples(left[0][0]) - held_at, 0), len(held))
        held, held_at = held[unneeded:], held_at + unneeded
    yield from (_span(held, held_at, *window) for window in left)       # rounding: the last may end a sample late


def _span(held: NDArray[np.float32], held_at: int, start_ms: int, end_ms: int) -> AudioSpan:
    begin, end = max(_samples(start_ms) - held_at, 0), max(_samples(end_ms) - held_at, 0)
    return AudioSpan(samples=held[begin:end].copy(), start_ms=start_ms)


def _samples(ms: int) -> int:
    return ms * SAMPLE_RATE // 1000


def _event(window: tuple[int, int], transcript: Transcript) -> SoundSpan | None:
    label = _EVENTS.get((transcript.event or "").lower())
    return SoundSpan(start_ms=window[0], end_ms=window[1], label=label, score=1.0) if label else None


def _audio_rows(
    video_id: str, sounds: Sequence[tuple[Sequence[SoundSpan], Listener | SpeechEngine | None]]
) -> list[AudioSpanRow]:
    named = [(span, f"{source.name} {source.version}") for spans, source in sounds if source for span in spans]
    return [
        AudioSpanRow(
            video_id=video_id, span=number, start_ms=span.start_ms, end_ms=span.end_ms, label=span.label, score=span.score,
            engine=engine,
        )
        for number, (span, engine) in enumerate(sorted(named, key=lambda sound: (sound[0].start_ms, sound[0].label)))
    ]


def _rows(video_id: str, engine: SpeechEngine, transcripts: Sequence[Transcript]) -> list[SpeechRow]:
    said = [(segment, transcript.language) for transcript in transcripts for segment in transcript.segments]
    return [
        SpeechRow(
            video_id=video_id, segment=number, start_ms=segment.start_ms, end_ms=segment.end_ms, text=segment.text,
            language=language, average_logprob=segment.average_logprob, no_speech=segment.no_speech,
            compression=segment.compression, voice_share=None, music_share=None, singing_share=None, flags=(),
            engine=f"{engine.name} {engine.version}", model_digest=engine.model_digest,
        )
        for number, (segment, language) in enumerate(said)
    ]
