"""Models in processes of their own: fewer of them, the same rows, and what is lost is lost alone. Real processes."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from data_pipeline.building.asked_models import answer, asked_models, facts_of
from data_pipeline.building.build import Account, build
from data_pipeline.building.default_stages import default_stages
from data_pipeline.building.local import Work, local_runner, usual_model_processes
from data_pipeline.building.measured_tables import read_measured
from data_pipeline.building.model_pool import ModelPool
from data_pipeline.building.models import Models, load_models
from data_pipeline.building.settings import BuildSettings, Limits, Relevance, ScreenText, Speech
from data_pipeline.building.worker import Worker
from data_pipeline.corpus.measured import CandidateRow, MeasuredVideo, SourceRow, StageRow
from data_pipeline.sound.speech import SAMPLE_RATE, AudioSpan, Transcript
from retrieval.errors import InputError, ModelError, WenshiError
from tests.data_pipeline.building.stand_ins import (
    StandInModel,
    calls,
    load_stand_in,
    make_asking_stages,
    runner_here,
    source_of,
    sources_of,
)
from tests.videos import write_video

pytest.importorskip("pyarrow", reason="tables need pyarrow")

SETTINGS = BuildSettings(
    relevance=Relevance(model="one"), limits=Limits(stall_seconds=1.5, memory_gib=0.25), videos_per_shard=2
)


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("videos")
    return [write_video(folder / f"{number}.mp4", seconds=0.3, seed=number) for number in range(6)]


def work_in(directory: Path, settings: BuildSettings = SETTINGS) -> Work:
    return Work(directory=directory / "corpus", settings=settings, make_stages=make_asking_stages, load_models=load_stand_in)


def built(directory: Path, sources: list[SourceRow], *, workers: int, models: int) -> Account:
    return build(sources, work_in(directory), local_runner(workers, model_processes=models))


def test_workers_that_share_models_give_the_corpus_of_those_with_their_own(videos: list[Path], tmp_path: Path) -> None:
    """Also of a video that takes the process of the models down; and no process is left."""
    before = spawned()
    sources = sources_of(*videos)
    sources[3] = source_of(videos[3], title="crash")
    own = built(tmp_path / "own", sources, workers=1, models=0)
    shared = built(tmp_path / "shared", sources, workers=2, models=1)
    assert shared == own
    (failed,) = [row for row in read_measured(tmp_path / "shared" / "corpus", MeasuredVideo) if row.status == "failed"]
    assert (own.measured, failed.error_kind, failed.error_stage, failed.retryable) == (5, "crashed", "score", True)
    assert "was ended by signal SIGSEGV" in (failed.error or "")
    scored = [name for name in calls(tmp_path / "shared" / "corpus") if name.startswith("score-by-")]
    assert spawned() == before
    assert len(scored) <= 2                   # two workers, and one process at a time that held the model for them


def test_real_models_score_alike_when_they_are_asked(videos: list[Path], tiny_chinese_clip: Path, tmp_path: Path) -> None:
    settings = BuildSettings(relevance=Relevance(model=str(tiny_chinese_clip)), screen_text=ScreenText(engine=None))
    models = load_models(settings)

    def asked(settings: BuildSettings) -> Models:
        return asked_models(facts_of(models), lambda question: answer(models, question))

    found = []
    for name, load in (("own", load_models), ("asked", asked)):
        work = Work(directory=tmp_path / name, settings=settings, make_stages=default_stages, load_models=load)
        account = build(sources_of(*videos[:3]), work, runner_here)
        assert all(row.relevance_mean is not None for row in read_measured(tmp_path / name, CandidateRow))
        (cost,) = {row.model_digest for row in read_measured(tmp_path / name, StageRow) if row.stage == "score"}
        found.append((account, cost))
    assert found[0] == found[1]
    assert found[0][0].candidates == 3


def test_a_video_that_takes_the_models_down_costs_itself(videos: list[Path], tmp_path: Path) -> None:
    titles = ("hang", "好", "odd", "看")
    sources = [source_of(path, title=title) for path, title in zip(videos[:4], titles, strict=True)]
    assert built(tmp_path, sources, workers=1, models=1).measured == 2
    failed = {row.title: row for row in read_measured(tmp_path / "corpus", MeasuredVideo) if row.status == "failed"}
    assert {row.error_stage for row in failed.values()} == {"score"}
    for title, kind, says in (
        ("hang", "timeout", "no sign of progress"), ("odd", "unexpected", "ZeroDivisionError: a stage has a fault"),
    ):  # fmt: skip
        assert (failed[title].error_kind, failed[title].retryable) == (kind, True)
        assert says in (failed[title].error or "")


def test_who_waits_for_a_model_is_not_blamed_for_the_time(videos: list[Path], tmp_path: Path) -> None:
    """The only model is taken for longer than a video may take in all."""
    settings = replace_limits(stall_seconds=1.0, total_seconds=1.0)
    pool = ModelPool(load_stand_in, settings, count=1)
    worker = Worker(make_asking_stages, settings, tmp_path / "corpus", load_models=load_stand_in, models=pool)
    assert worker.stages_key
    with ThreadPoolExecutor(1) as threads:
        with pool.free_process():
            (source,) = sources_of(videos[0])
            waiting = threads.submit(worker.process, source, shard="s", cache=tmp_path / "cache.sqlite")
            time.sleep(3.0)
            assert not waiting.done()
        assert waiting.result(timeout=30).video.status == "measured"
    worker.close()
    pool.close()


def test_processes_that_are_lost_while_nobody_asks_them_cost_no_video(videos: list[Path], tmp_path: Path) -> None:
    settings = replace_limits(stall_seconds=60.0)
    pool = ModelPool(load_stand_in, settings, count=1)
    worker = Worker(make_asking_stages, settings, tmp_path / "corpus", load_models=load_stand_in, models=pool)
    for source in sources_of(*videos[:2]):
        video = worker.process(source, shard="s", cache=tmp_path / "cache.sqlite").video
        assert (video.status, video.error) == ("measured", None)
        lost = [process for process in multiprocessing.active_children() if process.name.startswith("wenshi-")]
        assert {process.name for process in lost} == {"wenshi-worker", "wenshi-models"}
        for process in lost:
            process.kill()
            process.join()
    worker.close()
    pool.close()


def replace_limits(**limits: float) -> BuildSettings:
    return SETTINGS.model_copy(update={"limits": Limits(**limits), "videos_per_shard": 1})


def test_a_model_that_is_another_one_when_it_is_loaded_again_ends_the_build() -> None:
    pool = ModelPool(load_another_each_time, SETTINGS, count=2)
    try:
        with pool.free_process(), pytest.raises(ModelError, match="A model changed while the build ran"), pool.free_process():
            pass
    finally:
        pool.close()


def load_another_each_time(settings: BuildSettings) -> Models:
    model = StandInModel()
    model.digest = str(os.getpid())
    return Models(relevance=model)


def test_models_that_cannot_be_loaded_end_the_build_in_a_sentence(videos: list[Path], tmp_path: Path) -> None:
    settings = SETTINGS.model_copy(update={"relevance": Relevance(model="missing")})
    with pytest.raises(WenshiError, match="There is no model in missing"):
        build(sources_of(*videos), work_in(tmp_path, settings), local_runner(2, model_processes=1))


def test_a_build_that_is_stopped_leaves_no_process(videos: list[Path], tmp_path: Path) -> None:
    """While one worker asks the only model, which hangs, and the other waits for it."""
    sources = [source_of(path, title="hang") for path in videos[:2]]
    before = spawned()

    def stop_when_both_ask() -> None:
        until = time.monotonic() + 60
        while calls(tmp_path / "corpus")["pair"] < 2 and time.monotonic() < until:
            time.sleep(0.1)
        time.sleep(0.3)
        os.kill(os.getpid(), signal.SIGINT)

    usual = signal.signal(signal.SIGINT, signal.default_int_handler)    # ignored where a shell runs the tests beside itself
    threading.Thread(target=stop_when_both_ask).start()
    try:
        with pytest.raises(KeyboardInterrupt):
            build(sources, work_in(tmp_path, replace_limits(stall_seconds=60.0)), local_runner(2, model_processes=1))
    finally:
        signal.signal(signal.SIGINT, usual)
    assert calls(tmp_path / "corpus")["pair"] == 2
    assert spawned() == before


def spawned() -> set[int]:
    """Spawned processes, without the one of Python's own that stays for as long as its parent."""
    return {child.pid for child in psutil.Process().children() if "spawn_main" in " ".join(child.cmdline())}


