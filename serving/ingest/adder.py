"""Put files into a library: decide what each needs, read many at once, write one transaction a video."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from pathlib import Path

from data_pipeline.evidence.covers import EMBEDDED, cover_state
from data_pipeline.evidence.visual_tags import TAGGER, VisualTagger, tag_evidence
from data_pipeline.manifest import ManifestRow
from retrieval.library import Library, StoredVideo
from retrieval.records import Clip, Evidence, Generation, Meanings
from serving.ingest.analysis import SUBTITLE_VERSION, Analysis, FileIdentity, file_state
from serving.ingest.meanings import EvidenceReader
from serving.ingest.messages import ClipRead, Failed, Finished, Identified, Progress
from serving.ingest.path_records import Before, PathRecords
from serving.ingest.pool import ClipVectors, ReaderPool
from serving.ingest.report import AddReport, FileOutcome, Outcome
from serving.models import MODEL_SETTING, place_key

# Where a run stands: (path, position_ms, duration_ms).
OnProgress = Callable[[Path, int, int], None]
OnOutcome = Callable[[FileOutcome], None]

_TAGS = "tags"  # that a tagger gave, among what was examined
_KEPT = ("ocr", "asr", _TAGS)  # of a video's content, by runs that do not look for it
_MOST_COVERS = 50  # remembered of one video
_KNOWN_AT_ONCE = 20  # known files between two looks at the readers


@dataclass
class _Job:
    """A file in the hands of a reader, or waiting for its last vectors."""

    path: Path
    state: tuple[int, int] | None  # of the file before it is read
    identity: FileIdentity | None = None
    clips: list[Clip] = field(default_factory=list)
    analysis: Analysis | None = None
    before: Before = field(default_factory=Before)
    path_evidence: list[Evidence] = field(default_factory=list)
    meanings: Future[Meanings] | None = None
    at_model: int = 0
    model_failure: str | None = None


class Adder:
    """Adds files to an open library. `manifest`: rows by absolute path, `covers`: their cover pictures, which stand before
    those found beside the files; `sentences`: gives texts their vectors; `tagger`: gives clips their tags. Used once."""

    def __init__(
        self,
        library: Library,
        pool: ReaderPool,
        *,
        manifest: Mapping[Path, ManifestRow] | None = None,
        covers: Mapping[Path, Path] | None = None,
        sentences: EvidenceReader | None = None,
        tagger: VisualTagger | None = None,
        on_progress: OnProgress = lambda path, position, duration: None,
        on_outcome: OnOutcome = lambda outcome: None,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self._library = library
        self._pool = pool
        self._sentences = sentences
        self._tagger = tagger
        self._paths = PathRecords(library, manifest or {}, sentences=sentences, covers=covers)
        self._on_progress = on_progress
        self._on_outcome = on_outcome
        self._stopping = stopping
        self._waiting: deque[Path] = deque()
        self._jobs: dict[int, _Job] = {}
        self._next_job = 0
        # Paths whose content is being read under another name: they get their answer with it.
        self._same_content: dict[str, list[tuple[Path, FileIdentity]]] = {}
        self._tried_again: set[Path] = set()
        self._model_remembered = False
        self.report = AddReport(files=0)

    def add(self, files: Sequence[Path]) -> AddReport:
        """Add every file. On Ctrl-C, when it is told to stop, or when the model or the disk fails, what is acknowledged
        stays and the report says why it ended. Raises ModelError or LibraryError when that happens before the first file
        is settled."""
        self.report.files = len(files)
        self._waiting.extend(files)
        with self.report.ending():
            while self._waiting or self._jobs:
                if self._stopping():
                    self.report.interrupted = True
                    break
                known_left = self._take_what_fits()
                for message in self._pool.receive(0.0 if known_left else 0.05 if self._reads_texts else 0.5):
                    self._handle(message)
                self._put_what_was_read()
        self.report.notices = [*self._pool.notices, *self._paths.notices]
        return self.report

    def _take_what_fits(self) -> bool:
        """Hand files to idle readers and settle known ones; whether more known files may be waiting."""
        for _ in range(_KNOWN_AT_ONCE):
            if not self._waiting:
                return False
            identity = self._known_identity(self._waiting[0])
            if identity is not None:
                self._update(self._waiting.popleft(), identity)
            elif self._pool.has_idle_reader:
                self._read(self._waiting.popleft())
            else:
                return False
        return True

    def _read(self, path: Path) -> None:
        self._next_job += 1
        job = _Job(path, file_state(path))
        self._pool.read(self._next_job, path, cover=self._paths.cover(path))
        self._jobs[self._next_job] = job

    def _known_identity(self, path: Path) -> FileIdentity | None:
        """What is at `path`, when it has not changed since it was added and nothing remains to be looked at in it."""
        known = self._library.location(str(path))
        if known is None or file_state(path) != (known.size_bytes, known.modified_ns):
            return None
        if self._lacking(self._library.video(known.video_id), path):
            return None
        return FileIdentity(video_id=known.video_id, size_bytes=known.size_bytes, modified_ns=known.modified_ns)

    def _lacking(self, stored: StoredVideo | None, path: Path) -> bool:
        """Whether a channel that this run can look at has not been looked at, or the cover beside the path."""
        if stored is None:
            return True
        wanted: dict[str, str] = {"subtitle": SUBTITLE_VERSION}
        if self._pool.generation is not None:
            if self._unseen(stored, self._pool.generation):
                return True
            if self._tagger is not None:
                wanted[_TAGS] = self._tagger.version
        elif "visual" in stored.examined:
            return False  # reading it anew without a model would cost it its vectors
        if any(stored.examined.get(channel) != version for channel, version in wanted.items()):
            return True
        reads = {"ocr": self._pool.reads_on_screen_text, "asr": self._pool.settings.speech is not None}
        if any(asked and channel not in stored.examined for channel, asked in reads.items()):
            return True
        cover = self._paths.cover(path) if self._pool.reads_on_screen_text else None
        return cover is not None and cover_state(cover) not in _covers_read(stored)

    def _unseen(self, stored: StoredVideo, generation: Generation) -> bool:
        """Whether a clip has no vector of this generation: another than it was added with may have been built since."""
        if stored.examined.get("visual") == generation_key(generation):
            return False
        return "visual" not in stored.examined or bool(self._library.clips(stored.video.id, lacking=generation))

    # ---- what readers and model say

    def _handle(self, message: object) -> None:
        if isinstance(message, Progress):
            self._on_progress(self._jobs[message.job].path, message.position_ms, message.duration_ms)
        elif isinstance(message, Identified):
            self._identified(message)
        elif isinstance(message, ClipRead):
            self._clip_read(message)
        elif isinstance(message, ClipVectors):
            self._vectors(message)
        elif isinstance(message, Finished):
            self._finished(message)
        else:
            assert isinstance(message, Failed)
            self._failed(message.job, message.kind, message.message)

    def _identified(self, message: Identified) -> None:
        job = self._jobs[message.job]
        job.identity = message.identity
        video_id = message.identity.video_id
        being_read = video_id in self._same_content
        wanted = not being_read and self._lacking(self._library.video(video_id), job.path)
        self._pool.proceed(message.job, wanted=wanted)
        if wanted:
            self._same_content[video_id] = []
            return
        del self._jobs[message.job]
        if being_read:
            self._same_content[video_id].append((job.path, message.identity))
        else:
            self._update(job.path, message.identity)

    def _clip_read(self, message: ClipRead) -> None:
        job = self._jobs[message.job]
        clip = Clip(
            start_ms=message.start_ms,
            end_ms=message.end_ms,
            keyframe_ms=message.keyframe_ms,
            frame_times_ms=message.frame_times_ms,
        )
        if message.slot is not None:
            job.at_model += 1
            self._pool.encode(message.job, len(job.clips), message)
        job.clips.append(clip)

    def _vectors(self, message: ClipVectors) -> None:
        job = self._jobs.get(message.job)
        if job is None:
            return  # its file failed meanwhile
        job.at_model -= 1
        if message.encoded is None:
            job.model_failure = message.reason
        else:
            vectors = message.encoded
            clip = job.clips[message.position]
            job.clips[message.position] = replace(clip, vector=vectors.vector, frame_vectors=vectors.frame_vectors)
        self._put_when_complete(message.job)

    def _finished(self, message: Finished) -> None:
        job, video = self._jobs[message.job], message.analysis.video
        job.analysis = message.analysis
        job.before = self._paths.before(job.path, video.id)
        job.path_evidence = self._paths.evidence(job.path, job.before, video.duration_ms, cover=message.analysis.cover)
        self._paths.notices.update(dict.fromkeys(message.analysis.notices))
        if self._sentences is not None:
            job.meanings = self._sentences.begin([*message.analysis.evidence, *job.path_evidence])
        self._put_when_complete(message.job)

    @property
    def _reads_texts(self) -> bool:
        return any(job.meanings is not None for job in self._jobs.values())

    def _put_what_was_read(self) -> None:
        """Put the videos that only waited for the vectors of their texts."""
        for job_id in [number for number, job in self._jobs.items() if job.meanings is not None and job.meanings.done()]:
            self._put_when_complete(job_id)

    def _put_when_complete(self, job_id: int) -> None:
        job = self._jobs[job_id]
        if job.analysis is None or job.at_model or (job.meanings is not None and not job.meanings.done()):
            return
        if job.model_failure is not None:
            self._failed(job_id, "crashed", f"{job.path}: the model {job.model_failure}.")
            return
        assert job.identity is not None
        known = self._library.video(job.identity.video_id)
        try:
            self._put(job, job.analysis, job.identity, known)
        except ValueError as error:
            self._failed(job_id, "invalid", f"{job.path} cannot be kept: {error}.")
            return
        del self._jobs[job_id]
        outcome: Outcome = "updated" if known else "added"
        self._done(FileOutcome(str(job.path), outcome, job.identity.video_id, message=job.analysis.video.damage))
        for path, identity in self._same_content.pop(job.identity.video_id, ()):
            self._update(path, identity)

    # ---- what is written

    def _put(self, job: _Job, analysis: Analysis, identity: FileIdentity, known: StoredVideo | None) -> None:
        generation = self._pool.generation
        examined = dict(analysis.examined)
        if generation is not None:
            examined["visual"] = generation_key(generation)
            self._remember_model()
        if known is not None and (covers := _covers_read(known)):
            # Several paths of one video may have covers of their own.
            examined["cover"] = " ".join(dict.fromkeys([examined.get("cover", covers[0]), *covers][:_MOST_COVERS]))
        evidence = list(analysis.evidence)
        if self._tagger is not None and generation is not None:
            tags = tag_evidence(job.clips, self._tagger)
            evidence += tags
            examined[_TAGS] = self._tagger.version
            self.report.tagged += 1
            self.report.tags += len(tags)
        inside = sum(row.source == EMBEDDED for row in analysis.evidence)
        self.report.covers += (analysis.cover is not None) + (inside > 0)
        self.report.cover_lines += len(analysis.cover or ()) + inside
        if known is not None:
            # A run without on-screen text, speech or tags must not take away what an earlier run found.
            kept = {channel: known.examined[channel] for channel in _KEPT if channel in known.examined.keys() - examined}
            rows = self._library.evidence(known.video.id) if kept else []
            evidence += [row for row in rows if row.path is None and _examination(row) in kept]
            examined |= kept
        self._library.put(
            analysis.video,
            self._paths.location(job.path, job.before, identity),
            evidence=evidence,
            location_evidence=job.path_evidence,
            clips=job.clips,
            generation=generation,
            examined=examined,
            meanings=job.meanings.result() if job.meanings is not None else None,
        )
        self._paths.forget_left(job.before)

    def _remember_model(self) -> None:
        """Before the first vector: a library whose vectors nobody can place would be searched without them."""
        if not self._model_remembered and self._pool.settings.model is not None:
            self._library.set_setting(MODEL_SETTING, self._pool.settings.model)
            if self._pool.settings.generation is not None:
                self._library.set_setting(place_key(self._pool.settings.generation), self._pool.settings.model)
            self._model_remembered = True

    def _failed(self, job_id: int, kind: str, message: str) -> None:
        job = self._jobs.pop(job_id)
        if kind == "crashed" and job.path not in self._tried_again:
            self._tried_again.add(job.path)  # the process may have been the victim of something else
            self._waiting.append(job.path)
        else:
            self._done(self._paths.fail(job.path, kind, message, state=job.state))
        if job.identity is not None:
            # Copies of it are files of their own: the next of them is read instead.
            copies = self._same_content.pop(job.identity.video_id, ())
            self._waiting.extendleft(path for path, _ in reversed(copies))

    def _update(self, path: Path, identity: FileIdentity) -> None:
        """Settle a path of a known video; where that was removed meanwhile, the file is read as a new one."""
        outcome = self._paths.update(path, identity)
        if outcome is None:
            self._waiting.append(path)
        else:
            self._done(outcome)

    def _done(self, outcome: FileOutcome) -> None:
        self.report.outcomes.append(outcome)
        self._on_outcome(outcome)


def _covers_read(stored: StoredVideo) -> list[str]:
    """`cover_state` of every cover that was read beside one of its paths, the last first."""
    return stored.examined.get("cover", "").split()


def _examination(row: Evidence) -> str:
    """What found a row of a video's content, as it stands among what was examined."""
    return _TAGS if row.source.startswith(TAGGER) else row.kind


def generation_key(generation: Generation) -> str:
    return f"{generation.encoder}@{generation.revision}/{generation.preprocessing}"
