"""Stages without models: real files are examined and decoded, what would need a model is made up from the content's hash.

A file's name can ask for trouble: crash, hang, greedy, odd, once (fails until `mended` stands beside the file); so can a
title that is shown to a model. Every stage that runs adds a line to `calls.txt` beside the corpus.
"""

from __future__ import annotations

import ctypes
import os
import time
from collections import Counter
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from data_pipeline.building.commits import Commit
from data_pipeline.building.local import ShardJob, Work, run_job
from data_pipeline.building.models import Models, ModelsLoader, load_models
from data_pipeline.building.process_shard import VideoDone
from data_pipeline.building.process_video import process_video
from data_pipeline.building.settings import BuildSettings
from data_pipeline.building.stage_cache import StageCache
from data_pipeline.building.stages import FoundLines, Stage, Stages, parameters_of
from data_pipeline.building.video_rows import VideoRows
from data_pipeline.corpus.examined import Examined, examine
from data_pipeline.corpus.measured import (
    AudioSpanRow,
    CandidateRow,
    KeyframeRow,
    ScreenTextRow,
    ShotRow,
    SourceRow,
    SpeechRow,
)
from data_pipeline.corpus.shard_list import RowFailure
from data_pipeline.evidence.covers import CoverFolders
from data_pipeline.relevance.model import TextPictureModel
from retrieval.errors import ModelError, VideoError
from retrieval.records import Evidence
from retrieval.video import VideoInfo, VideoReader

CALLS = "calls.txt"


