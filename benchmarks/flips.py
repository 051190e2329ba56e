"""Flip one byte at a time anywhere in a library, and see whether `check` names the damage.

    python -m benchmarks.flips --flips 1000

The library holds everything: videos, evidence of all kinds with segments of the word index, vectors of two generations
and of texts with exact and inverted segments and rows added and deleted since, settings, failures. A flip that `check` does not
name must have changed nothing that is stored: every value of every table is read before and after. Such flips are
counted apart, by where in the file they fell: free space, or bytes of SQLite's own that carry no value.
"""

from __future__ import annotations

import random
import sqlite3
import struct
from collections import Counter
from contextlib import closing
from pathlib import Path

from benchmarks.random_videos import Made
from benchmarks.rounds import Found, arguments, repeated, reported
from retrieval.errors import LibraryError
from retrieval.library import Library, words
from retrieval.library.connections import DATABASE_NAME
from retrieval.library.frames import FOLDER, HEADER_BYTES
from retrieval.library.segments import Merger, building
from retrieval.library.segments.building import Sizes
from retrieval.records import EVIDENCE_KINDS, Clip, Evidence, Generation, Location, Meanings, Video

FIRST = Generation(encoder="tower", revision="1", preprocessing="p", dimension=8)
SECOND = Generation(encoder="tower", revision="2", preprocessing="p", dimension=16)
SENTENCES = Generation(encoder="sentences", revision="1", preprocessing="p", dimension=8)
INVERTED_FROM, ROWS_A_LIST, MOST_FRESH = 100, 8, 30
DATABASE_SHARE = 0.7                    # of the flips; the others are shared by all other files
NAMED, WRONG = "named", "NOT NAMED, and a stored value is another"


def fill(directory: Path, *, videos: int = 40) -> None:
    """A library that holds something of everything."""
    usual = words.MOST_FRESH, building.ROWS_A_LIST
    words.MOST_FRESH, building.ROWS_A_LIST = MOST_FRESH, ROWS_A_LIST
    made = Made(random.Random(5), videos)
    try:
        with Library.open(directory, write=True, create=True) as library:
            library._merger = Merger(library._database, sizes=Sizes(inverted_from=INVERTED_FROM))
            for number in range(videos):
                _put(library, made, number, SECOND if number % 4 == 3 else FIRST)
            kinds = {segment.kind for segment in library.compact()}
            assert kinds == {"exact", "ivf"}
            for number in (1, 3, 5):
                library.remove(f"/videos/{number}.mp4")
            _put(library, made, videos, FIRST)
            library.record_failure("/videos/bad.mp4", kind="corrupt", message="坏", size_bytes=5, modified_ns=6)
            library.set_setting("model", "某 model")
            library.activate(SECOND)
            assert library.check() == []
    finally:
        words.MOST_FRESH, building.ROWS_A_LIST = usual


def _put(library: Library, made: Made, number: int, generation: Generation) -> None:
    evidence = [
        Evidence(kind=kind, text=made.text(12), start_ms=i * 500, end_ms=i * 500 + 400, source="s", confidence=0.5)
        for kind in EVIDENCE_KINDS for i in range(2 if kind != "ocr" else 1 + number % 2)
    ]  # fmt: skip
    clips = [
        Clip(start_ms=i * 1000, end_ms=i * 1000 + 900, keyframe_ms=i * 1000, frame_times_ms=(i * 1000, i * 1000 + 5),
             vector=made.unit(1, generation.dimension)[0], frame_vectors=made.unit(2, generation.dimension))
        for i in range(5)
    ]  # fmt: skip
    video = Video(
        id=f"{number:064x}", size_bytes=10, duration_ms=9000, width=640, height=360, frames_per_second=25.0,
        container="mp4", codec="h264", has_audio=True,
    )  # fmt: skip
    location = Location(path=f"/videos/{number}.mp4", size_bytes=10, modified_ns=number)
    library.put(
        video, location, evidence=evidence, location_evidence=evidence[:1], clips=clips, generation=generation,
        examined={"asr": "whisper"}, meanings=Meanings(
            generation=SENTENCES, vectors={row.text: made.unit(1, SENTENCES.dimension)[0] for row in evidence}
        ),
    )  # fmt: skip


def flip_and_check(directory: Path, file: Path, place: int, mask: int, values: int) -> tuple[str, str]:
    """What became of one flip, with what was said; the byte is put back."""
    with file.open("r+b") as opened:
        opened.seek(place)
        before = opened.read(1)[0]
        opened.seek(place)
        opened.write(bytes([before ^ mask]))
    try:
        said = _said(directory)
        if said:
            return NAMED, said
        if file.parent.name == FOLDER and not _is_named_by_a_row(directory, file, place):
            return "nothing stored was changed: vectors of clips that were removed", ""
        if file.name != DATABASE_NAME or stored_values(directory) != values:
            return WRONG, ""
        return f"nothing stored was changed: {region(file, place)}", ""
    finally:
        with file.open("r+b") as opened:
            opened.seek(place)
            opened.write(bytes([before]))


