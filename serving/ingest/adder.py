"""Put files into a library: decide what each needs, read many at once, write one transaction a video."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from data_pipeline.evidence.subtitles import sidecar_evidence
from data_pipeline.evidence.titles import location_titles
from data_pipeline.manifest import ManifestRow
from retrieval.library import Library, StoredVideo
from retrieval.records import Clip, Evidence, Generation, Location
from serving.ingest.analysis import SUBTITLE_VERSION, Analysis, FileIdentity
from serving.ingest.messages import ClipRead, Failed, Finished, Identified, Progress
from serving.ingest.pool import EncoderLost, ReaderPool
from serving.ingest.report import AddReport, FileOutcome, Outcome

# Where a run stands: (path, position_ms, duration_ms).
OnProgress = Callable[[Path, int, int], None]
OnOutcome = Callable[[FileOutcome], None]


@dataclass
class _Job:
    """A file in the hands of a reader, or waiting for its last vectors."""

    path: Path
    identity: FileIdentity | None = None
    clips: list[Clip] = field(default_factory=list)
    analysis: Analysis | None = None
    awaited: int = 0  # clips at the encoder
    encoder_failure: str | None = None


class Adder:
    """Adds files to an open library. `manifest`: rows by absolute path. Used once."""

    def __init__(
        self,
        library: Library,
        pool: ReaderPool,
        *,
        manifest: Mapping[Path, ManifestRow] | None = None,
        on_progress: OnProgress = lambda path, position, duration: None,
        on_outcome: OnOutcome = lambda outcome: None,
    ) -> None:
        self._library = library
        self._pool = pool
        self._manifest = manifest or {}
        self._on_progress = on_progress
        self._on_outcome = on_outcome
        self._jobs: dict[int, _Job] = {}
        self._next_job = 0
        # Paths whose content is being read under another name: they get their answer with it.
        self._same_content: dict[str, list[tuple[Path, FileIdentity]]] = {}
        self.report = AddReport(files=0)

    def add(self, files: Sequence[Path]) -> AddReport:
        """Add every file; on Ctrl-C what is acknowledged stays, and the report says how many files are left."""
        self.report.files = len(files)
        waiting = deque(files)
        try:
            while waiting or self._jobs:
                self._start_what_fits(waiting)
                for message in self._pool.receive():
                    self._handle(message)
        except KeyboardInterrupt:
            self.report.interrupted = True
        for sentence in self._pool.notices:
            self.report.notice(sentence)
        return self.report

    def _start_what_fits(self, waiting: deque[Path]) -> None:
        while waiting:
            known = self._known_content(waiting[0])
            if known is not None:
                self._update_location(waiting.popleft(), known)
            elif self._pool.has_idle_reader:
                path = waiting.popleft()
                self._next_job += 1
                self._jobs[self._next_job] = _Job(path)
                self._pool.read(self._next_job, path)
            else:
                return

    def _known_content(self, path: Path) -> str | None:
        """The id of the video at `path` when its file has not changed since and nothing remains to be looked at in it."""
        known = self._library.location(str(path))
        if known is None:
            return None
        try:
            state = path.stat()
        except OSError:
            return None
        if (state.st_size, state.st_mtime_ns) != (known.size_bytes, known.modified_ns):
            return None
        return None if self._lacking(self._library.video(known.video_id)) else known.video_id

    def _lacking(self, stored: StoredVideo | None) -> bool:
        """Whether a channel that this run can look at has not been looked at."""
        if stored is None:
            return True
        wanted: dict[str, str] = {"subtitle": SUBTITLE_VERSION}
        if self._pool.generation is not None:
            wanted["visual"] = generation_key(self._pool.generation)
        elif "visual" in stored.examined:
            return False  # reading it anew without a model would cost it its vectors
        if any(stored.examined.get(channel) != version for channel, version in wanted.items()):
            return True
        return self._pool.reads_on_screen_text and "ocr" not in stored.examined

    def _handle(self, message: object) -> None:
        if isinstance(message, Progress):
            self._on_progress(self._jobs[message.job].path, message.position_ms, message.duration_ms)
        elif isinstance(message, Identified):
            self._identified(message)
        elif isinstance(message, ClipRead):
            self._clip_read(message)
        elif isinstance(message, Finished):
            self._jobs[message.job].analysis = message.analysis
            self._put_when_complete(message.job)
        elif isinstance(message, Failed):
            self._failed(message)
        elif isinstance(message, EncoderLost):
            self._encoder_lost(message)
        else:
            self._encoded(message)

    def _identified(self, message: Identified) -> None:
        job = self._jobs[message.job]
        job.identity = message.identity
        video_id = message.identity.video_id
        if video_id in self._same_content:
            self._pool.proceed(message.job, wanted=False)
            self._same_content[video_id].append((job.path, message.identity))
            del self._jobs[message.job]
        elif not self._lacking(self._library.video(video_id)):
            self._pool.proceed(message.job, wanted=False)
            del self._jobs[message.job]
            self._update_location(job.path, video_id)
        else:
            self._same_content[video_id] = []
            self._pool.proceed(message.job, wanted=True)

    def _clip_read(self, message: ClipRead) -> None:
        job = self._jobs[message.job]
        clip = Clip(
            start_ms=message.start_ms,
            end_ms=message.end_ms,
            keyframe_ms=message.keyframe_ms,
            frame_times_ms=message.frame_times_ms,
        )
        if message.slot is not None:
            job.awaited += 1
            self._pool.encode(message.job, len(job.clips), message)
        job.clips.append(clip)

    def _encoded(self, message: object) -> None:
        job_id, position, encoded = self._pool.claim(message)
        job = self._jobs.get(job_id)
        if job is None:
            return  # its file failed meanwhile
        job.clips[position] = replace(job.clips[position], vector=encoded.vector, frame_vectors=encoded.frame_vectors)
        job.awaited -= 1
        self._put_when_complete(job_id)

    def _encoder_lost(self, message: EncoderLost) -> None:
        for job_id in message.jobs:
            if job_id in self._jobs:
                self._jobs[job_id].encoder_failure = message.reason
                self._jobs[job_id].awaited -= message.jobs[job_id]
                self._put_when_complete(job_id)

    def _put_when_complete(self, job_id: int) -> None:
        job = self._jobs[job_id]
        if job.analysis is None or job.awaited:
            return
        if job.encoder_failure is not None:
            self._failed(Failed(job_id, "crashed", f"{job.path}: the model's process {job.encoder_failure}."))
            return
        assert job.identity is not None
        generation = self._pool.generation
        examined = dict(job.analysis.examined)
        if generation is not None:
            examined["visual"] = generation_key(generation)
        known = self._library.video(job.identity.video_id)
        evidence, examined = self._keep_what_was_not_examined(job.analysis, examined, known)
        self._library.put(
            job.analysis.video,
            self._location(job.path, job.identity),
            evidence=evidence,
            location_evidence=self._location_evidence(job.path, job.analysis.video.duration_ms),
            clips=job.clips,
            generation=generation,
            examined=examined,
        )
        del self._jobs[job_id]
        outcome: Outcome = "updated" if known else "added"
        self._done(FileOutcome(str(job.path), outcome, job.identity.video_id, message=job.analysis.video.damage))
        for path, identity in self._same_content.pop(job.identity.video_id, ()):
            self._update_location(path, identity.video_id)

    def _keep_what_was_not_examined(
        self, analysis: Analysis, examined: dict[str, str], known: StoredVideo | None
    ) -> tuple[list[Evidence], dict[str, str]]:
        """A run without on-screen text must not take away what an earlier run read."""
        evidence = list(analysis.evidence)
        if known is not None and "ocr" in known.examined and "ocr" not in examined:
            examined = {**examined, "ocr": known.examined["ocr"]}
            evidence += [row for row in self._library.evidence(known.video.id) if row.kind == "ocr"]
        return evidence, examined

    def _update_location(self, path: Path, video_id: str) -> None:
        stored = self._library.video(video_id)
        assert stored is not None
        try:
            state = path.stat()
        except OSError as error:
            self._record_failure(path, "missing", f"{path} disappeared: {error.strerror}.")
            return
        known = self._library.location(str(path))
        identity = FileIdentity(video_id=video_id, size_bytes=state.st_size, modified_ns=state.st_mtime_ns)
        changed = self._library.put_location(
            video_id,
            self._location(path, identity),
            location_evidence=self._location_evidence(path, stored.video.duration_ms),
        )
        outcome: Outcome = "unchanged" if not changed else "updated" if known else "added"
        self._done(FileOutcome(str(path), outcome, video_id, message=stored.video.damage))

    def _location(self, path: Path, identity: FileIdentity) -> Location:
        row = self._manifest.get(path)
        details = {**row.details, **({"date": row.date} if row.date else {})} if row else {}
        return Location(
            path=str(path), size_bytes=identity.size_bytes, modified_ns=identity.modified_ns, details=details
        )

    def _location_evidence(self, path: Path, duration_ms: int) -> list[Evidence]:
        sidecars, notices = sidecar_evidence(path, duration_ms=duration_ms)
        for sentence in notices:
            self.report.notice(sentence)
        return [*location_titles(path, self._manifest.get(path), duration_ms=duration_ms), *sidecars]

    def _failed(self, message: Failed) -> None:
        job = self._jobs.pop(message.job)
        self._record_failure(job.path, message.kind, message.message)
        if job.identity is not None:
            for path, _ in self._same_content.pop(job.identity.video_id, ()):
                self._record_failure(path, message.kind, message.message.replace(str(job.path), str(path)))

    def _record_failure(self, path: Path, kind: str, message: str) -> None:
        try:
            state = path.stat()
            size_bytes, modified_ns = state.st_size, state.st_mtime_ns
        except OSError:
            size_bytes = modified_ns = 0
        self._library.record_failure(
            str(path), kind=kind, message=message, size_bytes=size_bytes, modified_ns=modified_ns
        )
        self._done(FileOutcome(str(path), "failed", kind=kind, message=message))

    def _done(self, outcome: FileOutcome) -> None:
        self.report.outcomes.append(outcome)
        self._on_outcome(outcome)


def generation_key(generation: Generation) -> str:
    return f"{generation.encoder}@{generation.revision}/{generation.preprocessing}"