class Echo:
    """A speech engine that tells what it was given."""

    name, version, model_digest, gives_times = "echo", "1", "e" * 8, True

    def transcribe(self, batch: list[AudioSpan]) -> list[Transcript]:
        if not batch:
            raise ModelError("There is nothing to hear.")
        return [Transcript(language=f"{len(span.samples)} {span.start_ms}") for span in batch]


class Unsendable(Exception):
    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.held = threading.Lock()


class Broken(StandInModel):
    def text_vectors(self, texts: object) -> np.ndarray:
        raise Unsendable("it broke")


def test_a_question_brings_back_what_the_model_says_or_raises() -> None:
    models = Models(relevance=Broken(), speech=Echo())
    facts = facts_of(models)
    asked = asked_models(facts, lambda question: answer(models, question))
    assert facts_of(asked) == facts
    assert asked.speech is not None
    assert asked.relevance is not None
    span = AudioSpan(samples=np.zeros(SAMPLE_RATE, np.float32), start_ms=70)
    assert asked.speech.transcribe([span]) == [Transcript(language="16000 70")]
    with pytest.raises(ModelError, match="There is nothing to hear"):
        asked.speech.transcribe([])
    with pytest.raises(ModelError, match="sees no pictures"):
        asked.relevance.picture_vectors([Image.new("RGB", (4, 4))])
    with pytest.raises(RuntimeError, match="Unsendable: it broke"):
        asked.relevance.text_vectors(["好"])


