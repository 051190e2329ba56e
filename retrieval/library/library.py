"""A library on disk: everything known about indexed videos, written by one process and read by many."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import InputError, LibraryError
from retrieval.library import checks, generations, reading, text_vectors, words, writing
from retrieval.library.backends import EmbeddedVectors, Pushed, StoredVectors, VectorSearch, VectorStore, push
from retrieval.library.database import Database, Unchanged, database_errors
from retrieval.library.filesystem import refuse_network
from retrieval.library.filters import Selections, VideoFilter
from retrieval.library.frames import FrameWriter, read_frames
from retrieval.library.fresh_words import FreshWords
from retrieval.library.lock import WriterLock
from retrieval.library.opening import prepare, sync_log
from retrieval.library.postings_merging import merge_step
from retrieval.library.rows import (
    ClipHit,
    Failure,
    LibraryStatus,
    Problem,
    Removed,
    StoredClip,
    StoredEvidence,
    StoredLocation,
    StoredVideo,
    VectorRow,
    WordHit,
)
from retrieval.library.schema import edition
from retrieval.library.segments import Merger, StoredSegment
from retrieval.library.vector_kinds import CLIPS, TEXTS
from retrieval.library.vector_rows import vector_rows
from retrieval.library.vectors import check_clips, check_unit
from retrieval.library.video_names import VideoNames
from retrieval.records import EVIDENCE_KINDS, Clip, Evidence, EvidenceKind, Generation, Location, Meanings, Video


class Library:
    """Videos, their paths, clips, evidence and vectors. Reading is safe from several threads, writing takes turns.

    Each reading call sees one consistent state and notices what other processes committed before it. Each writing call
    is one transaction, on the disk when it returns. Both raise LibraryError for what the disk or the database refuses.
    """

    def __init__(self, directory: Path, *, lock: WriterLock | None) -> None:
        """Use `Library.open`."""
        self.directory = directory
        self._lock = lock
        self._selections = Selections()
        self._fresh_words = FreshWords()
        self._names = VideoNames()
        self._merger: Merger | None = None
        self._database = Database(directory, write=lock is not None)
        self._embedded = EmbeddedVectors(self._database, self._selections)
        self._vectors: VectorSearch = self._embedded
        try:
            self._frames = self._recovered_frames() if lock is not None else None
            self._bring_words_up_to_date()
            self._merger = Merger(self._database) if lock is not None else None
        except BaseException:
            self.close()
            raise

    @classmethod
    def open(cls, directory: str | Path, *, write: bool = False, create: bool = False) -> Library:
        """Open a library; with `create` a missing one is made, with `write` nobody else can change it meanwhile.

        Raises LibraryError when it is missing, no library, of a newer version, being written by another process (which
        it names), on a network file system or on a disk that does not allow what was asked.
        """
        directory = Path(directory).expanduser().absolute()
        with database_errors(directory):
            refuse_network(directory)
            lock = prepare(directory, write=write, create=create)
            try:
                return cls(directory, lock=lock)
            except BaseException:
                if lock is not None:
                    lock.release()
                raise

    def close(self) -> None:
        """Close the files and let the next writer in; calling it again does nothing.

        A merge that is under way in the background is abandoned: rows that it would have folded are found all the same,
        and the next writer that puts a video begins it anew. `settle` waits for it.
        """
        if self._merger is not None:
            self._merger.close()
        self._vectors.close()
        self._database.close()
        if self._lock is not None:
            self._lock.release()

    def __enter__(self) -> Library:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # --- writing

    def put(
        self,
        video: Video,
        location: Location,
        *,
        evidence: Sequence[Evidence],
        location_evidence: Sequence[Evidence],
        clips: Sequence[Clip],
        generation: Generation | None,
        examined: Mapping[str, str],
        meanings: Meanings | None = None,
    ) -> None:
        """Insert or replace everything known of a video, as found at one of its paths.

        `evidence` belongs to the content, `location_evidence` to this path, `examined` says which channels were looked
        at and by what. A video that the path held before is dropped when it has no path left. Clips with the same span
        and frames as before keep their vectors of other generations. A text has the vector that `meanings` holds for
        it, else that of the same text of this video before. ValueError, before anything is written, for vectors that
        are not finite, of unit length (1e-3) and of the generation's dimension.
        """
        check_clips(clips, generation)
        text_vectors.check_meanings(meanings)
        writing.check_location(location)
        writing.check_evidence([*evidence, *location_evidence])
        with self._database.writing() as db:
            assert self._frames is not None
            kept = text_vectors.vectors_of_video(db, writing.video_number(db, video.id))
            number = writing.put_video(db, video, examined=examined)
            writing.put_content_evidence(db, number, evidence)
            writing.put_location(db, number, location, location_evidence)
            numbers = writing.put_clips(db, number, clips)
            if generation is not None:
                writing.put_vectors(db, self._frames, generation, list(zip(numbers, clips, strict=True)))
            text_vectors.complete(db, number, kept, meanings)
            generations.drop_unused(db)
        assert self._merger is not None
        self._merger.added(len(clips) + len(evidence) + len(location_evidence))

    def put_location(
        self,
        video_id: str,
        location: Location,
        *,
        location_evidence: Sequence[Evidence],
        meanings: Meanings | None = None,
    ) -> bool:
        """Say that a path holds a known video, replacing the evidence of this path; False when nothing changed.

        meanings: as in `put`.
        """
        text_vectors.check_meanings(meanings)
        writing.check_location(location)
        writing.check_evidence(location_evidence)
        with self._database.writing() as db:
            number = writing.video_number(db, video_id)
            if number is None:
                raise InputError(f"the library has no video {video_id}: put the video before its other paths")
            if not writing.location_changed(db, number, location, location_evidence):
                raise Unchanged
            kept = text_vectors.vectors_of_video(db, number)
            writing.put_location(db, number, location, location_evidence)
            text_vectors.complete(db, number, kept, meanings)
            generations.drop_unused(db)
            return True
        return False

    def put_clip_vectors(self, generation: Generation, clips: Mapping[int, Clip]) -> int:
        """Store the vectors of clips by the numbers that `clips` gives; what is gone meanwhile is left out. How many are kept.

        Other generations keep theirs. ValueError, before anything is written, for vectors as `put` refuses them.
        """
        check_clips(list(clips.values()), generation)
        with self._database.writing() as db:
            assert self._frames is not None
            kept = writing.put_more_vectors(db, self._frames, generation, clips)
            generations.drop_unused(db)
        assert self._merger is not None
        self._merger.added(kept)
        return kept

    def put_text_vectors(self, generation: Generation, vectors: Mapping[int, NDArray[np.float32]]) -> None:
        """Store vectors [D], unit length, of rows of evidence by their numbers; what is gone meanwhile is left out."""
        for number, vector in vectors.items():
            check_unit(vector, shape=(generation.dimension,), what=f"the vector of the text {number}")
        with self._database.writing() as db:
            text_vectors.put(db, generation, vectors)
            generations.drop_unused(db)
        assert self._merger is not None
        self._merger.added(len(vectors))

    def remove(self, target: str) -> Removed:
        """Drop a path, or a video with all its paths; a video goes with its last path.

        `target`: an absolute path, a video id, or at least 8 characters that begin one id only; else InputError.
        """
        with self._database.writing() as db:
            removed = writing.remove(db, target)
            generations.drop_unused(db)
            return removed

    def record_failure(self, path: str, *, kind: str, message: str, size_bytes: int, modified_ns: int) -> None:
        """Remember that a path could not be added; cleared when it is put or removed."""
        with self._database.writing() as db:
            writing.record_failure(db, path, kind=kind, message=message, size_bytes=size_bytes, modified_ns=modified_ns)

    def activate(self, generation: Generation, *, settings: Mapping[str, str | None] | None = None) -> None:
        """Search this generation of vectors, of clips or of texts, from now on; InputError when there is none like it.

        settings: remembered in the same transaction, as by `set_setting`; None = forgotten.
        """
        with self._database.writing() as db:
            generations.activate(db, generation)
            for key, value in (settings or {}).items():
                writing.set_setting(db, key, value)

    def set_setting(self, key: str, value: str) -> None:
        """Remember a value of the caller's under a name, such as where the model of this library was loaded from."""
        with self._database.writing() as db:
            if reading.setting(db, key) == value:
                raise Unchanged
            writing.set_setting(db, key, value)

    def rebuild_words(self) -> None:
        """Make the word index again from the rows of evidence."""
        with self._database.writing() as db:
            words.rebuild(db)
        self._merge_words()

    def rebuild(self) -> None:
        """Make everything derived again: the word index, and the index over the vectors of every generation.

        LibraryError names the row that stopped it, if one did: only a snapshot has that.
        """
        if self._merger is None:
            raise InputError(f"the library {self.directory} is open for reading only: open it with write=True")
        try:
            with self._database.newest():
                self.rebuild_words()
                self._merger.rebuild()
        except LibraryError as error:
            if damaged := checks.damaged_truth(self._database):
                more = f" and {len(damaged) - 1} more" if len(damaged) > 1 else ""
                raise LibraryError(
                    f"the indexes of the library {self.directory} cannot be made again from damaged rows ({damaged[0]}{more}): "
                    "run `wenshi library restore SNAPSHOT --damaged`, or add the videos again that `wenshi library check` names"
                ) from error
            raise

    def settle(self) -> None:
        """Wait for a merge that is under way in the background, so that `close` does not abandon it."""
        if self._merger is not None:
            self._merger.settle()

    # --- reading

    def snapshot(
        self, *, vectors: bool = True, generations: Collection[Generation] = ()
    ) -> AbstractContextManager[None]:  # fmt: skip
        """Whatever this thread reads within the block is of one state of the library, and read faster; where a store was
        named (`search_vectors_in`), every question is of the newest state as outside of the block.

        vectors: whether `search_clips` or `search_texts` will be asked; where not, no index over vectors is opened for it.
        generations: within the block these are the ones that are searched, as far as the library holds them (not where a
        store was named).
        """
        return self._vectors.snapshot(vectors=vectors, generations=generations)

    def setting(self, key: str) -> str | None:
        """What `set_setting` remembered, None when it never did."""
        with self._database.reading() as db:
            return reading.setting(db, key)

    def location(self, path: str) -> StoredLocation | None:
        """The path as it was when it was put, None when the library does not know it."""
        with self._database.reading() as db:
            return next(iter(reading.locations(db, path=path)), None)

    def locations(self) -> list[StoredLocation]:
        """Every path, by path."""
        with self._database.reading() as db:
            return reading.locations(db)

    def file_states(self, folder: str) -> dict[str, tuple[int, int]]:
        """(size in bytes, time of change in ns) of every path below a folder as it was when it was put, by path."""
        with self._database.reading() as db:
            return reading.file_states(db, folder)

    def video(self, video_id: str) -> StoredVideo | None:
        """A video by its full id, None when the library has none."""
        return self.videos([video_id]).get(video_id)

    def videos(self, ids: Collection[str]) -> dict[str, StoredVideo]:
        """The videos with these ids, in this order; an unknown id is left out."""
        with self._database.reading() as db:
            return reading.videos(db, ids)

    def durations(self, ids: Collection[str]) -> dict[str, int]:
        """How long each of these videos lasts, in ms; an unknown id is left out."""
        with self._database.reading() as db:
            return reading.durations(db, ids)

    def video_ids(self) -> list[str]:
        """Every video id, in the order the videos were added."""
        with self._database.reading() as db:
            return reading.video_ids(db)

    def videos_behind(self, place: int | None, *, limit: int, newest: bool = False) -> list[tuple[int, str]]:
        """(place, id) of the next `limit` videos behind a place in the order in which all were added, None = at the beginning.

        newest: the other way, from the latest. A video keeps its place, and no other gets that of one that was removed: who
        goes on behind the last place that was given misses nothing that stays.
        """
        with self._database.reading() as db:
            return reading.videos_behind(db, place, limit=limit, newest=newest)

    def place_of(self, video_id: str) -> int | None:
        """The place of a video in that order; None for an unknown id."""
        with self._database.reading() as db:
            return reading.place_of(db, video_id)

    def last_place(self) -> int:
        """The place in that order of the video that was added last, whether or not it is still there."""
        with self._database.reading() as db:
            return reading.last_place(db)

    def evidence(self, video_id: str) -> list[StoredEvidence]:
        """The evidence of a video by time: that of the content and that of each of its paths."""
        with self._database.reading() as db:
            return reading.evidence(db, video_id)

    def glimpses(self, video_ids: Collection[str], clip_ids: Collection[int]) -> dict[str, NDArray[np.float32]]:
        """A few vectors [n, D] of each video that has some: its first clip's, and those of the given clips of any video."""
        with self._database.reading() as db:
            return reading.glimpses(db, video_ids, clip_ids)

    def titles(self, video_ids: Collection[str]) -> dict[str, list[tuple[str, str]]]:
        """(source, text) of every title of each of these videos that has some."""
        with self._database.reading() as db:
            return reading.titles(db, video_ids)

    def tags(self, video_ids: Collection[str]) -> dict[str, list[str]]:
        """The tags of each of these videos that has some, each once."""
        with self._database.reading() as db:
            return reading.tags(db, video_ids)

    def clips(self, video_id: str, *, lacking: Generation | None = None) -> list[StoredClip]:
        """The clips of a video by time; lacking: only those that have no vector of this generation."""
        with self._database.reading() as db:
            return reading.clips(db, video_id, lacking=lacking)

    def videos_lacking(self, generation: Generation) -> list[str]:
        """The videos of which a clip has no vector of this generation, in the order they were added."""
        with self._database.reading() as db:
            return reading.videos_lacking(db, generation)

    def failures(self) -> list[Failure]:
        """Every path that could not be added, by path."""
        with self._database.reading() as db:
            return reading.failures(db)

    def search_words(
        self, kind: EvidenceKind, text: str, *, limit: int, where: VideoFilter | None = None
    ) -> list[WordHit]:
        """The rows of one kind of evidence that share a token with any text, ranked by BM25, best first.

        where: which videos may be found, None = all.
        """
        with self._database.reading() as db:
            selected = self._selections.of(db, where)
            return words.search(
                db, kind, text, limit=limit, selected=selected, fresh=self._fresh_words, names=self._names
            )

    def holds(self, *stretches: str) -> bool:
        """Whether any row of evidence holds all of these folded stretches of characters of an unspaced script."""
        with self._database.reading() as db:
            return any(words.holds(db, kind, stretches, fresh=self._fresh_words) for kind in EVIDENCE_KINDS)

    def document_frequency(self, kind: EvidenceKind, tokens: Collection[str]) -> tuple[int, dict[str, int]]:
        """The number of rows of one kind, and in how many of them each token of `retrieval.text.ngrams` occurs."""
        with self._database.reading() as db:
            return words.document_frequency(db, kind, tokens, fresh=self._fresh_words)

    def search_clips(
        self,
        vector: NDArray[np.float32],
        *,
        limit: int,
        recall: float | None = None,
        where: VideoFilter | None = None,
    ) -> list[ClipHit]:
        """The clips of the active generation nearest to `vector` [D], ranked by exact cosine, best first.

        In a large library `recall` (0 to 1; 0.97 when None) says what share of the nearest must be found, as far as the index
        was measured to reach it (`status`). where: which videos may be found, None = all. [] while no generation is active;
        ValueError when `vector` is not D finite numbers or is zero, or for a recall that is no share.
        """
        return self._vectors.nearest(
            CLIPS, partial(reading.clip_hits, names=self._names), vector, limit=limit, recall=recall, where=where
        )

    def search_texts(
        self,
        vector: NDArray[np.float32],
        *,
        limit: int,
        recall: float | None = None,
        where: VideoFilter | None = None,
    ) -> list[WordHit]:
        """The rows of evidence whose vector in the active generation is nearest to `vector` [D]; else as `search_clips`."""
        return self._vectors.nearest(
            TEXTS, partial(text_vectors.hits, names=self._names), vector, limit=limit, recall=recall, where=where
        )

    def search_vectors_in(self, store: VectorStore, *, name: str | None = None) -> None:
        """From now on ask a store for the nearest vectors, which `push_vectors` filled; `close` closes it too.

        name: as of `push_vectors`. `search_clips` and `search_texts` raise BackendError when the store cannot answer.
        """
        self._vectors = StoredVectors(self._database, self._selections, store, name=name)

    def vectors_notice(self) -> str | None:
        """What a person should know of the vectors that were searched last, None = they are all there."""
        return self._vectors.notice()

    def hurry(self, seconds: float) -> None:
        """The end is near: a store of vectors that has not answered so long from now is waited for no more."""
        self._vectors.hurry(seconds)

    def push_vectors(
        self, store: VectorStore, *, name: str | None = None, replace: bool = False,
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> list[Pushed]:  # fmt: skip
        """Bring a store's copy of all vectors up to date: what is new or other is sent, what is gone is deleted.

        name: what the store knows the copy by, None = this library's identity. replace: also where a copy of another library
        has this name. May be ended at any time: the next call goes on. progress: is told how many rows were looked at, of
        how many. BackendError when the store refuses, or has the copy of another library under this name.
        """
        return push(self._database, store, name=name, replace=replace, progress=progress)

    def texts_without_vector(
        self, generation: Generation, *, limit: int, after: int = 0
    ) -> list[tuple[int, str]]:
        """Number and text of rows of evidence above the number `after` that `put_text_vectors` could still be given."""
        with self._database.reading() as db:
            return text_vectors.lacking(db, generation, after=after, limit=limit)

    def compact(self) -> list[StoredSegment]:
        """Fold rows that were written or deleted since into the indexes over vectors, and small segments of the word
        index into large ones; what was built anew of the former.
        """
        if self._merger is None:
            raise InputError(f"the library {self.directory} is open for reading only: open it with write=True")
        with self._database.newest():       # what is folded, and which files may go, is no question of an older state
            built = self._merger.compact()
        self._merge_words()
        return built

    def frame_vectors(self, clip_ids: Collection[int]) -> dict[int, tuple[tuple[int, ...], NDArray[np.float32]]]:
        """For each clip with frame vectors in the active generation: their times in ms, and the vectors [n, D].

        Every checksum is verified; LibraryError names the file and the offset of damaged ones.
        """
        dimension, rows = self._frame_rows(clip_ids)
        try:
            vectors = read_frames(self.directory, [record for _, record in rows.values()], dimension=dimension)
        except LibraryError:
            # since that state, a writer may have removed the clip and cut off its bytes
            with self._database.newest():
                dimension, newer = self._frame_rows(clip_ids)
            if newer == rows:
                raise
            rows = newer
            vectors = read_frames(self.directory, [record for _, record in rows.values()], dimension=dimension)
        return {clip: (times, rows_of) for (clip, (times, _)), rows_of in zip(rows.items(), vectors, strict=True)}

    def clip_vectors(self, video_ids: Collection[str], *, most: int | None = None) -> dict[str, NDArray[np.float32]]:
        """The clip vectors [n, D] of the active generation of each video that has some, by time.

        most: at most so many of a video, evenly spread, None = all.
        """
        with self._database.reading() as db:
            return reading.clip_vectors(db, video_ids, most=most)

    def clip_rows(
        self, generation: Generation, video_ids: Collection[str]
    ) -> tuple[list[VectorRow], NDArray[np.float32]]:
        """The clips of these videos that have a vector of a generation, and these [n, D], as added and by time.

        LibraryError when the library holds no such generation.
        """
        with self._database.reading() as db:
            return vector_rows(db, generation, video_ids, kind=CLIPS)

    def text_rows(
        self, generation: Generation, video_ids: Collection[str]
    ) -> tuple[list[VectorRow], NDArray[np.float32]]:
        """The same of the texts of these videos."""
        with self._database.reading() as db:
            return vector_rows(db, generation, video_ids, kind=TEXTS)

    def generation(self) -> Generation | None:
        """The generation of vectors that is searched, None while there is none."""
        with self._database.reading() as db:
            active = reading.active_generation(db)
            return None if active is None else active[1]

    def text_generation(self) -> Generation | None:
        """The generation of the vectors of texts that is searched, None while there is none."""
        with self._database.reading() as db:
            active = reading.active_generation(db, kind=TEXTS)
            return None if active is None else active[1]

    def edition(self) -> tuple[str, int]:
        """Which library this is, and how often it was changed: equal editions hold the same."""
        with self._database.reading() as db:
            return edition(db)

    def status(self) -> LibraryStatus:
        """What the library holds: counts, coverage of each generation, damage, bytes on disk."""
        with self._database.reading() as db:
            return reading.status(db, self.directory)

    def count_evidence_from(self, source: str) -> int:
        """How many rows of evidence have a source that begins so."""
        with self._database.reading() as db:
            return reading.count_evidence_from(db, source)

    def check(self) -> list[Problem]:
        """Look for damage in the database, the word index and every vector; [] when all is well."""
        return checks.check(self._database)

    # --- inside

    def _merge_words(self) -> None:
        while merge_step(self._database, most_small=1):
            pass

    def _frame_rows(self, clip_ids: Collection[int]) -> tuple[int, dict[int, reading.FrameRow]]:
        with self._database.reading() as db:
            return reading.frame_rows(db, clip_ids)

    def _recovered_frames(self) -> FrameWriter:
        with database_errors(self.directory):
            # the log may hold a commit that a kill kept from being synced: bytes are cut off by what will stay only
            sync_log(self.directory)
            with self._database.reading() as db:
                ends = reading.frame_file_ends(db)
            return FrameWriter(self.directory, ends=ends)

    def _bring_words_up_to_date(self) -> None:
        """Whoever may write makes an index of other tokens again; a reader goes on, it misses a few words at most."""
        if self._lock is not None:
            with self._database.writing() as db:
                if words.is_current(db):
                    raise Unchanged
                words.rebuild(db)
