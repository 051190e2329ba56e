"""One video through every stage. What a stage once found for a content is not computed again."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from data_pipeline.building.inputs import file_state
from data_pipeline.building.stage_cache import Kept, StageCache, examined_content
from data_pipeline.building.stages import FoundLines, Heard, Looked, Stage, Stages, digest_of
from data_pipeline.building.video_rows import VideoRows, failed_video, measured_video
from data_pipeline.corpus.errors import CorpusError
from data_pipeline.corpus.examined import Examined
from data_pipeline.corpus.measured import CandidateRow, SourceRow, StageRow
from data_pipeline.corpus.shard_list import RowFailure
from data_pipeline.evidence.covers import cover_state
from data_pipeline.evidence.cues import CuePiece
from data_pipeline.evidence.repeated_speech import with_repeats
from data_pipeline.pairs.candidates import SPOKEN, captions_of, late_captions
from retrieval.errors import InputError, ModelError, VideoError, WenshiError

Heartbeat = Callable[[str, int, int], None]     # the stage, its position and the duration in ms


def process_video(
    source: SourceRow, *, shard: str, stages: Stages, cache: StageCache, heartbeat: Heartbeat = lambda *_: None
) -> VideoRows:
    """All rows of a video, or the stage that failed, with its kind and a sentence.

    Raises CorpusError (write) when the cache cannot be written: that is no fault of the video.
    """
    run = _Run(stages, cache, heartbeat)
    uploader_hash = stages.uploader_hash(source.uploader) if source.uploader else None
    try:
        return run.rows(source, shard, uploader_hash)
    except CorpusError:
        raise
    except Exception as error:
        kind, message = _explained(error, source.uri)
        video = failed_video(
            source, shard=shard, stage=run.stage, kind=kind, message=message, uploader_hash=uploader_hash
        )
        return VideoRows(video=replace(video, video_id=run.video_id))


class _Run:
    """A video on its way: `stage` is where it is, `video_id` its content's once that is known."""

    def __init__(self, stages: Stages, cache: StageCache, heartbeat: Heartbeat) -> None:
        self.stage = "examine"
        self.video_id: str | None = None
        self._costs: list[StageRow] = []
        self._stages = stages
        self._cache = cache
        self._heartbeat = heartbeat

    def rows(self, source: SourceRow, shard: str, uploader_hash: str | None) -> VideoRows:
        stages, path = self._stages, source.uri
        state = file_state(path)
        examined = self._examined(path, state)
        self.video_id = video_id = examined.video_id
        looked: Looked = self._stage(stages.look, path, video_id, content=video_id)
        heard: Heard = self._stage(stages.listen, path, video_id, content=video_id)
        speech = stages.judge(heard)
        subtitles: FoundLines = self._stage(stages.subtitles, path, looked.info, looked.duration_ms, content=video_id)
        sidecars = stages.sidecars(path, looked.duration_ms)
        cover = self._on_cover(path, looked.duration_ms, video_id)
        if file_state(path) != state:
            raise VideoError("changed", f"{path} changed while it was being read; build again when it is complete.")
        title = stages.title(source, looked.info)
        lines = (*subtitles.lines, *sidecars.lines)
        screen_texts = with_repeats(looked.screen_texts, speech, [*lines, *_speech_that_came(source)])
        pairs = (source, video_id, shard, looked.duration_ms, title, cover.lines, speech, lines, screen_texts)
        candidates: tuple[CandidateRow, ...] = self._stage(
            stages.pair, *pairs, content=video_id, inputs=digest_of(pairs), beats=False
        )
        candidates = self._scored(candidates, looked, video_id)
        late = filter(None, [late_captions(source, duration_ms=looked.duration_ms)])
        video = measured_video(
            source, shard=shard, examined=examined, looked=looked, heard=heard, title=title, uploader_hash=uploader_hash,
            notices=(*subtitles.notices, *sidecars.notices, *cover.notices, *late),
        )
        costs = tuple(replace(cost, video_id=video_id) for cost in self._costs)
        return VideoRows(video=video, others={
            "shots": looked.shots, "keyframes": looked.keyframes, "screen": screen_texts,
            "audio": heard.audio_spans, "speech": speech, "candidates": candidates, "stages": costs,
        })  # fmt: skip

    def _examined(self, path: str, state: tuple[int, int] | None) -> Examined:
        found: Examined | RowFailure = self._stage(
            self._stages.examine, path, content=examined_content(path, state), beats=False,
            keep=lambda result: isinstance(result, Examined),
        )
        if isinstance(found, RowFailure):
            raise VideoError(found.kind, found.message)
        return found

    def _on_cover(self, path: str, duration_ms: int, video_id: str) -> FoundLines:
        stage = self._stages.cover
        if stage is None:
            return FoundLines()
        beside = self._stages.find_cover(path)
        inputs = digest_of([None if beside is None else cover_state(beside), duration_ms])
        found: FoundLines = self._stage(
            stage, path, beside, duration_ms, content=video_id, inputs=inputs, beats=False, keep=lambda lines: not lines.notices
        )
        return found

    def _scored(self, candidates: tuple[CandidateRow, ...], looked: Looked, video_id: str) -> tuple[CandidateRow, ...]:
        stage = self._stages.score
        if stage is None or not candidates:
            return candidates
        look_key = self._stages.look.key(video_id)
        scored: tuple[CandidateRow, ...] = self._stage(
            stage, candidates, looked.keyframes, lambda: self._cache.parts(look_key), looked.screen_texts, looked.shots,
            content=video_id, inputs=digest_of([candidates, looked.keyframes, looked.screen_texts, looked.shots]), beats=False,
        )
        return scored

    def _stage(
        self, stage: Stage, *arguments: Any, content: str, inputs: str = "", beats: bool = True,
        keep: Callable[[Any], bool] = lambda result: True,
    ) -> Any:
        """The result of a stage, from the cache where it is there; it always passes through the form it has there.

        beats: the stage takes a function that it calls with its position. A callable argument is called when it is needed.
        """
        self.stage = stage.name
        self._heartbeat(stage.name, 0, 0)
        key = stage.key(content, inputs)
        kept, cached = self._cache.get(key), True
        result = _restored(stage, kept)
        if result is None:
            cached = False
            kept, parts, result = self._computed(stage, arguments, beats=beats)
            if keep(result):
                self._cache.put(key, kept, content=content, stage=stage.name, parts=parts)
        assert kept is not None
        self._costs.append(StageRow(
            video_id="", stage=stage.name, version=stage.version, parameters=stage.parameters,
            model_digest=stage.model_digest, cached=cached, cpu_ms=kept.cpu_ms, wall_ms=kept.wall_ms,
        ))  # fmt: skip
        return result

    def _computed(self, stage: Stage, arguments: tuple[Any, ...], *, beats: bool) -> tuple[Kept, tuple[bytes, ...], Any]:
        values = [argument() if callable(argument) else argument for argument in arguments]
        if beats:
            values.append(lambda position, duration: self._heartbeat(stage.name, position, duration))
        cpu, wall = self._stages.cpu_seconds(), time.perf_counter()
        result = stage.run(*values)
        parts: tuple[bytes, ...] = ()
        if stage.binary:
            parts, result = getattr(result, stage.binary), replace(result, **{stage.binary: ()})
        cpu_ms, wall_ms = (round(1000 * seconds) for seconds in (self._stages.cpu_seconds() - cpu, time.perf_counter() - wall))
        kept = Kept(_adapter(stage.result).dump_json(result), cpu_ms, wall_ms)
        return kept, parts, _adapter(stage.result).validate_json(kept.data)


def _speech_that_came(source: SourceRow) -> list[CuePiece]:
    """Captions that are said, where they have a time: a text without one is at no line's time."""
    return [line for line in captions_of(source) if source.caption_kind in SPOKEN and line.start_ms < line.end_ms]


def _restored(stage: Stage, kept: Kept | None) -> Any:
    """The result that was kept; None where there is none, or it has another form than today's."""
    if kept is None:
        return None
    try:
        return _adapter(stage.result).validate_json(kept.data)
    except ValidationError:
        return None


@cache
def _adapter(result: Any) -> TypeAdapter[Any]:
    return TypeAdapter(result)


def _explained(error: Exception, path: str) -> tuple[str, str]:
    """(kind, sentence) of what went wrong with a video."""
    if isinstance(error, VideoError):
        return error.kind, str(error)
    if isinstance(error, ModelError):
        return "model", f"{path}: {error}"
    if isinstance(error, InputError):
        return "input", f"{path}: {error}"
    if isinstance(error, MemoryError):
        return "memory", f"{path} needs more memory than there is."
    if isinstance(error, WenshiError):
        return "unexpected", f"{path}: {error}"
    return "unexpected", f"{path} could not be processed: {type(error).__name__}: {error}."
