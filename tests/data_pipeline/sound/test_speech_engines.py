"""Every speech engine keeps the same promises; those whose package is not here are run in the other environment."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from data_pipeline.sound.engines import ENGINES, AudioSpan, SpeechEngine, Transcript, speech_engine
from data_pipeline.sound.sherpa_speech import speech_files
from retrieval.encoders.fingerprint import files_revision
from retrieval.errors import InputError, ModelError
from tests import speech_models
from tests.speech_models import SENTENCE, SENTENCE_ENDS_MS

PACKAGES = {
    "openai-whisper": "whisper", "faster-whisper": "faster_whisper", "sherpa-onnx": "sherpa_onnx",
    "transformers": "transformers",
}
WHISPERS = ["openai-whisper", "faster-whisper", "transformers"]


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Engine -> a small model of its kind that says SENTENCE; built once."""
    folder, built = tmp_path_factory.mktemp("speech"), dict[str, Path]()

    def build(name: str) -> Path:
        if name not in built:
            built[name] = {
                "openai-whisper": lambda: speech_models.build_openai_whisper(folder / "openai.pt"),
                "faster-whisper": lambda: speech_models.build_ctranslate2_whisper(folder / "fast", build("transformers")),
                "sherpa-onnx": lambda: speech_models.build_sense_voice(folder / "sense-voice"),
                "transformers": lambda: speech_models.build_transformers_whisper(folder / "transformers"),
            }[name]()
        return built[name]

    return build


@pytest.fixture(scope="session")
def engines(models: Callable[[str], Path]) -> Callable[[str], SpeechEngine]:
    loaded: dict[str, SpeechEngine] = {}

    def load(name: str) -> SpeechEngine:
        pytest.importorskip(PACKAGES[name], reason=f"{name} is not installed")
        if name not in loaded:
            loaded[name] = speech_engine(name, model=str(models(name)))
        return loaded[name]

    return load


@pytest.fixture(params=list(ENGINES))
def engine(request: pytest.FixtureRequest, engines: Callable[[str], SpeechEngine]) -> SpeechEngine:
    return engines(request.param)


def sound(seconds: float, *, start_ms: int = 0, loudness: float = 0.1, seed: int = 0) -> AudioSpan:
    samples = np.random.default_rng(seed).normal(size=int(seconds * 16_000)).astype(np.float32) * loudness
    return AudioSpan(samples=samples.astype(np.float32), start_ms=start_ms)


def texts(transcript: Transcript) -> list[str]:
    return [segment.text for segment in transcript.segments]


def test_what_the_model_says_comes_out_with_its_time_on_the_videos_timeline(engine: SpeechEngine) -> None:
    (transcript,) = engine.transcribe([sound(2.5, start_ms=7_000)])

    assert texts(transcript) == [SENTENCE]
    (segment,) = transcript.segments
    assert (segment.start_ms, segment.end_ms) == (7_000, 7_000 + (SENTENCE_ENDS_MS if engine.gives_times else 2_500))
    assert transcript.language == "zh"


def test_there_is_one_transcript_a_span_in_their_order(engine: SpeechEngine) -> None:
    lengths = [31.0, 2.0, 0.0, 3.0, 0.02, 2.5]
    batch = [sound(length, start_ms=at * 10_000, seed=at) for at, length in enumerate(lengths)]

    transcripts = engine.transcribe(batch)

    assert [len(texts(transcript)) for transcript in transcripts] == [2, 1, 0, 1, 0, 1]
    assert [t.segments[0].start_ms for t in transcripts if t.segments] == [0, 10_000, 30_000, 50_000]
    assert engine.transcribe([]) == []


def test_two_batches_say_what_one_says(engine: SpeechEngine) -> None:
    batch = [sound(2.0 + at / 10, start_ms=at * 5_000, seed=at, loudness=0.02 * at) for at in range(4)]

    together = engine.transcribe(batch)
    apart = [*engine.transcribe(batch[:1]), *engine.transcribe(batch[1:])]

    for one, other in zip(together, apart, strict=True):
        for a, b in zip(one.segments, other.segments, strict=True):
            assert (a.text, a.start_ms, a.end_ms) == (b.text, b.start_ms, b.end_ms)
            assert a.average_logprob == pytest.approx(b.average_logprob, abs=1e-4)


def test_silence_is_heard_like_any_sound_for_engines_have_no_policy(engine: SpeechEngine) -> None:
    (transcript,) = engine.transcribe([AudioSpan(samples=np.zeros(32_000, np.float32))])

    assert texts(transcript) == [SENTENCE]


def test_sound_longer_than_a_model_hears_is_heard_to_its_end(engine: SpeechEngine) -> None:
    (transcript,) = engine.transcribe([sound(64.0, start_ms=1_000)])

    assert [segment.start_ms for segment in transcript.segments] == [1_000, 31_000, 61_000]
    assert transcript.segments[-1].end_ms <= 65_000


