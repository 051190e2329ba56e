"""Listening to whole files: voice and tags, the words on the timeline, and nothing kept where nobody speaks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from pydantic import TypeAdapter

from benchmarks.sounds import KINDS, Sound, melody, silence
from benchmarks.speech_policy import write_wave
from data_pipeline.sound.hearing import SoundSpan
from data_pipeline.sound.listen import Heard, believed, listen
from data_pipeline.sound.policy import SpeechPolicy
from data_pipeline.sound.sherpa_tagger import SherpaTagger, label_of
from data_pipeline.sound.speech import SAMPLE_RATE, AudioSpan, Segment, Transcript
from data_pipeline.sound.voice import SileroVoice, voice_spans
from retrieval.errors import ModelError
from tests.speech_models import SENTENCE, build_tagger
from tests.videos import write_video
from tests.voices import vowels


class Recorder:
    """An engine that says where it was given sound, and keeps the sound."""

    name, version, model_digest = "recorder", "1", "d"

    def __init__(self, *, gives_times: bool = False, event: str | None = None) -> None:
        self.gives_times, self._event = gives_times, event
        self.given: list[AudioSpan] = []

    def transcribe(self, batch: Sequence[AudioSpan]) -> list[Transcript]:
        self.given += batch
        said = [Segment(start_ms=span.start_ms, end_ms=span.end_ms, text=SENTENCE) for span in batch]
        return [Transcript(segments=(segment,), language="zh", event=self._event) for segment in said]


class Voice:
    """A detector that finds voice where it is told to."""

    name, version, model_digest = "told", "1", "d"

    def __init__(self, *spans: tuple[int, int]) -> None:
        self._spans = spans

    def listening(self) -> Voice:
        return self

    def feed(self, samples: Sound) -> None:
        assert samples.dtype == np.float32

    def finish(self) -> list[SoundSpan]:
        return [SoundSpan(start_ms=start, end_ms=end, label="speech", score=0.9) for start, end in self._spans]


def counted(seconds: float) -> Sound:
    """Samples that say where they come from: a ramp over the whole sound."""
    return np.linspace(-0.9, 0.9, int(seconds * SAMPLE_RATE), dtype=np.float32)


@pytest.mark.parametrize("gives_times", [False, True])
def test_an_engine_is_given_the_sound_of_the_voice_and_nothing_else(gives_times: bool, tmp_path: Path) -> None:
    sound = counted(45)
    path = write_wave(tmp_path / "a.wav", sound)
    engine = Recorder(gives_times=gives_times)

    heard = listen(path, "v", engine=engine, tagger=None, voice=Voice((1_500, 3_000), (4_000, 9_500), (12_000, 44_000)))

    joined = [(1_500, 9_500)] if gives_times else [(1_500, 3_000), (4_000, 9_500)]
    expected = [*joined, (12_000, 42_000), (42_000, 44_000)]
    assert [(span.start_ms, span.end_ms) for span in engine.given] == expected
    for span in engine.given:
        np.testing.assert_allclose(span.samples, sound[span.start_ms * 16 : span.end_ms * 16], atol=1e-4)
    assert [(row.start_ms, row.end_ms) for row in heard.segments] == expected
    assert [row.segment for row in heard.segments] == [*range(len(expected))]
    assert {(row.engine, row.model_digest, row.video_id) for row in heard.segments} == {("recorder 1", "d", "v")}
    assert [(row.label, row.engine) for row in heard.audio_spans] == [("speech", "told 1")] * 3


def test_what_was_heard_is_judged_later_as_it_would_have_been_at_once(tmp_path: Path) -> None:
    path, voice = write_wave(tmp_path / "a.wav", counted(45)), Voice((1_500, 3_000), (4_000, 9_500), (12_000, 44_000))
    engine = Recorder(gives_times=True, event="BGM")
    at_once = listen(path, "v", engine=engine, tagger=None, voice=voice)
    heard = listen(path, "v", engine=engine, tagger=None, voice=voice, policy=None)
    assert {(row.voice_share, row.music_share, row.flags) for row in heard.segments} == {(None, None, ())}
    kept = TypeAdapter(Heard).validate_json(TypeAdapter(Heard).dump_json(heard))
    assert believed(kept, voice=voice, tagger=None) == at_once
    strict = believed(kept, voice=voice, tagger=None, policy=SpeechPolicy(least_voice=0.95))
    assert ["no_voice" in row.flags for row in strict.segments] == [True, False, False]
    of_before = Heard(status="heard", segments=heard.segments)      # as results say it that were kept without a word of judging
    assert believed(of_before, voice=voice, tagger=None) is of_before


def test_without_a_voice_detector_all_is_heard_in_pieces(tmp_path: Path) -> None:
    path, engine = write_wave(tmp_path / "a.wav", counted(61)), Recorder()

    heard = listen(path, "v", engine=engine, tagger=None, voice=None)

    assert [(span.start_ms, span.end_ms) for span in engine.given] == [(0, 30_000), (30_000, 60_000), (60_000, 61_000)]
    assert [row.voice_share for row in heard.segments] == [None] * 3


def test_a_video_without_sound_is_no_failure_and_without_ears_nothing_is_opened(tmp_path: Path) -> None:
    path = write_video(tmp_path / "mute.mp4")

    assert listen(path, "v", engine=Recorder(), tagger=None, voice=None).status == "no_audio"
    assert listen(tmp_path / "nothing.mp4", "v", engine=None, tagger=None, voice=None).status == "not_asked"


def test_shares_come_from_the_tagger_and_from_what_the_engine_says(tmp_path: Path) -> None:
    pytest.importorskip("sherpa_onnx")
    path = write_wave(tmp_path / "a.wav", counted(6))
    tagger = SherpaTagger(str(build_tagger(tmp_path / "ced", {"Music": 0.7, "Male singing": 0.6, "Speech": 0.05})))

    heard = listen(path, "v", engine=Recorder(), tagger=tagger, voice=None)
    said = listen(path, "v", engine=Recorder(event="BGM"), tagger=None, voice=Voice())
    spoken = listen(path, "v", engine=Recorder(event="BGM"), tagger=None, voice=Voice((1_000, 2_000)))

    assert {(row.start_ms, row.end_ms, row.label) for row in heard.audio_spans} == {
        (start, end, label) for start, end in ((0, 4_000), (4_000, 6_000)) for label in ("music", "singing")
    }
    assert [(row.music_share, row.singing_share, row.flags) for row in heard.segments] == [(1.0, 1.0, ("lyrics",))]
    assert {row.engine for row in heard.audio_spans} == {f"sherpa-onnx {tagger.version}"}
    assert (said.segments, said.audio_spans) == ((), ())        # no voice was found, so that nothing was given to the engine
    assert [(row.start_ms, row.label, row.engine) for row in spoken.audio_spans] == [
        (1_000, "music", "recorder 1"), (1_000, "speech", "told 1")
    ]
    assert [(row.music_share, row.flags) for row in spoken.segments] == [(1.0, ())]
    assert label_of("Background music") == "music"
    assert label_of("Male speech, man speaking") == "speech"
    assert label_of("Dog") == "noise"


def test_voice_has_the_same_spans_however_the_sound_is_fed() -> None:
    pytest.importorskip("faster_whisper")
    sound = vowels(6.0)
    voice = SileroVoice()
    runs = []
    for step in (len(sound), 16_000, 777):
        listening = voice.listening()
        for at in range(0, len(sound), step):
            listening.feed(sound[at : at + step])
        runs.append(listening.finish())

    assert [(s.start_ms, s.end_ms) for s in runs[0]] == [(s.start_ms, s.end_ms) for s in runs[1]]
    assert [(s.start_ms, s.end_ms) for s in runs[0]] == [(s.start_ms, s.end_ms) for s in runs[2]]
    assert sum(span.end_ms - span.start_ms for span in runs[0]) > 5_000
    assert voice.listening().finish() == []


def test_the_network_is_run_as_the_package_that_it_comes_with_runs_it() -> None:
    vad = pytest.importorskip("faster_whisper.vad")
    sound = vowels(512 * 90 / SAMPLE_RATE)
    listening = SileroVoice().listening()
    for at in range(0, len(sound), 5_000):
        listening.feed(sound[at : at + 5_000])

    np.testing.assert_allclose(np.concatenate(listening._probabilities), vad.get_vad_model()(sound), atol=1e-4)


def test_probabilities_become_spans_with_pauses_closed_and_doubtful_blips_left_out() -> None:
    quiet, sure, doubtful = [0.0] * 20, [0.97] * 20, [0.7] * 4
    windows = [*quiet, *sure, *[0.1] * 5, *sure, *quiet, *doubtful, *quiet, *[0.97] * 4, *quiet]

    spans = voice_spans(np.array(windows, np.float32), length_ms=10_000)

    assert [(s.start_ms, s.end_ms) for s in spans] == [(20 * 32 - 120, 65 * 32 + 120), (109 * 32 - 120, 113 * 32 + 120)]
    assert spans[1].score == pytest.approx(0.97)


@pytest.mark.parametrize("kind", list(KINDS))
def test_no_line_is_kept_of_sound_without_speech(kind: str, tmp_path: Path) -> None:
    pytest.importorskip("faster_whisper")
    path = write_wave(tmp_path / "a.wav", KINDS[kind](8.0, 7))

    heard = listen(path, "v", engine=Recorder(), tagger=None, voice=SileroVoice())

    assert [row for row in heard.segments if not row.flags] == []


def test_where_the_voice_network_is_not_there_its_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("data_pipeline.sound.voice.find_spec", lambda name: None)
    with pytest.raises(ModelError, match=r"wenshi\[asr\]"):
        SileroVoice()


def test_progress_is_told_on_both_passes(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    path = write_wave(tmp_path / "a.wav", np.concatenate([silence(12, 0), melody(3, 1)]))

    listen(path, "v", engine=Recorder(), tagger=None, voice=None, duration_ms=15_000, progress=lambda *at: told.append(at))

    assert told == [(10_000, 15_000), (15_000, 15_000), (15_000, 15_000)]