@dataclass(frozen=True, kw_only=True)
class Seen:
    info: VideoInfo
    duration_ms: int
    damage: str | None
    shots: tuple[ShotRow, ...]
    keyframes: tuple[KeyframeRow, ...]
    pictures: tuple[bytes, ...] = ()
    screen_texts: tuple[ScreenTextRow, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Sound:
    status: str
    audio_spans: tuple[AudioSpanRow, ...] = ()
    segments: tuple[SpeechRow, ...] = ()


def source_of(path: Path, **said: Any) -> SourceRow:
    return SourceRow(source_id=parameters_of(str(path)) * 2, uri=str(path), **said)


def sources_of(*paths: Path) -> list[SourceRow]:
    return [source_of(path, title=f"标题 {path.stem}") for path in paths]


def calls(directory: Path) -> Counter[str]:
    """How often each stage ran, for a corpus in `directory`."""
    log = directory.parent / CALLS
    return Counter(log.read_text().split()) if log.exists() else Counter()


class WorkerHere:
    """A worker without a process of its own: quick, and nothing is caught."""

    def __init__(self, work: Work) -> None:
        self._stages = work.make_stages(work.settings, work.directory, work.load_models)
        self.stages_key = self._stages.key

    def process(self, source: SourceRow, *, shard: str, cache: Path) -> VideoRows:
        kept = StageCache(cache)
        try:
            return process_video(source, shard=shard, stages=self._stages, cache=kept)
        finally:
            kept.close()


def runner_here(jobs: Iterable[ShardJob], work: Work, done: VideoDone) -> Generator[Commit, None, None]:
    """A runner in this process."""
    worker = WorkerHere(work)
    for job in jobs:
        if (commit := run_job(job, work, worker, done)) is not None:
            yield commit


def make_stages(settings: BuildSettings, directory: Path, load: ModelsLoader = load_models) -> Stages:
    if settings.relevance.model == "missing":
        raise ModelError("There is no model in missing: give a folder that holds one.")
    log = directory.parent / CALLS
    looks = Stage(
        name="look", version="1", run=partial(_look, log), result=Seen, binary="pictures",
        parameters=parameters_of(settings.screen_text.model_dump()),
    )  # fmt: skip
    score = Stage(
        name="score", version="1", run=partial(_score, log), result=tuple[CandidateRow, ...],
        model_digest=str(settings.relevance.model),
    )  # fmt: skip
    return Stages(
        examine=Stage(name="examine", version="1", run=partial(_examine, log), result=Examined | RowFailure),
        look=looks,
        listen=Stage(name="listen", version="1", run=partial(_listen, log), result=Sound),
        subtitles=Stage(name="subtitles", version="1", run=lambda *_: FoundLines(), result=FoundLines),
        cover=Stage(name="cover", version="1", run=partial(_on_cover, log), result=FoundLines),
        pair=Stage(name="pair", version="1", run=partial(_pair, log), result=tuple[CandidateRow, ...]),
        score=score if settings.relevance.model else None,
        sidecars=lambda path, duration_ms: FoundLines(),
        find_cover=CoverFolders().find,
        title=lambda source, info: source.title or info.title,
        uploader_hash=lambda name: parameters_of(name),
    )


def make_asking_stages(settings: BuildSettings, directory: Path, load: ModelsLoader) -> Stages:
    """The same stages, but that scores come from a model."""
    models, log = load(settings), directory.parent / CALLS
    assert models.relevance is not None
    score = Stage(
        name="score", version="1", run=partial(_ask, log, models.relevance), result=tuple[CandidateRow, ...],
        model_digest=models.relevance.digest,
    )  # fmt: skip
    return replace(make_stages(settings, directory), score=score, cpu_seconds=models.cpu_seconds)


class StandInModel:
    """Vectors that are made up from a text's letters; their last number is that of the process that made them."""

    name, digest = "stand-in", "d" * 16

    def text_vectors(self, texts: Sequence[str]) -> NDArray[np.float32]:
        for text in texts:
            _trouble(text)
        return np.array([[len(text), sum(map(ord, text)) / 7919, os.getpid()] for text in texts], np.float32)

    def picture_vectors(self, pictures: Sequence[Image.Image]) -> NDArray[np.float32]:
        raise ModelError("The stand-in sees no pictures.")


def load_stand_in(settings: BuildSettings) -> Models:
    if settings.relevance.model == "missing":
        raise ModelError("There is no model in missing: give a folder that holds one.")
    return Models(relevance=StandInModel())


def _called(log: Path, stage: str) -> None:
    with log.open("a") as file:
        file.write(f"{stage}\n")


def _examine(log: Path, path: str) -> Examined | RowFailure:
    _called(log, "examine")
    return examine(path)


def _look(log: Path, path: str, video_id: str, progress: Any) -> Seen:
    _called(log, "look")
    _trouble(Path(path).stem)
    if "once" in Path(path).stem and not Path(path).with_name("mended").exists():
        raise VideoError("timeout", f"{path} took too long.")
    with VideoReader(path, threads=1) as reader:
        for frame in reader.frames():
            progress(frame.time_ms, reader.info.duration_ms)
        info, duration_ms, damage = reader.info, max(reader.read_until_ms, 1), reader.damage
    number = int(video_id[:15], 16)
    frames = tuple(
        KeyframeRow(
            video_id=video_id, keyframe=place, time_ms=place * 100, shot=0, sharpness=number % 97 / 7, luma_mean=0.1,
            luma_deviation=1 / 3, hash64=number + place - (1 << 59),
        ) for place in range(3)
    )  # fmt: skip
    return Seen(
        info=info, duration_ms=duration_ms, damage=damage, keyframes=frames,
        shots=(ShotRow(video_id=video_id, shot=0, start_ms=0, end_ms=duration_ms),),
        pictures=tuple(bytes.fromhex(video_id) * 20 for _ in frames),
    )


def _trouble(name: str) -> None:
    if "crash" in name:
        ctypes.string_at(0)
    elif "hang" in name:
        time.sleep(3600)
    elif "greedy" in name:
        held = []
        while True:
            held.append(bytes(range(256)) * 40_000)
            time.sleep(0.005)
    elif "odd" in name:
        raise ZeroDivisionError("a stage has a fault")


def _listen(log: Path, path: str, video_id: str, progress: Any) -> Sound:
    _called(log, "listen")
    span = AudioSpanRow(video_id=video_id, span=0, start_ms=0, end_ms=40, label="speech", score=0.7, engine="none")
    return Sound(status="heard", audio_spans=(span, replace(span, span=1, start_ms=20, end_ms=90)))


def _on_cover(log: Path, path: str, cover: Path | None, duration_ms: int) -> FoundLines:
    if cover is None:
        return FoundLines()
    _called(log, "cover")
    text = cover.read_text(errors="replace")
    if not text:
        return FoundLines(notices=(f"The cover {cover} is empty.",))
    return FoundLines((Evidence(kind="ocr", text=text, start_ms=0, end_ms=duration_ms, source=cover.name),))


def _pair(
    log: Path, source: SourceRow, video_id: str, shard: str, duration_ms: int, title: str | None, cover: Sequence[Evidence],
    *texts: Any,
) -> tuple[CandidateRow, ...]:
    _called(log, "pair")
    title = " ".join([*filter(None, [title]), *(line.text for line in cover)]) or None
    if title is None:
        return ()
    return (CandidateRow(
        pair_id=f"{video_id[:16]}_0000", video_id=video_id, source_id=source.source_id, shard=shard, kind="title", start_ms=0,
        end_ms=duration_ms, text=title, language="zh", characters=len(title),
    ),)  # fmt: skip


def _score(log: Path, candidates: Any, keyframes: Any, pictures: tuple[bytes, ...], *seen: Any) -> tuple[CandidateRow, ...]:
    _called(log, "score")
    value = sum(map(len, pictures)) / 7919
    return tuple(replace(one, relevance_mean=value, keyframes=len(pictures)) for one in candidates)


def _ask(log: Path, model: TextPictureModel, candidates: Any, *seen: Any) -> tuple[CandidateRow, ...]:
    vectors = model.text_vectors([one.text for one in candidates])
    for *_, process in vectors.astype(int):
        _called(log, f"score-by-{process}")
    return tuple(
        replace(one, relevance_mean=float(vector[:2].sum())) for one, vector in zip(candidates, vectors, strict=True)
    )