@pytest.mark.parametrize("name", WHISPERS)
def test_whisper_says_how_sure_it_is(name: str, engines: Callable[[str], SpeechEngine]) -> None:
    (transcript,) = engines(name).transcribe([sound(2.0)])

    (segment,) = transcript.segments
    assert segment.average_logprob == pytest.approx(0.0, abs=0.01)      # the small models are built to be sure
    assert segment.no_speech == pytest.approx(0.0, abs=0.01)
    assert segment.compression == pytest.approx(27 / 38, abs=1e-6)      # 9 characters of 3 bytes, which zlib makes longer


def test_the_log_probability_is_the_mean_over_the_tokens(tmp_path: Path, models: Callable[[str], Path]) -> None:
    """A model that is less sure: its layers have no effect, so that each token's probability follows from two tables."""
    torch = pytest.importorskip("torch")
    from transformers import WhisperForConditionalGeneration

    folder = speech_models.build_transformers_whisper(tmp_path / "unsure", sharpness=12.0)
    (transcript,) = speech_engine("transformers", model=str(folder)).transcribe([sound(2.0)])

    decoder = WhisperForConditionalGeneration.from_pretrained(folder).model.decoder
    hidden = decoder.layer_norm(decoder.embed_positions.weight[2:33])       # from the prompt's last token to the end
    logits = hidden @ decoder.embed_tokens.weight.T
    plain = torch.log_softmax(logits.detach(), dim=-1).max(dim=-1).values.mean().item()
    (segment,) = transcript.segments
    # Where Whisper's rules forbid tokens (text at the beginning), the others are a little likelier than that.
    assert plain < segment.average_logprob < plain + 0.2


@pytest.mark.parametrize("name", WHISPERS)
def test_the_language_is_found_where_none_is_asked_for(name: str, engines, models: Callable[[str], Path]) -> None:
    engines(name)       # leaves the test out where the package is not installed
    finding = speech_engine(name, model=str(models(name)), language="auto")

    assert finding.transcribe([sound(2.0)])[0].language == "zh"


def test_the_digest_is_of_the_weights_and_not_of_their_place(engine: SpeechEngine, models, tmp_path: Path) -> None:
    model = models(engine.name)
    copy = tmp_path / model.name
    if model.is_dir():
        shutil.copytree(model, copy)
    else:
        shutil.copy(model, copy)

    assert speech_engine(engine.name, model=str(copy)).model_digest == engine.model_digest


def test_a_changed_file_has_another_digest(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    digests = set()
    for content in (b"a" * 100, b"b" * 100, b"a" * 101, b"a" * (3 << 20), b"a" * (3 << 20) + b"b"):
        path.write_bytes(content)
        digests.add(files_revision([path]))

    assert len(digests) == 5
    path.write_bytes(b"")
    with pytest.raises(ModelError, match="empty"):
        files_revision([path])


def test_sense_voice_says_what_a_span_sounds_like(tmp_path: Path) -> None:
    pytest.importorskip("sherpa_onnx")
    engine = speech_engine("sherpa-onnx", model=str(speech_models.build_sense_voice(tmp_path / "m", event="BGM")))

    assert engine.transcribe([sound(2.0)])[0].event == "BGM"


def test_a_folder_of_sherpa_onnx_is_told_by_its_files(tmp_path: Path) -> None:
    def folder(name: str, *files: str, content: bytes = b"") -> Path:
        (tmp_path / name).mkdir()
        for file in files:
            (tmp_path / name / file).write_bytes(content)
        return tmp_path / name

    whisper = folder("whisper", "tiny-encoder.onnx", "tiny-encoder.int8.onnx", "tiny-decoder.onnx", "tiny-tokens.txt")
    paraformer = folder("paraformer", "model.onnx", "tokens.txt", content=b"...paraformer...")

    assert speech_files(whisper)[0] == "Whisper"
    assert speech_files(whisper)[1]["encoder"].name == "tiny-encoder.int8.onnx"
    assert speech_files(paraformer)[0] == "Paraformer"
    with pytest.raises(ModelError, match="neither a SenseVoice nor"):
        speech_files(folder("other", "model.onnx", "tokens.txt"))
    with pytest.raises(ModelError, match="0 files"):
        speech_files(folder("empty"))


@pytest.mark.parametrize("name", list(ENGINES))
def test_a_model_that_is_not_there_is_one_sentence(name: str, tmp_path: Path) -> None:
    pytest.importorskip(PACKAGES[name])
    with pytest.raises(ModelError) as raised:
        speech_engine(name, model=str(tmp_path / "nothing"))
    assert "nothing" in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(("name", "package", "extra"), [
    ("openai-whisper", "whisper", "wenshi[whisper]"), ("faster-whisper", "faster_whisper", "wenshi[asr]"),
    ("sherpa-onnx", "sherpa_onnx", "wenshi[asr]"),
])
def test_a_package_that_is_not_there_is_named_with_its_extra(
    name: str, package: str, extra: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ModelError) as raised:
        speech_engine(name, model=str(tmp_path))
    assert extra in str(raised.value)


def test_an_engine_that_nobody_knows_is_refused_with_those_there_are() -> None:
    with pytest.raises(InputError, match="faster-whisper, sherpa-onnx"):
        speech_engine("siri")
    with pytest.raises(InputError, match="no usual model"):
        speech_engine("sherpa-onnx")