class OneWay(Exception):
    """It can be sent, and not be made again from what is sent."""

    def __init__(self, *, code: int) -> None:
        super().__init__(f"it broke with {code}")


def test_an_error_that_cannot_be_made_again_still_says_what_it_was() -> None:
    class Breaks(Echo):
        def transcribe(self, batch: list[AudioSpan]) -> list[Transcript]:
            raise OneWay(code=7)

    models = Models(speech=Breaks())
    asked = asked_models(facts_of(models), lambda question: answer(models, question))
    assert asked.speech is not None
    with pytest.raises(RuntimeError, match="OneWay: it broke with 7"):
        asked.speech.transcribe([])


def test_the_cost_of_a_stage_counts_the_time_of_the_model_that_it_asked() -> None:
    class Busy(Echo):
        def transcribe(self, batch: list[AudioSpan]) -> list[Transcript]:
            until = time.process_time() + 0.1
            while time.process_time() < until:
                pass
            return []

    models = Models(speech=Busy())
    asked = asked_models(facts_of(models), lambda question: answer(models, question))
    before = asked.cpu_seconds() - time.process_time()
    assert asked.speech is not None
    asked.speech.transcribe([])
    assert asked.cpu_seconds() - time.process_time() - before >= 0.1


def test_models_are_shared_where_several_workers_only_score() -> None:
    def usual(workers: int, **asked: object) -> int:
        return usual_model_processes(workers, BuildSettings.model_validate(asked))

    scoring = {"relevance": Relevance(model="m")}
    assert [usual(workers, **scoring) for workers in (1, 2, 3, 16)] == [0, 0, 2, 8]
    assert usual(8) == usual(8, **scoring, speech=Speech(engine="sherpa-onnx")) == 0


def test_an_unknown_engine_is_refused_as_models_are_loaded() -> None:
    with pytest.raises(InputError, match="There is no speech engine"):
        load_models(BuildSettings(speech=Speech(engine="siri")))
