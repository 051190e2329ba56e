"""`add --asr`: what is said in a video is found, what an engine invents is not. Real processes, engines and sound."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from click.testing import Result
from starlette.testclient import TestClient
from typer.testing import CliRunner

from data_pipeline.sound.speech import SAMPLE_RATE
from retrieval.errors import InputError, ModelError
from retrieval.library import Library
from retrieval.search import SearchEngine
from serving.api.app import create_app
from serving.api.service import Service
from serving.api.settings import ServeSettings
from serving.cli.main import app
from serving.cli.options import speech_asked_for
from serving.ingest.pool import PoolSettings
from serving.ingest.run import AddOptions, add_videos, pool_settings
from serving.ingest.speech import SpeechSettings
from tests.speech_models import SENTENCE, build_sense_voice
from tests.videos import write_video
from tests.voices import vowels

pytest.importorskip("sherpa_onnx", reason="wenshi[asr] is not installed")
pytest.importorskip("faster_whisper", reason="wenshi[asr] is not installed")

SILENT = AddOptions(model="none", on_screen_text=False, readers=1)


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> AddOptions:
    """Options of a run that listens with a model which hears SENTENCE in everything."""
    model = build_sense_voice(tmp_path_factory.mktemp("speech") / "model")
    return replace(SILENT, speech=SpeechSettings(engine="sherpa-onnx", model=str(model)))


def with_sound(path: Path, samples: np.ndarray, *, seed: int) -> Path:
    """A video of moving noise with the sound in it."""
    silent = write_video(path.with_name(f"silent-{path.name}"), seconds=len(samples) / SAMPLE_RATE, seed=seed)
    with av.open(str(silent)) as source, av.open(str(path), "w") as target:
        pictures = target.add_stream_from_template(source.streams.video[0])
        sound = target.add_stream("aac", rate=SAMPLE_RATE, layout="mono")
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = pictures
                target.mux(packet)
        frame = av.AudioFrame.from_ndarray(samples[None], "fltp", "mono")
        frame.sample_rate = SAMPLE_RATE
        target.mux([*sound.encode(frame), *sound.encode(None)])
    silent.unlink()
    return path


@pytest.fixture
def videos(tmp_path: Path) -> list[Path]:
    noise = np.random.default_rng(0).normal(0, 0.1, 3 * SAMPLE_RATE).astype(np.float32)
    return [
        with_sound(tmp_path / "voice.mp4", vowels(3.0), seed=1),
        with_sound(tmp_path / "noise.mp4", noise, seed=2),
        write_video(tmp_path / "mute.mp4", seconds=1, seed=3),
    ]


def spoken(library: Path) -> list[tuple[str, str]]:
    with Library.open(library) as opened:
        return [
            (Path(location.path).name, row.text)
            for location in opened.locations()
            for row in opened.evidence(location.video_id)
            if row.kind == "asr"
        ]


def test_what_is_said_is_found_and_what_is_heard_in_noise_is_not(
    heard: AddOptions, videos: list[Path], tmp_path: Path
) -> None:
    report = add_videos(tmp_path / "library", videos, heard)

    assert report.counts["added"] == 3
    assert report.notices == []
    assert spoken(tmp_path / "library") == [("voice.mp4", SENTENCE)]
    with Library.open(tmp_path / "library") as library:
        (hit,) = SearchEngine(library).search("草地上的狗").hits
        assert [match.channel for match in hit.channels] == ["asr"]


def test_speech_comes_with_a_later_run_and_stays_after_a_run_without(
    heard: AddOptions, videos: list[Path], tmp_path: Path
) -> None:
    library = tmp_path / "library"
    add_videos(library, videos, SILENT)
    assert spoken(library) == []

    assert add_videos(library, videos, heard).counts["updated"] == 3
    assert add_videos(library, videos, heard).counts["unchanged"] == 3
    assert add_videos(library, videos, SILENT).counts["unchanged"] == 3
    assert spoken(library) == [("voice.mp4", SENTENCE)]


def test_speech_stays_when_a_video_is_read_anew_for_its_pictures(
    heard: AddOptions, videos: list[Path], tmp_path: Path, tiny_chinese_clip: Path
) -> None:
    library = tmp_path / "library"
    add_videos(library, videos, heard)

    assert add_videos(library, videos, replace(SILENT, model=str(tiny_chinese_clip))).counts["updated"] == 3
    assert spoken(library) == [("voice.mp4", SENTENCE)]


def test_an_engine_without_its_model_ends_the_run_before_a_file_is_read(videos: list[Path], tmp_path: Path) -> None:
    missing = replace(SILENT, speech=SpeechSettings(engine="sherpa-onnx", model=str(tmp_path / "nothing")))

    with pytest.raises(ModelError, match="no model folder"):
        add_videos(tmp_path / "library", videos, missing)
    with pytest.raises(InputError, match="no speech engine 'siri'"):
        SpeechSettings(engine="siri")


def test_a_service_listens_to_what_is_added_by_a_job_an_upload_and_a_watched_folder(
    heard: AddOptions, tmp_path: Path
) -> None:
    library, watched = tmp_path / "library", tmp_path / "watched"
    watched.mkdir()
    Library.open(library, write=True, create=True).close()
    named, sent, seen = (with_sound(tmp_path / f"{name}.mp4", vowels(2.0), seed=seed)
                         for seed, name in enumerate(("named", "sent", "seen"), start=1))  # fmt: skip
    seen.rename(watched / seen.name)
    settings = ServeSettings(
        library=library, model="none", on_screen_text=False, speech=heard.speech, watch=(watched,), media_cache=tmp_path / "cache"
    )
    with TestClient(create_app(Service(settings)), base_url="http://127.0.0.1:8000", client=("127.0.0.1", 5000)) as client:
        assert client.post("/api/v1/videos", json={"paths": [str(named)]}).status_code == 202
        assert client.post("/api/v1/videos", files={"file": ("sent.mp4", sent.read_bytes())}).status_code == 202
        deadline = time.monotonic() + 60
        while len(spoken(library)) < 3 and time.monotonic() < deadline:
            time.sleep(0.2)
    assert [text for _, text in spoken(library)] == [SENTENCE] * 3


def test_a_service_whose_engine_cannot_be_loaded_does_not_start(
    heard: AddOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Library.open(tmp_path / "library", write=True, create=True).close()
    monkeypatch.setattr("serving.api.running.answer", lambda *_, **__: None)

    command = ["serve", "-l", str(tmp_path / "library"), "--port", "0", "--asr", "sherpa-onnx"]

    def served(*options: str) -> Result:
        return CliRunner().invoke(app, [*command, *options])

    refused = served()
    assert isinstance(refused.exception, ModelError)
    assert "name the folder of one" in str(refused.exception)
    assert heard.speech is not None
    assert served("--asr-model", str(heard.speech.model)).exit_code == 0
    assert served("--no-jobs").exit_code == 0


def test_a_service_has_the_patience_and_the_memory_of_add_for_what_it_adds_and_for_the_engine_it_tries(
    heard: AddOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Library.open(tmp_path / "library", write=True, create=True).close()
    film = with_sound(tmp_path / "film.mp4", vowels(1.0), seed=1)
    limits: list[tuple[float, int]] = []

    def noted(options: AddOptions, *others: Any) -> PoolSettings:
        limits.append((options.stall_seconds, options.memory_bytes))
        return pool_settings(options, *others)

    def adds(settings: ServeSettings, *_: Any, **__: Any) -> None:
        with TestClient(create_app(Service(settings)), base_url="http://127.0.0.1:8000", client=("127.0.0.1", 5000)) as client:
            client.post("/api/v1/videos", json={"paths": [str(film)]})
            deadline = time.monotonic() + 60
            while len(limits) < 2 and time.monotonic() < deadline:
                time.sleep(0.1)

    monkeypatch.setattr("serving.api.running.answer", adds)
    for module in ("serving.api.running", "serving.ingest.run"):
        monkeypatch.setattr(f"{module}.pool_settings", noted)
    assert heard.speech is not None
    command = ["serve", "-l", str(tmp_path / "library"), "--port", "0", "--model", "none", "--no-on-screen-text"]
    speech = ["--asr", "sherpa-onnx", "--asr-model", str(heard.speech.model)]
    result = CliRunner().invoke(app, [*command, *speech, "--stall-limit", "300", "--memory-limit", "6.5"])
    assert result.exit_code == 0, result.output
    assert limits == [(300.0, 13 << 29)] * 2


def test_the_options_of_speech_are_those_of_add_and_serve_alike() -> None:
    assert speech_asked_for("sherpa-onnx", "DIR", None) == SpeechSettings(engine="sherpa-onnx", model="DIR", language="zh")
    assert speech_asked_for(None, None, None) is None
    for wrong in ((None, "small", None), (None, None, "en"), ("siri", None, None)):
        with pytest.raises(InputError):
            speech_asked_for(*wrong)
