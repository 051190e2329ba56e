"""The changes to a library as statements on one connection, inside the caller's transaction."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path

from retrieval.errors import InputError
from retrieval.library.connections import storable
from retrieval.library.database import select_in
from retrieval.library.frames import FrameWriter
from retrieval.library.generations import generation_number
from retrieval.library.rows import Removed
from retrieval.library.schema import CALLER, now
from retrieval.library.vectors import pack
from retrieval.library.words import add_words, delete_words
from retrieval.records import EVIDENCE_KINDS, Clip, Evidence, Generation, Location, Video

SHORTEST_PREFIX = 8


def check_evidence(evidence: Sequence[Evidence]) -> None:
    """ValueError for a kind that has no word index or a span that ends before it starts."""
    for row in evidence:
        if row.kind not in EVIDENCE_KINDS:
            raise ValueError(f"evidence of the unknown kind {row.kind!r}: it is one of {', '.join(EVIDENCE_KINDS)}")
        if row.end_ms < row.start_ms:
            raise ValueError(f"the {row.kind} {row.text[:40]!r} ends at {row.end_ms} ms, before it starts")


def check_location(location: Location) -> None:
    """ValueError when the path is not absolute or the details are not plain JSON values."""
    if not Path(location.path).is_absolute():
        raise ValueError(f"the path of a location is absolute, {location.path!r} is not")
    _details_text(location)


def evidence_fingerprint(evidence: Sequence[Evidence]) -> str:
    """A short text that differs when the evidence of a path does, in content or order."""
    rows = [
        [e.kind, e.text, int(e.start_ms), int(e.end_ms), e.source, str(e.confidence), e.language] for e in evidence
    ]
    return hashlib.sha256(json.dumps(rows).encode("ascii")).hexdigest()[:32]


def put_video(db: sqlite3.Connection, video: Video, *, examined: Mapping[str, str]) -> int:
    """Insert or replace the facts about a video and what examined it; returns its number."""
    facts = {
        "id": video.id, "size_bytes": video.size_bytes, "duration_ms": video.duration_ms, "width": video.width,
        "height": video.height, "frames_per_second": video.frames_per_second, "container": video.container,
        "codec": video.codec, "has_audio": video.has_audio, "damage": video.damage,
    }  # fmt: skip
    columns, marks = ", ".join(facts), ", ".join("?" * len(facts))
    replaced = ", ".join(f"{name} = excluded.{name}" for name in facts)
    db.execute(
        f"INSERT INTO videos ({columns}, added_at) VALUES ({marks}, ?) ON CONFLICT (id) DO UPDATE SET {replaced}",
        [*facts.values(), now()],
    )
    number = video_number(db, video.id)
    assert number is not None
    db.execute("DELETE FROM examined WHERE video = ?", [number])
    rows = [(number, channel, examiner) for channel, examiner in examined.items()]
    db.executemany("INSERT INTO examined (video, channel, examiner) VALUES (?, ?, ?)", rows)
    return number


def put_content_evidence(db: sqlite3.Connection, video: int, evidence: Sequence[Evidence]) -> None:
    """Replace the evidence that belongs to the content of a video."""
    _delete_evidence(db, "video = ? AND location IS NULL", video)
    _insert_evidence(db, video, None, evidence)


def put_location(db: sqlite3.Connection, video: int, location: Location, evidence: Sequence[Evidence]) -> None:
    """Say that a path holds a video, with the evidence of this path; a video that loses its last path so is dropped."""
    path = path_key(location.path)
    facts = [video, location.size_bytes, location.modified_ns, _details_text(location), evidence_fingerprint(evidence)]
    known = db.execute("SELECT number, video FROM locations WHERE path = ?", [path]).fetchone()
    if known is None:
        number = db.execute(
            "INSERT INTO locations (path, video, size_bytes, modified_ns, details, evidence_fingerprint) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            [path, *facts],
        ).lastrowid
    else:
        number, before = known
        _delete_evidence(db, "location = ?", number)
        db.execute(
            "UPDATE locations SET video = ?, size_bytes = ?, modified_ns = ?, details = ?, evidence_fingerprint = ? "
            "WHERE number = ?",
            [*facts, number],
        )
        drop_if_nowhere(db, before)
    _insert_evidence(db, video, number, evidence)
    db.execute("DELETE FROM failures WHERE path = ?", [path])


def location_changed(db: sqlite3.Connection, video: int, location: Location, evidence: Sequence[Evidence]) -> bool:
    """Whether `put_location` would change anything."""
    path = path_key(location.path)
    columns = "video, size_bytes, modified_ns, details, evidence_fingerprint"
    stored = db.execute(f"SELECT {columns} FROM locations WHERE path = ?", [path]).fetchone()
    facts = (video, location.size_bytes, location.modified_ns, _details_text(location), evidence_fingerprint(evidence))
    failed = db.execute("SELECT 1 FROM failures WHERE path = ?", [path]).fetchone()
    return stored != facts or failed is not None


def put_clips(db: sqlite3.Connection, video: int, clips: Sequence[Clip]) -> list[int]:
    """Make these the clips of a video; returns their numbers in order.

    A clip that was there before, with the same span and frames, keeps its number and so its vectors of other
    generations.
    """
    columns = "start_ms, end_ms, keyframe_ms, frame_times_ms"
    rows = db.execute(f"SELECT id, {columns} FROM clips WHERE video = ?", [video]).fetchall()
    before = {tuple(key): number for number, *key in rows}
    numbers: list[int] = []
    for clip in clips:
        times = [int(time) for time in clip.frame_times_ms]       # whatever kind of integer they came as
        key = (int(clip.start_ms), int(clip.end_ms), int(clip.keyframe_ms), json.dumps(times))
        number = before.pop(key, None)
        if number is None:
            number = db.execute(
                f"INSERT INTO clips (video, {columns}) VALUES (?, ?, ?, ?, ?)", [video, *key]
            ).lastrowid
        numbers.append(int(number or 0))
    kept = set(numbers)
    db.executemany("DELETE FROM clips WHERE id = ?", [(row[0],) for row in rows if row[0] not in kept])
    return numbers


def put_vectors(
    db: sqlite3.Connection, frames: FrameWriter, generation: Generation, clips: Sequence[tuple[int, Clip]]
) -> None:
    """Store the vectors of numbered clips under their generation, frame vectors synced before their rows exist."""
    number = generation_number(db, generation)
    for table in ("clip_vectors", "frame_records"):
        db.executemany(f"DELETE FROM {table} WHERE clip = ? AND generation = ?", [(clip, number) for clip, _ in clips])
    db.executemany(
        "INSERT INTO clip_vectors (clip, generation, vector) VALUES (?, ?, ?)",
        [(clip, number, pack(c.vector)) for clip, c in clips if c.vector is not None],
    )
    framed = [(clip, c.frame_vectors) for clip, c in clips if c.frame_vectors is not None and len(c.frame_vectors)]
    records = frames.append(number, [vectors for _, vectors in framed], dimension=generation.dimension)
    db.executemany(
        "INSERT INTO frame_records (clip, generation, file, offset, count, crc32) VALUES (?, ?, ?, ?, ?, ?)",
        [(clip, number, r.file, r.offset, r.count, r.crc32) for (clip, _), r in zip(framed, records, strict=True)],
    )


def put_more_vectors(
    db: sqlite3.Connection, frames: FrameWriter, generation: Generation, clips: Mapping[int, Clip]
) -> int:
    """Store vectors of clips by their numbers, of those that are still there; how many these are."""
    there = {number for (number,) in select_in(db, "SELECT id FROM clips WHERE id IN {in}", clips)}
    put_vectors(db, frames, generation, [(number, clip) for number, clip in clips.items() if number in there])
    return len(there)


def set_setting(db: sqlite3.Connection, key: str, value: str | None) -> None:
    """Keep a value for the caller; None = forget it."""
    if value is None:
        db.execute("DELETE FROM settings WHERE key = ?", [CALLER + key])
        return
    db.execute("INSERT OR REPLACE INTO settings (key, value) VALUES (?, ?)", [CALLER + key, value])


def remove(db: sqlite3.Connection, target: str) -> Removed:
    """Drop a path, or a video with all its paths; InputError when `target` names nothing or more than one video."""
    path = path_key(target)
    location = db.execute("SELECT number, video FROM locations WHERE path = ?", [path]).fetchone()
    failed = db.execute("DELETE FROM failures WHERE path = ?", [path]).rowcount
    if location is not None:
        _delete_evidence(db, "location = ?", location[0])
        db.execute("DELETE FROM locations WHERE number = ?", [location[0]])
        dropped = drop_if_nowhere(db, location[1])
        return Removed(paths=(target,), video_ids=(dropped,) if dropped else ())
    if failed:
        return Removed(paths=(target,), video_ids=())
    number, video_id = _video_by_prefix(db, target)
    paths = db.execute("SELECT path FROM locations WHERE video = ? ORDER BY path", [number]).fetchall()
    _drop_video(db, number)
    return Removed(paths=tuple(os.fsdecode(path) for (path,) in paths), video_ids=(video_id,))


def record_failure(
    db: sqlite3.Connection, path: str, *, kind: str, message: str, size_bytes: int, modified_ns: int
) -> None:
    """Remember that a path could not be added, and as which file."""
    db.execute(
        "INSERT OR REPLACE INTO failures (path, kind, message, size_bytes, modified_ns, failed_at) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        [path_key(path), kind, message, size_bytes, modified_ns, now()],
    )


def video_number(db: sqlite3.Connection, video_id: str) -> int | None:
    """The row number of a video id, None when it is not in the library."""
    row = db.execute("SELECT number FROM videos WHERE id = ?", [video_id]).fetchone()
    return int(row[0]) if row else None


def drop_if_nowhere(db: sqlite3.Connection, video: int) -> str | None:
    """Drop a video that has no path left; returns its id when it did."""
    if db.execute("SELECT 1 FROM locations WHERE video = ?", [video]).fetchone():
        return None
    return _drop_video(db, video)


def path_key(path: str) -> bytes:
    """A path as it is stored, byte for byte; InputError for text that no file name can be."""
    try:
        return os.fsencode(path)
    except UnicodeEncodeError as error:
        raise InputError(f"{path!r} cannot be the name of a file: give the path of a video") from error


def _drop_video(db: sqlite3.Connection, video: int) -> str:
    _delete_evidence(db, "video = ?", video)
    row = db.execute("SELECT id FROM videos WHERE number = ?", [video]).fetchone()
    db.execute("DELETE FROM videos WHERE number = ?", [video])
    return str(row[0])


def _video_by_prefix(db: sqlite3.Connection, target: str) -> tuple[int, str]:
    prefix = target.lower()
    exact = db.execute("SELECT number, id FROM videos WHERE id = ?", [target]).fetchone()
    if exact:
        return int(exact[0]), str(exact[1])
    found = []
    if len(prefix) >= SHORTEST_PREFIX:
        sql = "SELECT number, id FROM videos WHERE substr(id, 1, ?) = ? LIMIT 2"
        found = db.execute(sql, [len(prefix), prefix]).fetchall()
    if len(found) > 1:
        raise InputError(f"{target!r} is the beginning of more than one video id: give more of it")
    if not found:
        raise InputError(
            f"the library has no path and no video {storable(target)!r}: give an absolute path, a video id, "
            f"or at least {SHORTEST_PREFIX} characters of one"
        )
    return int(found[0][0]), str(found[0][1])


def _insert_evidence(db: sqlite3.Connection, video: int, location: int | None, evidence: Sequence[Evidence]) -> None:
    words = []
    for e in evidence:
        text = storable(e.text)         # the index must be made of the text that stands in the row
        confidence = None if e.confidence is None else float(e.confidence)
        number = db.execute(
            "INSERT INTO evidence (video, location, kind, text, start_ms, end_ms, source, confidence, language) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [video, location, e.kind, text, int(e.start_ms), int(e.end_ms), e.source, confidence, e.language],
        ).lastrowid
        words.append((int(number or 0), e.kind, text))
    add_words(db, words)


def _delete_evidence(db: sqlite3.Connection, where: str, number: int) -> None:
    rows = db.execute(f"SELECT id, kind, text FROM evidence WHERE {where}", [number]).fetchall()
    delete_words(db, rows)
    db.execute(f"DELETE FROM evidence WHERE {where}", [number])


def _details_text(location: Location) -> str:
    try:
        return json.dumps(location.details, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"the details of {location.path!r} are not plain JSON values: {error}") from error
