"""What a library knows, read from one connection inside the caller's snapshot."""

from __future__ import annotations

import json
import os
import sqlite3
from collections import defaultdict
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval.library import text_vectors
from retrieval.library.connections import DATABASE_NAME
from retrieval.library.database import select_in
from retrieval.library.frames import FOLDER, HEADER_BYTES, FrameRecord
from retrieval.library.generations import find_generation
from retrieval.library.remembering import once, remember
from retrieval.library.rows import (
    ClipHit,
    Failure,
    GenerationStatus,
    IndexStatus,
    LibraryStatus,
    StoredClip,
    StoredEvidence,
    StoredLocation,
    StoredVideo,
)
from retrieval.library.schema import CALLER, revision
from retrieval.library.segments import stored_segments
from retrieval.library.segments.calibration import choose
from retrieval.library.segments.files import FOLDER as SEGMENTS
from retrieval.library.vector_kinds import CLIPS, VectorKind, is_kept, kept_kinds
from retrieval.library.vectors import unpack
from retrieval.library.video_names import VideoNames
from retrieval.library.words import is_current
from retrieval.library.writing import path_key
from retrieval.records import EVIDENCE_KINDS, Generation, Location, Video

_VIDEO_FIELDS = tuple(f.name for f in fields(Video))
_LOCATIONS = (
    "SELECT v.id, l.path, l.size_bytes, l.modified_ns, l.details, l.evidence_fingerprint "
    "FROM locations l JOIN videos v ON v.number = l.video"
)
FrameRow = tuple[tuple[int, ...], FrameRecord]      # the times of a clip's frames, and where their vectors lie


def setting(db: sqlite3.Connection, key: str) -> str | None:
    """A value kept for the caller."""
    row = db.execute("SELECT value FROM settings WHERE key = ?", [CALLER + key]).fetchone()
    return str(row[0]) if row else None


def locations(db: sqlite3.Connection, *, path: str | None = None) -> list[StoredLocation]:
    """Every path in the library, or the one asked for, by path."""
    where, values = ("", []) if path is None else (" WHERE l.path = ?", [path_key(path)])
    return [_stored_location(row) for row in db.execute(f"{_LOCATIONS}{where} ORDER BY l.path", values)]


def file_states(db: sqlite3.Connection, folder: str) -> dict[str, tuple[int, int]]:
    """Size in bytes and time of change in ns of every path below a folder, as it was put, by path."""
    inside = path_key(folder.rstrip(os.sep) + os.sep)
    rows = db.execute(
        "SELECT path, size_bytes, modified_ns FROM locations WHERE path > ? AND path < ? ORDER BY path",
        [inside, inside[:-1] + bytes([inside[-1] + 1])],
    )
    return {os.fsdecode(path): (size_bytes, modified_ns) for path, size_bytes, modified_ns in rows}


def videos(db: sqlite3.Connection, ids: Collection[str]) -> dict[str, StoredVideo]:
    """The videos with these ids, in the order asked; an unknown id is left out."""
    paths: dict[str, list[Location]] = defaultdict(list)
    for row in select_in(db, f"{_LOCATIONS} WHERE v.id IN {{in}} ORDER BY l.path", ids):
        stored = _stored_location(row)
        paths[stored.video_id].append(Location(**{f.name: getattr(stored, f.name) for f in fields(Location)}))
    examined: dict[str, dict[str, str]] = defaultdict(dict)
    sql = "SELECT v.id, channel, examiner FROM examined JOIN videos v ON v.number = video WHERE v.id IN {in}"
    for video_id, channel, examiner in select_in(db, sql, ids):
        examined[video_id][channel] = examiner
    found = {}
    sql = f"SELECT added_at, {', '.join(_VIDEO_FIELDS)} FROM videos WHERE id IN {{in}}"
    for added_at, *facts in select_in(db, sql, ids):
        video = _video(facts)
        found[video.id] = StoredVideo(
            video=video, locations=tuple(paths[video.id]), examined=examined[video.id], added_at=added_at
        )
    return {video_id: found[video_id] for video_id in ids if video_id in found}


