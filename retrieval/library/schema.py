"""The tables of `library.sqlite`. Everything is the truth except the word indexes, which come from `evidence`.

Row numbers of evidence and vectors are never used twice: a reader asks for the numbers above the last it saw.
"""

from __future__ import annotations

import secrets
import sqlite3
from datetime import datetime, timezone

from retrieval.library.digests import add_digests, seal, tables
from retrieval.library.remembering import once
from retrieval.records import EVIDENCE_KINDS

APPLICATION_ID = 0x57454E53         # "WENS": marks the SQLite file as a library
SCHEMA_VERSION = 2                  # 2: every row has a checksum, titles and tags have indexes
CALLER = "caller:"                  # before the names of settings that are not the library's own
OLDEST_SQLITE = (3, 35, 0)

# Paths are blobs (os.fsencode): a file name on Linux need not be Unicode.
_TABLES = """
CREATE TABLE settings (key TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;

CREATE TABLE videos (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    size_bytes INTEGER NOT NULL,
    duration_ms INTEGER NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    frames_per_second REAL NOT NULL,
    container TEXT NOT NULL,
    codec TEXT NOT NULL,
    has_audio INTEGER NOT NULL,
    damage TEXT,
    added_at TEXT NOT NULL
);

CREATE TABLE examined (
    video INTEGER NOT NULL REFERENCES videos(number) ON DELETE CASCADE,
    channel TEXT NOT NULL,
    examiner TEXT NOT NULL,
    PRIMARY KEY (video, channel)
) WITHOUT ROWID;

CREATE TABLE locations (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    path BLOB NOT NULL UNIQUE,
    video INTEGER NOT NULL REFERENCES videos(number) ON DELETE CASCADE,
    size_bytes INTEGER NOT NULL,
    modified_ns INTEGER NOT NULL,
    details TEXT NOT NULL,
    evidence_fingerprint TEXT NOT NULL
);
CREATE INDEX locations_of_video ON locations (video);

CREATE TABLE evidence (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    video INTEGER NOT NULL REFERENCES videos(number) ON DELETE CASCADE,
    location INTEGER REFERENCES locations(number) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    text TEXT NOT NULL,
    start_ms INTEGER NOT NULL,
    end_ms INTEGER NOT NULL,
    source TEXT NOT NULL,
    confidence REAL,
    language TEXT
);
CREATE INDEX evidence_of_video ON evidence (video);
CREATE INDEX evidence_of_location ON evidence (location) WHERE location IS NOT NULL;
CREATE INDEX evidence_of_kind ON evidence (kind);

CREATE TABLE clips (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    video INTEGER NOT NULL REFERENCES videos(number) ON DELETE CASCADE,
    start_ms INTEGER NOT NULL,
    end_ms INTEGER NOT NULL,
    keyframe_ms INTEGER NOT NULL,
    frame_times_ms TEXT NOT NULL
);
CREATE INDEX clips_of_video ON clips (video);

CREATE TABLE generations (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    encoder TEXT NOT NULL,
    revision TEXT NOT NULL,
    preprocessing TEXT NOT NULL,
    dimension INTEGER NOT NULL,
    active INTEGER NOT NULL,
    UNIQUE (encoder, revision, preprocessing, dimension)
);
CREATE UNIQUE INDEX one_active_generation ON generations (active) WHERE active = 1;

CREATE TABLE clip_vectors (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    clip INTEGER NOT NULL REFERENCES clips(id) ON DELETE CASCADE,
    generation INTEGER NOT NULL REFERENCES generations(number) ON DELETE CASCADE,
    vector BLOB NOT NULL,
    UNIQUE (clip, generation)
);
CREATE INDEX clip_vectors_of_generation ON clip_vectors (generation);

CREATE TABLE frame_records (
    clip INTEGER NOT NULL REFERENCES clips(id) ON DELETE CASCADE,
    generation INTEGER NOT NULL REFERENCES generations(number) ON DELETE CASCADE,
    file TEXT NOT NULL,
    offset INTEGER NOT NULL,
    count INTEGER NOT NULL,
    crc32 INTEGER NOT NULL,
    PRIMARY KEY (clip, generation)
) WITHOUT ROWID;
CREATE INDEX frame_records_of_generation ON frame_records (generation);
CREATE INDEX frame_records_in_file ON frame_records (file, offset, count);

CREATE TABLE failures (
    path BLOB PRIMARY KEY,
    kind TEXT NOT NULL,
    message TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    modified_ns INTEGER NOT NULL,
    failed_at TEXT NOT NULL
) WITHOUT ROWID;
"""

_INDEXES_SINCE_2 = """
CREATE INDEX titles_of_video ON evidence (video) WHERE kind = 'title';
CREATE INDEX evidence_tags ON evidence (text) WHERE kind = 'tag';
"""

# The ascii tokenizer splits at ASCII punctuation and space only, so the tokens made by retrieval.text stay whole.
_WORDS_OF_KIND = """
CREATE VIRTUAL TABLE words_{kind} USING fts5 (unigrams, bigrams, content = '', tokenize = 'ascii');
CREATE VIRTUAL TABLE vocabulary_{kind} USING fts5vocab (words_{kind}, 'row');
CREATE VIRTUAL TABLE instances_{kind} USING fts5vocab (words_{kind}, 'instance');
"""


def create_tables(db: sqlite3.Connection, *, token_version: str) -> None:
    """Make an empty library inside the caller's transaction: after a kill there is a whole one or none."""
    words = "".join(_WORDS_OF_KIND.format(kind=kind) for kind in EVIDENCE_KINDS)
    for statement in filter(str.strip, (_TABLES + _INDEXES_SINCE_2 + words).split(";\n")):
        db.execute(statement)
    settings = {"revision": 0, "token_version": token_version, "created_at": now()}
    db.executemany("INSERT INTO settings (key, value) VALUES (?, ?)", settings.items())
    renew_identity(db)
    add_digests(db, tables(db))
    seal(db)
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def upgrade(db: sqlite3.Connection) -> None:
    """Bring a library of format 1 to this one inside the caller's transaction."""
    for statement in filter(str.strip, _INDEXES_SINCE_2.split(";\n")):
        db.execute(statement)
    add_digests(db, tables(db))
    bump_revision(db)
    db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def revision(db: sqlite3.Connection) -> int:
    """The number of transactions that changed this library."""
    return int(db.execute("SELECT value FROM settings WHERE key = 'revision'").fetchone()[0])


def edition(db: sqlite3.Connection) -> tuple[str, int]:
    """What tells any two states of a library apart: its identity ("" before it was given one) and its revision."""
    return once(db, edition, lambda: _edition(db))


def _edition(db: sqlite3.Connection) -> tuple[str, int]:
    row = db.execute("SELECT value FROM settings WHERE key = 'identity'").fetchone()
    return "" if row is None else str(row[0]), revision(db)


def renew_identity(db: sqlite3.Connection) -> None:
    """Give the library another identity, so that a reader keeps nothing that it learnt before."""
    db.execute("INSERT OR REPLACE INTO settings (key, value) VALUES ('identity', ?)", [secrets.token_hex(16)])


def bump_revision(db: sqlite3.Connection) -> None:
    """Count one more change, so that every reader notices it."""
    db.execute("UPDATE settings SET value = value + 1 WHERE key = 'revision'")
    seal(db)


def now() -> str:
    """The present moment, ISO 8601 in UTC, to the second."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
