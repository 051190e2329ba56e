"""What everybody who searches the vectors of a library must do alike: the library itself, Qdrant and Milvus.

    pip install 'wenshi[qdrant,milvus]' and pytest this file; WENSHI_QDRANT_URL and WENSHI_MILVUS_URL name servers to try.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from retrieval.errors import BackendError
from retrieval.library import Library, VideoFilter
from retrieval.library.backends import milvus, payloads, pushing, qdrant, stored
from retrieval.records import Clip, Location, Meanings
from tests.retrieval.library.library_samples import (
    DIMENSION,
    GENERATION,
    OTHER_GENERATION,
    clips,
    evidence,
    location,
    put,
    unit,
    video,
    video_id,
)
from tests.retrieval.library.vector_backends import EMBEDDED, STORES, Backend

VIDEOS = 150
FIRST_DAY = date(2024, 1, 1)
every_backend = pytest.mark.parametrize("backend", [EMBEDDED, *STORES], indirect=True, scope="module")
every_store = pytest.mark.parametrize("backend", STORES, indirect=True, scope="module")


@dataclass(frozen=True)
class Row:
    """What was put, for the plain truth."""

    number: int
    path: str
    tags: tuple[str, ...]
    duration_ms: int
    day: date
    vectors: np.ndarray


def row(number: int) -> Row:
    tags = tuple(tag for every, tag in ((2, "双"), (10, "TEN"), (75, "l'été \"x\"\\")) if number % every == 0)
    folder = "甲" if number % 3 else "b'\"%_"
    return Row(
        number, f"/v/{folder}/{number % 7}/{number}.mp4", tags, 1000 * (1 + number), FIRST_DAY + timedelta(days=number),
        unit(2, DIMENSION, seed=number),
    )  # fmt: skip


def put_row(library: Library, made: Row) -> None:
    of_row = [
        Clip(start_ms=i, end_ms=i + 1, keyframe_ms=i, frame_times_ms=(i,), vector=vector)
        for i, vector in enumerate(made.vectors)
    ]
    stamp = int(datetime(made.day.year, made.day.month, made.day.day, 12).timestamp() * 1e9)
    library.put(
        video(made.number, duration_ms=made.duration_ms),
        Location(path=made.path, size_bytes=1, modified_ns=stamp),
        evidence=[], location_evidence=[evidence("tag", tag) for tag in made.tags], clips=of_row,
        generation=GENERATION, examined={},
    )  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A library of 150 videos with two clips each."""
    directory = tmp_path_factory.mktemp("made") / "library"
    with Library.open(directory, write=True, create=True) as library:
        for number in range(VIDEOS):
            put_row(library, row(number))
    return directory


@pytest.fixture(scope="module")
def backend(request) -> Backend:
    return request.param


class Searched:
    """A library, and what searches its vectors."""

    def __init__(self, backend: Backend, folder: Path, *, copy: str) -> None:
        self.backend, self.folder, self.copy = backend, folder, copy
        self.open()

    def open(self) -> None:
        self.library = Library.open(self.folder / "library", write=True, create=True)
        self.store = self.backend.open(self.folder)
        if self.store is not None:
            self.library.search_vectors_in(self.store, name=self.copy)

    def reopen(self) -> None:
        self.library.close()
        self.open()

    def push(self) -> list[pushing.Pushed]:
        return [] if self.store is None else self.library.push_vectors(self.store, name=self.copy)

    def nearest(self, vector, limit=20, **wanted) -> list[str]:
        where = VideoFilter(**wanted) if wanted else None
        return [f"{hit.video_id}@{hit.start_ms}" for hit in self.library.search_clips(vector, limit=limit, where=where)]

    def close(self) -> None:
        if self.store is not None:
            for space in self.store.spaces():       # a server outlives the test
                if space.startswith(f"wenshi_{self.copy}_"):
                    self.store.drop(space)
        self.library.close()


def space_of(searched: Searched) -> str:
    """The only space of a library with one generation."""
    (space,) = spaces_of_clips(searched)
    return space


def spaces_of_clips(searched: Searched) -> list[str]:
    return [space for space in searched.store.spaces() if space.startswith(f"wenshi_{searched.copy}_clip_")]


def copy_name(folder: Path) -> str:
    return f"test{abs(hash(str(folder))):x}"


@pytest.fixture
def searched(backend, tmp_path, monkeypatch):
    monkeypatch.setattr(pushing, "BATCH", 64)
    opened = Searched(backend, tmp_path, copy=copy_name(tmp_path))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def full(backend, made, tmp_path_factory):
    """The library of 150 videos, sent to the store; for tests that change nothing."""
    folder = tmp_path_factory.mktemp(backend.name)
    shutil.copytree(made, folder / "library")
    opened = Searched(backend, folder, copy=copy_name(folder))
    opened.push()
    yield opened
    opened.close()