def durations(db: sqlite3.Connection, ids: Collection[str]) -> dict[str, int]:
    """How long each of these videos lasts, in ms; an unknown id is left out."""
    return dict(select_in(db, "SELECT id, duration_ms FROM videos WHERE id IN {in}", ids))


def video_ids(db: sqlite3.Connection) -> list[str]:
    """Every video id, in the order the videos were added."""
    return [video_id for (video_id,) in db.execute("SELECT id FROM videos ORDER BY number")]


def videos_behind(db: sqlite3.Connection, place: int | None, *, limit: int, newest: bool) -> list[tuple[int, str]]:
    """(place, id) of at most `limit` videos by when they were added, behind a place in that order, None = from the beginning."""
    where, values = ("", []) if place is None else (f"WHERE number {'<' if newest else '>'} ? ", [place])
    sql = f"SELECT number, id FROM videos {where}ORDER BY number {'DESC' if newest else 'ASC'} LIMIT ?"
    return db.execute(sql, [*values, limit]).fetchall()


def place_of(db: sqlite3.Connection, video_id: str) -> int | None:
    """The place of a video in the order in which all were added; None for an unknown id."""
    row = db.execute("SELECT number FROM videos WHERE id = ?", [video_id]).fetchone()
    return None if row is None else int(row[0])


def last_place(db: sqlite3.Connection) -> int:
    """The place of the video that was added last, 0 without any; a place is given to one video only, also after that is gone."""
    row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'videos'").fetchone()
    return int(row[0]) if row else 0


def evidence(db: sqlite3.Connection, video_id: str) -> list[StoredEvidence]:
    """The evidence of a video, by start and row number; that of a path carries the path."""
    rows = db.execute(
        "SELECT e.id, l.path, e.kind, e.text, e.start_ms, e.end_ms, e.source, e.confidence, e.language "
        "FROM evidence e JOIN videos v ON v.number = e.video LEFT JOIN locations l ON l.number = e.location "
        "WHERE v.id = ? ORDER BY e.start_ms, e.id",
        [video_id],
    )
    names = ("kind", "text", "start_ms", "end_ms", "source", "confidence", "language")
    return [
        StoredEvidence(id=number, path=path and os.fsdecode(path), **dict(zip(names, row, strict=True)))
        for number, path, *row in rows
    ]


def clips(db: sqlite3.Connection, video_id: str, *, lacking: Generation | None = None) -> list[StoredClip]:
    """The clips of a video in the order of time; lacking: only those without a vector of this generation."""
    number = None if lacking is None else find_generation(db, lacking, kind=CLIPS)
    without = "" if number is None else f"AND {_has_no_vector(number)}"
    rows = db.execute(
        "SELECT c.id, c.start_ms, c.end_ms, c.keyframe_ms, c.frame_times_ms FROM clips c "
        f"JOIN videos v ON v.number = c.video WHERE v.id = ? {without} ORDER BY c.start_ms, c.id",
        [video_id],
    )
    return [
        StoredClip(id=number, start_ms=start, end_ms=end, keyframe_ms=keyframe, frame_times_ms=tuple(json.loads(times)))
        for number, start, end, keyframe, times in rows
    ]


def videos_lacking(db: sqlite3.Connection, generation: Generation) -> list[str]:
    """The videos of which a clip has no vector of this generation, in the order they were added."""
    number = find_generation(db, generation, kind=CLIPS)
    without = "" if number is None else f"AND {_has_no_vector(number)}"
    sql = f"SELECT id FROM videos v WHERE EXISTS (SELECT 1 FROM clips c WHERE c.video = v.number {without}) ORDER BY number"
    return [video_id for (video_id,) in db.execute(sql)]


def failures(db: sqlite3.Connection) -> list[Failure]:
    """Every path that could not be added, by path."""
    rows = db.execute("SELECT path, kind, message, size_bytes, modified_ns, failed_at FROM failures ORDER BY path")
    names = ("kind", "message", "size_bytes", "modified_ns", "failed_at")
    return [Failure(path=os.fsdecode(path), **dict(zip(names, row, strict=True))) for path, *row in rows]