def _said(directory: Path) -> str:
    """The first problem that `check` names, or why the library could not be opened; "" when all seems well."""
    try:
        with Library.open(directory) as library:
            problems = library.check()
    except LibraryError as error:
        return str(error)
    return f"{problems[0].where}: {problems[0].what}: {problems[0].how_to_mend}" if problems else ""


def _is_named_by_a_row(directory: Path, file: Path, place: int) -> bool:
    """Whether a byte of a file of frame vectors is of its header or of a record that is in use."""
    sql = (
        "SELECT count(*) FROM frame_records JOIN generations ON number = generation "
        "WHERE file = ? AND ? BETWEEN offset AND offset + count * dimension * 2 - 1"
    )
    with closing(sqlite3.connect(directory / DATABASE_NAME)) as db:
        return place < HEADER_BYTES or bool(db.execute(sql, [file.name, place]).fetchone()[0])


def stored_values(directory: Path) -> int:
    """A number made of every value that SQLite reads out of every table, and of what it notes about the file."""
    uri = f"{(directory / DATABASE_NAME).as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(uri, uri=True)) as db:
            db.text_factory = bytes
            pragmas = ("user_version", "application_id", "page_size", "encoding", "auto_vacuum", "journal_mode")
            parts = [repr(db.execute(f"PRAGMA {name}").fetchall()) for name in pragmas]
            names = [name.decode() for (name,) in db.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'"
            )]  # fmt: skip
            for name in ["sqlite_master", *names]:
                parts += sorted(map(repr, db.execute(f"SELECT * FROM {name} NOT INDEXED")))
                parts += [repr(db.execute(f"SELECT count(*) FROM {name}").fetchall())]
            return hash("\n".join(parts))
    except sqlite3.Error as error:
        return hash(str(error))


def region(file: Path, place: int) -> str:
    """What the file format of SQLite keeps at a place: source, https://www.sqlite.org/fileformat2.html."""
    with file.open("rb") as opened:
        head = opened.read(100)
        size = 65536 if head[16:18] == b"\0\1" else struct.unpack(">H", head[16:18])[0]
        opened.seek(place // size * size)
        page = opened.read(size)
    if place < 100:
        return f"byte {place} of the header of the file"
    start, offset = (100 if place < size else 0), place % size
    kind = page[start]
    if kind not in (2, 5, 10, 13):
        return "a page of an overflowing value or a free page"
    cells, content, fragments = struct.unpack(">HHB", page[start + 3 : start + 8])
    pointers = start + (12 if kind in (2, 5) else 8)
    if pointers + 2 * cells <= offset < (content or 65536):
        return "the unused space of a page"
    free = struct.unpack(">H", page[start + 1 : start + 3])[0]
    while free and free + 4 <= size:
        following, length = struct.unpack(">HH", page[free : free + 4])
        if free <= offset < free + length:
            return "a free block of a page" if offset >= free + 4 else "the head of a free block"
        free = following
    if offset < pointers:
        return f"byte {offset - start} of the header of a page"
    return "a fragment between cells" if fragments else "a cell"


def run(directory: Path, *, flips: int, seed: int) -> Found:
    """Flip so many bytes; how many of each outcome, and where each wrong one fell."""
    chance = random.Random(seed)
    fill(directory)
    values = stored_values(directory)
    database = directory / DATABASE_NAME
    others = [path for path in sorted(directory.rglob("*")) if path.is_file() and path != database and path.stat().st_size]
    others = [path for path in others if path.name != "writer.json" and not path.name.startswith(f"{DATABASE_NAME}-")]
    outcomes: Counter[str] = Counter()

    def one_round(_: int) -> list[str]:
        file = database if chance.random() < DATABASE_SHARE else chance.choice(others)
        place, mask = chance.randrange(file.stat().st_size), chance.randrange(1, 256)
        outcome, _ = flip_and_check(directory, file, place, mask, values)
        outcomes[f"{'database' if file == database else file.parent.name}: {outcome}"] += 1
        if outcome != WRONG:
            return []
        return [f"{file.name} at {place} xor {mask}: {region(file, place) if file == database else ''}"]

    wrong = repeated(one_round, rounds=flips)
    assert _said(directory) == ""
    return outcomes, wrong


def main() -> int:
    options = arguments(__doc__, name="flips", default=1000).parse_args()
    return reported(
        lambda scratch: run(scratch / "library", flips=options.flips, seed=options.seed),
        what=f"{options.flips} flips", wrong_are="of stored bytes not named (target: 0)",
    )  # fmt: skip


if __name__ == "__main__":
    raise SystemExit(main())