def truth(vector, limit=20, *, among=lambda made: True) -> list[str]:
    scored = [
        (-float(np.asarray(stored, np.float16).astype(np.float32) @ vector), f"{video_id(made.number)}@{i}")
        for made in map(row, range(VIDEOS))
        if among(made)
        for i, stored in enumerate(made.vectors)
    ]
    return [name for _, name in sorted(scored)[:limit]]


def agree(backend: Backend, found: list[str], wanted: list[str]) -> bool:
    """The same rows in the same order; of a server's graph 95 % of them."""
    if backend.is_exact:
        return found == wanted
    return len(found) == len(wanted) and len(set(found) & set(wanted)) >= 0.95 * len(wanted)


@every_backend
def test_the_nearest_clips_are_those_of_brute_force_with_their_cosines(full):
    for seed in range(5):
        vector = unit(DIMENSION, seed=10_000 + seed)
        assert agree(full.backend, full.nearest(vector), truth(vector))
    hit = full.library.search_clips(3 * row(7).vectors[1], limit=1)[0]
    assert (hit.video_id, hit.start_ms) == (video_id(7), 1)
    assert hit.score == pytest.approx(1, abs=1e-3)


@every_backend
def test_more_than_a_store_answers_at_once_is_asked_for_as_far_as_it_goes(full):
    found = full.nearest(unit(DIMENSION, seed=3), limit=1000)
    deepest = 2 * VIDEOS if full.store is None else full.store.deepest
    assert len(found) == min(2 * VIDEOS, deepest)


FILTERS = {
    "the folder of all": ({"paths": ("/",)}, lambda made: True),
    "a folder": ({"paths": ("/v/甲",)}, lambda made: made.number % 3 != 0),
    "a folder with signs": ({"paths": ("/v/b'\"%_/",)}, lambda made: made.number % 3 == 0),
    "a file or a folder": (
        {"paths": (row(5).path, "/v/甲/4")}, lambda made: made.number == 5 or (made.number % 3 != 0 and made.number % 7 == 4),
    ),
    "a pattern": ({"paths": ("*/2/*",)}, lambda made: made.number % 7 == 2),
    "a tag": ({"tags": ("雙",)}, lambda made: made.number % 2 == 0),
    "two tags": ({"tags": ("双", "ten")}, lambda made: made.number % 10 == 0),
    "a rare tag": ({"tags": ("L'ÉTÉ \"x\"\\",)}, lambda made: made.number % 75 == 0),
    "a length": ({"shortest_ms": 10_000, "longest_ms": 40_000}, lambda made: 10_000 <= made.duration_ms <= 40_000),
    "days": (
        {"since": date(2024, 2, 1), "until": date(2024, 2, 29)},
        lambda made: date(2024, 2, 1) <= made.day <= date(2024, 2, 29),
    ),
    "days until": ({"until": date(2024, 1, 2)}, lambda made: made.day <= date(2024, 1, 2)),
    "ids": ({"videos": frozenset(map(video_id, range(0, 60, 4)))}, lambda made: made.number in range(0, 60, 4)),
    "one id": ({"videos": frozenset([video_id(9)])}, lambda made: made.number == 9),
    "no id": ({"videos": frozenset()}, lambda made: False),
    "a tag, a folder and a length": (
        {"tags": ("双",), "paths": ("/v/甲",), "longest_ms": 100_000},
        lambda made: made.number % 2 == 0 and made.number % 3 != 0 and made.duration_ms <= 100_000,
    ),
    "ids and a tag": (
        {"videos": frozenset(map(video_id, range(30))), "tags": ("双",)}, lambda made: made.number < 30 and made.number % 2 == 0,
    ),
}  # fmt: skip


@every_backend
@pytest.mark.parametrize("few", [0, payloads.FEW_VIDEOS], ids=["by-what-is-said", "by-number"])
def test_a_filter_finds_the_nearest_of_what_it_lets_through(full, few, monkeypatch):
    """Whether the store is told what is asked for, or the numbers of the videos that it selects."""
    monkeypatch.setattr(payloads, "FEW_VIDEOS", few)
    vector = unit(DIMENSION, seed=77)
    for name, (wanted, among) in FILTERS.items():
        assert agree(full.backend, full.nearest(vector, **wanted), truth(vector, among=among)), name


@every_backend
def test_a_set_of_ten_thousand_ids_is_a_filter_like_any_other(full):
    wanted = frozenset(map(video_id, range(50, 10_050)))
    vector = unit(DIMENSION, seed=5)
    assert agree(full.backend, full.nearest(vector, videos=wanted), truth(vector, among=lambda made: made.number >= 50))