def active_generation(db: sqlite3.Connection, *, kind: VectorKind = CLIPS) -> tuple[int, Generation] | None:
    """Number and description of the generation that is searched."""
    if not is_kept(db, kind):
        return None
    return once(db, (active_generation, kind.name), lambda: _active_generation(db, kind))


def search_in(db: sqlite3.Connection, generations: Collection[Generation]) -> list[VectorKind]:
    """For the rest of the snapshot these are taken for the active ones, as far as they are there; the kinds where others are."""
    changed = []
    for kind in kept_kinds(db):
        active = active_generation(db, kind=kind)
        if active is None or active[1] in generations:
            continue
        for generation in generations:
            number = find_generation(db, generation, kind=kind)
            if number is not None:
                remember(db, (active_generation, kind.name), (number, generation))
                changed.append(kind)
    return changed


def clip_hits(db: sqlite3.Connection, found: Iterable[tuple[int, float]], *, names: VideoNames) -> list[ClipHit]:
    """The clips of vector rows and their scores, in the order given."""
    scores = dict(found)
    sql = (
        "SELECT x.number, c.id, c.video, c.start_ms, c.end_ms, c.keyframe_ms FROM clip_vectors x "
        "JOIN clips c ON c.id = x.clip WHERE x.number IN {in}"
    )
    rows = list(select_in(db, sql, scores))
    ids = names.of(db, [row[2] for row in rows])
    hits = {
        number: ClipHit(
            clip_id=clip, video_id=ids[video], start_ms=start_ms, end_ms=end_ms, keyframe_ms=keyframe_ms, score=scores[number]
        )
        for number, clip, video, start_ms, end_ms, keyframe_ms in rows
    }
    return [hits[number] for number in scores]


def clip_vectors(
    db: sqlite3.Connection, ids: Collection[str], *, most: int | None = None
) -> dict[str, NDArray[np.float32]]:
    """The vectors [n, D] of the active generation of each video that has some, in the order of time.

    most: at most so many of a video, evenly spread, None = all.
    """
    active = active_generation(db)
    if active is None:
        return {}
    number, generation = active
    rows: dict[str, list[int]] = defaultdict(list)
    sql = (         # in this order: by the few videos, not by the many rows of the generation
        "SELECT v.id, x.number FROM videos v CROSS JOIN clips c ON c.video = v.number "
        "CROSS JOIN clip_vectors x ON x.clip = c.id AND x.generation = ? WHERE v.id IN {in} ORDER BY c.start_ms, c.id"
    )
    for video_id, row in select_in(db, sql, ids, before=[number]):
        rows[video_id].append(row)
    chosen = {video_id: _spread(of_video, most) for video_id, of_video in rows.items()}
    wanted = [row for of_video in chosen.values() for row in of_video]
    blobs = dict(select_in(db, "SELECT number, vector FROM clip_vectors WHERE number IN {in}", wanted))
    return {
        video_id: unpack([blobs[row] for row in of_video], dimension=generation.dimension)
        for video_id, of_video in chosen.items()
    }


def glimpses(
    db: sqlite3.Connection, ids: Collection[str], clip_ids: Collection[int]
) -> dict[str, NDArray[np.float32]]:
    """A few vectors [n, D] of the active generation of each video that has some: its first clip's and the given clips'."""
    active = active_generation(db)
    if active is None:
        return {}
    number, generation = active
    blobs: dict[str, list[bytes]] = defaultdict(list)
    first = (
        "SELECT v.id, x.vector FROM videos v JOIN clip_vectors x ON x.generation = ? "
        "AND x.clip = (SELECT min(id) FROM clips WHERE video = v.number) WHERE v.id IN {in}"
    )
    given = (
        "SELECT v.id, x.vector FROM clip_vectors x JOIN clips c ON c.id = x.clip JOIN videos v ON v.number = c.video "
        "WHERE x.generation = ? AND x.clip IN {in}"
    )
    for sql, wanted in ((first, ids), (given, clip_ids)):
        for video_id, blob in select_in(db, sql, wanted, before=[number]):
            blobs[video_id].append(blob)
    return {video_id: unpack(rows, dimension=generation.dimension) for video_id, rows in blobs.items()}


