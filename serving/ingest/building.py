"""Vectors of another model for the clips that a library has, beside those that are searched."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from retrieval.encoders import read_generation
from retrieval.errors import InputError
from retrieval.library import Library, StoredClip
from retrieval.records import Clip, Generation
from serving.ingest.messages import ClipRead, Failed, Identified, PicturesRead, Progress
from serving.ingest.pictures import MOST_PICTURES
from serving.ingest.pool import ClipVectors, ReaderPool
from serving.ingest.report import AddReport, FileOutcome
from serving.ingest.run import AddOptions, NamedModel, ProgressDisplay, pool_settings
from serving.models import MODEL_SETTING, NO_MODEL, lasting_name, place_key


@dataclass(frozen=True)
class Built:
    """What made the vectors, and one outcome for each video that lacked some: "updated", or "failed" and why."""

    generation: Generation
    report: AddReport


def build_vectors(
    library: Library, model: str, options: AddOptions, *, progress: ProgressDisplay, stopping: Callable[[], bool]
) -> Built:
    """Give every clip of a library that is open for writing a vector of this model, as far as its file is still there.

    Clips, their frames and all evidence stay as they are; what is searched stays too, but for a library that has no
    vectors yet. Ended at any moment it goes on from there. Of `options` those count that say how videos are read.
    Raises ModelError when the model cannot be loaded, InputError for `none`.
    """
    if model == NO_MODEL:
        raise InputError("Without a model no vectors can be made: name one with --model.")
    name = lasting_name(model)
    made = read_generation(name)
    known = [status.generation for status in library.status().generations]
    generation = next((one for one in known if one.same_vectors(made)), made)
    library.set_setting(place_key(generation), name)
    if library.generation() is None:        # these are searched from the first on
        library.set_setting(MODEL_SETTING, name)
    videos = library.videos_lacking(generation)
    progress.begin(len(videos))
    pictures_alone = replace(options, model=name, on_screen_text=False, speech=None)
    with ReaderPool(pool_settings(pictures_alone, NamedModel(name, generation), len(videos))) as pool:
        report = _Builder(library, pool, generation, progress, stopping).build(videos)
    library.settle()
    return Built(generation, report)


_ClipKey = tuple[int, int, int, tuple[int, ...]]        # what tells a clip from the others of its video


@dataclass
class _Job:
    """A video in the hands of a reader, or waiting for its last vectors. `further`: its other paths."""

    video_id: str
    path: Path
    further: list[Path]
    lacking: dict[_ClipKey, StoredClip] = field(default_factory=dict)
    announced: list[StoredClip] = field(default_factory=list)
    encoded: dict[int, Clip] = field(default_factory=dict)
    at_model: int = 0
    read: bool = False
    model_failure: str | None = None


class _Builder:
    """Reads one video after the other at the pace of the model; one transaction a video. Used once."""

    def __init__(
        self, library: Library, pool: ReaderPool, generation: Generation, progress: ProgressDisplay,
        stopping: Callable[[], bool],
    ) -> None:  # fmt: skip
        self._library = library
        self._pool = pool
        self._generation = generation
        self._progress = progress
        self._stopping = stopping
        self._waiting: deque[str] = deque()
        self._again: deque[_Job] = deque()      # what is read by another path, or once more
        self._jobs: dict[int, _Job] = {}
        self._next_job = 0
        self._tried_again: set[Path] = set()
        self._report = AddReport(files=0)

    def build(self, videos: list[str]) -> AddReport:
        """On Ctrl-C, when it is told to stop, or when the model or the disk fails, what was put stays and the report says
        why it ended. Raises ModelError or LibraryError when that happens before the first video is settled."""
        self._report.files = len(videos)
        self._waiting.extend(videos)
        with self._report.ending():
            while self._waiting or self._again or self._jobs:
                if self._stopping():
                    self._report.interrupted = True
                    break
                self._hand_out()
                for message in self._pool.receive():
                    self._handle(message)
        return self._report

    def _hand_out(self) -> None:
        while self._pool.has_idle_reader and (self._again or self._waiting):
            if self._again:
                self._read(self._again.popleft())
            else:
                self._begin(self._waiting.popleft())

    def _begin(self, video_id: str) -> None:
        stored = self._library.video(video_id)
        if stored is None:
            self._report.files -= 1         # removed since
            return
        first, *further = (Path(location.path) for location in stored.locations)
        if any(not 1 <= len(clip.frame_times_ms) <= MOST_PICTURES for clip in self._lacking(video_id)):
            message = f"{first}: its clips do not name 1 to {MOST_PICTURES} frames each."
            self._failed(first, video_id, "invalid", message)
            return
        self._read(_Job(video_id, first, further))

    def _lacking(self, video_id: str) -> list[StoredClip]:
        return self._library.clips(video_id, lacking=self._generation)

    def _read(self, job: _Job) -> None:
        self._next_job += 1
        self._pool.read(self._next_job, job.path)
        self._jobs[self._next_job] = job

    def _handle(self, message: object) -> None:
        if isinstance(message, Progress):
            self._progress.position(self._jobs[message.job].path, message.position_ms, message.duration_ms)
        elif isinstance(message, Identified):
            self._identified(message)
        elif isinstance(message, ClipRead):
            self._clip_read(message)
        elif isinstance(message, ClipVectors):
            self._vectors(message)
        elif isinstance(message, PicturesRead):
            self._jobs[message.job].read = True
            self._put_when_complete(message.job)
        else:
            assert isinstance(message, Failed)
            self._lost(message.job, message.kind, message.message)

    def _identified(self, message: Identified) -> None:
        job = self._jobs[message.job]
        if message.identity.video_id != job.video_id:
            self._pool.proceed(message.job, wanted=False)
            self._lost(message.job, "changed", f"{job.path} holds another video now: `wenshi library sync` takes it up.")
            return
        clips = self._lacking(job.video_id)
        job.lacking = {_key(clip): clip for clip in clips}
        self._pool.proceed(message.job, wanted=True, clips=clips)

    def _clip_read(self, message: ClipRead) -> None:
        job = self._jobs[message.job]
        job.at_model += 1
        self._pool.encode(message.job, len(job.announced), message)
        job.announced.append(job.lacking[_key(message)])

    def _vectors(self, message: ClipVectors) -> None:
        job = self._jobs.get(message.job)
        if job is None:
            return      # its file failed meanwhile
        job.at_model -= 1
        if message.encoded is None:
            job.model_failure = message.reason
        else:
            clip, made = job.announced[message.position], message.encoded
            job.encoded[clip.id] = Clip(
                start_ms=clip.start_ms, end_ms=clip.end_ms, keyframe_ms=clip.keyframe_ms,
                frame_times_ms=clip.frame_times_ms, vector=made.vector, frame_vectors=made.frame_vectors,
            )  # fmt: skip
        self._put_when_complete(message.job)

    def _put_when_complete(self, number: int) -> None:
        job = self._jobs[number]
        if not job.read or job.at_model:
            return
        if job.model_failure is not None:
            self._lost(number, "crashed", f"{job.path}: the model {job.model_failure}.")
            return
        try:
            self._library.put_clip_vectors(self._generation, job.encoded)
        except ValueError as error:
            self._lost(number, "invalid", f"{job.path}: the vectors of the model cannot be kept: {error}.")
            return
        del self._jobs[number]
        self._done(FileOutcome(str(job.path), "updated", job.video_id))

    def _lost(self, number: int, kind: str, message: str) -> None:
        """Try once more where a process died, then the video's other paths."""
        job = self._jobs.pop(number)
        if kind == "crashed" and job.path not in self._tried_again:
            self._tried_again.add(job.path)
            job.further.insert(0, job.path)
        if job.further:
            self._again.append(_Job(job.video_id, job.further[0], job.further[1:]))
        else:
            self._failed(job.path, job.video_id, kind, message)

    def _failed(self, path: Path, video_id: str, kind: str, message: str) -> None:
        self._done(FileOutcome(str(path), "failed", video_id, kind=kind, message=message))

    def _done(self, outcome: FileOutcome) -> None:
        self._report.outcomes.append(outcome)
        self._progress.finished(outcome)


def _key(clip: StoredClip | ClipRead) -> _ClipKey:
    return clip.start_ms, clip.end_ms, clip.keyframe_ms, clip.frame_times_ms