@every_store
def test_a_store_itself_lets_through_what_is_asked_for_and_nothing_else(full, monkeypatch):
    """Without this a store that ignored a filter would only be slow: the library looks over what it says."""
    monkeypatch.setattr(payloads, "FEW_VIDEOS", 0)
    for name, (wanted, among) in FILTERS.items():
        where = VideoFilter(**wanted)
        selected = np.array([False] + [among(row(number)) for number in range(VIDEOS)])     # videos count from 1
        if not selected.any():
            continue                    # the store is not asked
        condition = payloads.condition_of(where, selected)
        found = full.store.search(space_of(full), unit(DIMENSION), limit=2 * VIDEOS, condition=condition)
        let_through = [1 + number for number in range(VIDEOS) if any(map(among, a_day_around(row(number))))]
        assert sorted(number for number, _ in found) == [2 * video + clip for video in let_through for clip in (-1, 0)], name


def a_day_around(made: Row) -> list[Row]:
    """A video as it may look from another time zone: a store does not know where it is asked from."""
    return [replace(made, day=made.day + timedelta(days=days)) for days in (-1, 0, 1)]


@every_store
def test_a_store_knows_how_many_rows_it_holds_and_which_is_the_newest(full):
    assert full.store.count(space_of(full)) == full.store.newest(space_of(full)) == 2 * VIDEOS


@every_store
def test_a_store_is_told_ten_thousand_numbers_in_one_question(full):
    condition = payloads.Condition(any_of=(("video", tuple(range(101, 10_101))),))       # videos count from 1
    found = full.store.search(space_of(full), unit(DIMENSION, seed=6), limit=40, condition=condition)
    assert len(found) == 40
    assert min(number for number, _ in found) > 200        # two clips a video


@every_backend
def test_an_empty_library_answers_with_nothing(searched):
    assert searched.push() == []
    assert searched.nearest(unit(DIMENSION)) == []


@every_backend
def test_a_video_put_again_is_found_by_its_new_vectors_only(searched):
    put(searched.library, "a", clips=clips(2, seed=1))
    put(searched.library, "b", clips=clips(2, seed=2))
    searched.push()
    put(searched.library, "a", clips=clips(2, seed=3))
    searched.push()
    old, new = clips(1, seed=1)[0].vector, clips(1, seed=3)[0].vector
    assert len(searched.nearest(old)) == 4
    assert searched.library.search_clips(old, limit=1)[0].score < 0.99
    assert searched.library.search_clips(new, limit=1)[0].score > 0.99


@every_backend
def test_what_was_written_or_removed_since_the_copy_was_made_is_found_or_gone_at_once(searched):
    for name in "abc":
        put(searched.library, name, clips=clips(2, seed=ord(name)))
    searched.push()
    searched.nearest(unit(DIMENSION))
    searched.library.remove(video_id("b"))
    put(searched.library, "d", clips=clips(2, seed=ord("d")))
    put(searched.library, "e", clips=clips(2, seed=ord("e")))
    searched.library.remove(video_id("e"))
    found = searched.library.search_clips(clips(1, seed=ord("d"))[0].vector, limit=20)
    assert found[0].video_id == video_id("d")
    assert {hit.video_id for hit in found} == {video_id(name) for name in "acd"}
    assert len(found) == 6


@every_backend
def test_everything_is_found_after_reopening(searched):
    for name in "ab":
        put(searched.library, name)
    searched.push()
    before = searched.nearest(unit(DIMENSION, seed=4))
    searched.reopen()
    assert searched.nearest(unit(DIMENSION, seed=4)) == before
    assert len(before) == 4
    assert sum(part.written for part in searched.push()) == 0


@every_backend
def test_two_generations_lie_beside_each_other(searched):
    put(searched.library, "a")
    put(searched.library, "a", clips=clips(2, seed=int(video_id("a")[:6], 16), dimension=16), generation=OTHER_GENERATION)
    put(searched.library, "b")
    searched.push()
    assert len(searched.nearest(unit(DIMENSION))) == 4
    searched.library.activate(OTHER_GENERATION)
    assert len(searched.nearest(unit(16))) == 2
    searched.library.activate(GENERATION)
    assert len(searched.nearest(unit(DIMENSION))) == 4


@every_backend
def test_texts_are_found_by_their_vectors(searched):
    vectors = {"一只狗": unit(DIMENSION, seed=1), "一只猫": unit(DIMENSION, seed=2)}
    for name, text in zip("ab", vectors, strict=True):
        put(
            searched.library, name, location_evidence=[evidence("title", text)],
            meanings=Meanings(generation=GENERATION, vectors=vectors),
        )  # fmt: skip
    searched.push()
    assert [hit.text for hit in searched.library.search_texts(vectors["一只猫"], limit=2)] == ["一只猫", "一只狗"]