def titles(db: sqlite3.Connection, ids: Collection[str]) -> dict[str, list[tuple[str, str]]]:
    """(source, text) of every title of each of these videos, in the order they were put."""
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    # Without a name SQLite walks all titles of the library. One of format 1 has no index of titles until it is written.
    own = db.execute("SELECT 1 FROM sqlite_master WHERE name = 'titles_of_video'").fetchone()
    index = "titles_of_video" if own else "evidence_of_video"
    sql = (
        f"SELECT v.id, e.source, e.text FROM videos v JOIN evidence e INDEXED BY {index} ON e.video = v.number "
        "WHERE e.kind = 'title' AND v.id IN {in} ORDER BY e.start_ms, e.id"
    )
    for video_id, source, text in select_in(db, sql, ids):
        found[video_id].append((source, text))
    return found


def tags(db: sqlite3.Connection, ids: Collection[str]) -> dict[str, list[str]]:
    """The tags of each of these videos, each once, in the order they were put."""
    found: dict[str, dict[str, None]] = defaultdict(dict)
    sql = (
        "SELECT v.id, e.text FROM videos v JOIN evidence e INDEXED BY evidence_of_video ON e.video = v.number "
        "WHERE e.kind = 'tag' AND v.id IN {in} ORDER BY e.id"
    )
    for video_id, text in select_in(db, sql, ids):
        found[video_id][text] = None
    return {video_id: list(texts) for video_id, texts in found.items()}


def _active_generation(db: sqlite3.Connection, kind: VectorKind) -> tuple[int, Generation] | None:
    sql = f"SELECT number, encoder, revision, preprocessing, dimension FROM {kind.generations} WHERE active = 1"
    row = db.execute(sql).fetchone()
    return None if row is None else (int(row[0]), _generation(row[1:]))


def _has_no_vector(generation: int) -> str:
    return f"NOT EXISTS (SELECT 1 FROM clip_vectors x WHERE x.clip = c.id AND x.generation = {generation})"


def _spread(rows: list[int], most: int | None) -> list[int]:
    if most is None or len(rows) <= most:
        return rows
    return [rows[place] for place in np.linspace(0, len(rows) - 1, most).round().astype(int)]


def frame_rows(db: sqlite3.Connection, clip_ids: Collection[int]) -> tuple[int, dict[int, FrameRow]]:
    """The dimension of the active generation, and for each clip that has frame vectors in it where they lie."""
    active = active_generation(db)
    if active is None:
        return 0, {}
    number, generation = active
    sql = (
        "SELECT c.id, c.frame_times_ms, f.file, f.offset, f.count, f.crc32 FROM clips c "
        "JOIN frame_records f ON f.clip = c.id AND f.generation = ? WHERE c.id IN {in}"
    )
    found = list(select_in(db, sql, clip_ids, before=[number]))
    every = json.loads(f"[{','.join(times for _, times, *_ in found)}]")     # at once: each reading has a cost of its own
    rows = {
        clip: (tuple(times), FrameRecord(file=file, offset=offset, count=count, crc32=crc32))
        for (clip, _, file, offset, count, crc32), times in zip(found, every, strict=True)
    }
    return generation.dimension, rows


def frame_file_ends(db: sqlite3.Connection) -> dict[str, int]:
    """For each file of frame vectors that a row names, the offset at which its last record ends."""
    rows = db.execute(
        "SELECT file, max(offset + count * dimension * 2) FROM frame_records "
        "JOIN generations ON number = generation GROUP BY file"
    )
    return dict(rows.fetchall())


def status(db: sqlite3.Connection, directory: Path) -> LibraryStatus:
    """Counts of everything."""
    per_kind = dict(db.execute("SELECT kind, count(*) FROM evidence GROUP BY kind").fetchall())
    clip_count = _count(db, "clips")
    frame_bytes = _size((directory / FOLDER).glob("*.vectors"))
    return LibraryStatus(
        directory=directory,
        revision=revision(db),
        videos=_count(db, "videos"),
        locations=_count(db, "locations"),
        clips=clip_count,
        evidence={kind: per_kind.get(kind, 0) for kind in EVIDENCE_KINDS},
        generations=tuple(_generation_status(db, clip_count)),
        text_generations=tuple(text_vectors.status(db)),
        indexes=tuple(index for kind in kept_kinds(db) for index in _index_status(db, kind)),
        failures=_count(db, "failures"),
        damaged=dict(db.execute("SELECT id, damage FROM videos WHERE damage IS NOT NULL ORDER BY number").fetchall()),
        bytes_on_disk=_size(directory.glob(f"{DATABASE_NAME}*")) + frame_bytes + _size((directory / SEGMENTS).glob("*")),
        reclaimable_bytes=max(0, frame_bytes - _live_frame_bytes(db)),
        stale_words=not is_current(db),
    )


def count_evidence_from(db: sqlite3.Connection, source: str) -> int:
    """Rows of evidence whose source begins so."""
    row = db.execute("SELECT count(*) FROM evidence WHERE substr(source, 1, length(?1)) = ?1", [source]).fetchone()
    return int(row[0])


def _index_status(db: sqlite3.Connection, kind: VectorKind) -> Iterable[IndexStatus]:
    for segment in stored_segments(db, kind):
        sql = (
            f"SELECT encoder, revision, (SELECT count(*) FROM {kind.vectors} WHERE generation = g.number) "
            f"FROM {kind.generations} g WHERE number = ?"
        )
        row = db.execute(sql, [segment.generation]).fetchone()
        if row is not None:
            point = choose(segment.calibration, None) if segment.calibration else None
            measured = point.measured if point is not None else {}
            depths = sorted({name[name.index("@") :] for name in measured}, key=len)
            recall = {depth: min(v for name, v in measured.items() if name.endswith(depth)) for depth in depths}
            yield IndexStatus(
                kind=kind.name, encoder=row[0], revision=row[1], of_rows=row[2], rows=segment.rows,
                bytes=segment.bytes, recall=recall, reached=point is None or point.reached,
            )  # fmt: skip


def _live_frame_bytes(db: sqlite3.Connection) -> int:
    """Bytes of the files of frame vectors that are needed: their headers and the records that a row names."""
    sql = (
        f"SELECT coalesce(sum(count * dimension * 2), 0) + count(DISTINCT file) * {HEADER_BYTES} FROM frame_records "
        "JOIN generations ON number = generation"
    )
    return int(db.execute(sql).fetchone()[0])


def _size(files: Iterable[Path]) -> int:
    total = 0
    for file in files:
        with suppress(FileNotFoundError):       # a writer may just have cut it off
            total += file.stat().st_size
    return total


def _generation_status(db: sqlite3.Connection, clip_count: int) -> Iterable[GenerationStatus]:
    rows = db.execute(
        "SELECT active, encoder, revision, preprocessing, dimension, "
        "(SELECT count(*) FROM clip_vectors WHERE generation = g.number) FROM generations g ORDER BY number"
    )
    for active, *key, covered in rows:
        share = covered / clip_count if clip_count else 0.0
        yield GenerationStatus(generation=_generation(key), active=bool(active), clips=covered, share=share)


def _count(db: sqlite3.Connection, table: str) -> int:
    return int(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def _video(row: Iterable[Any]) -> Video:
    facts = dict(zip(_VIDEO_FIELDS, row, strict=True))
    return Video(**{**facts, "has_audio": bool(facts["has_audio"])})


def _generation(row: Iterable[Any]) -> Generation:
    encoder, revision_, preprocessing, dimension = row
    return Generation(encoder=encoder, revision=revision_, preprocessing=preprocessing, dimension=dimension)


def _stored_location(row: tuple[Any, ...]) -> StoredLocation:
    video_id, path, size_bytes, modified_ns, details, fingerprint = row
    return StoredLocation(
        video_id=video_id, path=os.fsdecode(path), size_bytes=size_bytes, modified_ns=modified_ns,
        details=json.loads(details), evidence_fingerprint=fingerprint,
    )  # fmt: skip