@every_store
def test_a_second_push_sends_only_what_changed_and_deletes_what_is_gone(searched):
    for name in "abc":
        put(searched.library, name)
    assert [(part.rows, part.held, part.written) for part in searched.push()] == [(6, 6, 6)]
    searched.library.remove(video_id("b"))
    searched.library.put_location(
        video_id("c"), location("/videos/c.mp4"), location_evidence=[evidence("tag", "新")]
    )
    (part,) = searched.push()
    assert (part.rows, part.held, part.written, part.deleted) == (4, 4, 2, 2)
    (part,) = searched.push()
    assert (part.held, part.written, part.deleted) == (4, 0, 0)


@every_store
def test_a_new_tag_is_asked_of_the_store_after_the_next_push(searched, monkeypatch):
    monkeypatch.setattr(payloads, "FEW_VIDEOS", 0)
    for name in "ab":
        put(searched.library, name)
    searched.push()
    searched.library.put_location(video_id("a"), location("/videos/a.mp4"), location_evidence=[evidence("tag", "新")])
    searched.push()
    assert len(searched.nearest(unit(DIMENSION), tags=("新",))) == 2


@every_store
def test_a_space_that_was_emptied_behind_our_back_is_filled_again(searched, monkeypatch):
    put(searched.library, "a")
    searched.push()
    assert len(searched.nearest(unit(DIMENSION))) == 2
    searched.store.drop(space_of(searched))
    with pytest.raises(BackendError):
        searched.nearest(unit(DIMENSION))
    searched.push()
    monkeypatch.setattr(stored, "monotonic", lambda: 1e9)
    assert len(searched.nearest(unit(DIMENSION))) == 2


@every_store
def test_the_space_of_a_generation_that_is_gone_is_dropped(searched):
    put(searched.library, "a", clips=clips(2, dimension=16), generation=OTHER_GENERATION)
    searched.push()
    put(searched.library, "b")
    searched.library.remove(video_id("a"))
    (part,) = searched.push()
    assert part.generation == GENERATION
    assert spaces_of_clips(searched) == [part.space]


@every_store
def test_the_copy_of_another_library_is_replaced_only_where_that_is_asked_for(searched, tmp_path):
    put(searched.library, "a")
    put(searched.library, "b", clips=clips(2, dimension=16), generation=OTHER_GENERATION)
    searched.push()
    with Library.open(tmp_path / "other", write=True, create=True) as other:
        put(other, "c")
        with pytest.raises(BackendError, match="holds the copy of another library under this name"):
            other.push_vectors(searched.store, name=searched.copy)
        assert len(searched.nearest(row(7).vectors[0])) == 2        # nothing was touched
        assert [part.written for part in searched.push()] == [0, 0]
        (part,) = other.push_vectors(searched.store, name=searched.copy, replace=True)
        assert (part.rows, part.held) == (2, 2)
        assert spaces_of_clips(searched) == [part.space]            # the generation that the other lacks went
        assert [part.written for part in other.push_vectors(searched.store, name=searched.copy)] == [0]
        searched.reopen()
        with pytest.raises(BackendError, match="holds the copy of another library under this name"):
            searched.nearest(row(7).vectors[0])
    with pytest.raises(BackendError, match="another library"):
        searched.push()


_KILLED = """
import os, signal, sys
from pathlib import Path
from retrieval.library import Library
from retrieval.library.backends import pushing
from tests.retrieval.library import vector_backends

name, folder, copy = sys.argv[1:]
pushing.BATCH = 64
backend = next(param.values[0] for param in vector_backends.STORES if param.values[0].name == name)
store = backend.open(Path(folder))
send, sent = store.upsert, []

def upsert(space, points):
    if len(sent) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    sent.append(send(space, points))

store.upsert = upsert
with Library.open(Path(folder) / "library") as library:
    library.push_vectors(store, name=copy)
"""


@every_store
def test_a_push_goes_on_after_a_kill_and_brings_nothing_back(backend, made, tmp_path, monkeypatch):
    if not backend.outlives_a_process:
        pytest.skip("lives in the memory of one process")
    shutil.copytree(made, tmp_path / "library")
    copy = copy_name(tmp_path)
    ended = subprocess.run([sys.executable, "-c", _KILLED, backend.name, tmp_path, copy], check=False, timeout=120)
    assert ended.returncode == -signal.SIGKILL
    monkeypatch.setattr(pushing, "BATCH", 64)
    monkeypatch.setattr(qdrant, "_PAGE", 50)
    monkeypatch.setattr(milvus, "_PAGE", 50)
    searched = Searched(backend, tmp_path, copy=copy)
    for number in range(5):
        searched.library.remove(video_id(number))
    (part,) = searched.push()
    assert (part.rows, part.held, part.deleted) == (290, 290, 10)
    assert part.written == 300 - 128
    vector = unit(DIMENSION, seed=8)
    assert agree(backend, searched.nearest(vector), truth(vector, among=lambda made: made.number >= 5))
    searched.close()
