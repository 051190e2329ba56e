"""A reader that stays open reads what there is after a restore, a rebuild and a fold: the old state or the new, no mix."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from library_samples import DIMENSION, GENERATION, clips, evidence, location, put, unit, video_id
from test_library_snapshot import contents, filled

from retrieval.errors import LibraryError
from retrieval.library import Library, VideoFilter, snapshots
from retrieval.library.segments import Merger
from retrieval.library.segments.building import Sizes
from retrieval.library.vector_kinds import CLIPS


def answers(library: Library) -> list[object]:
    """What a reader says, by every way that keeps something between two calls."""
    hits = library.search_clips(unit(DIMENSION), limit=999)
    long = library.search_clips(unit(DIMENSION), limit=999, where=VideoFilter(paths=("/videos",)))
    words = library.search_words("asr", "小狗", limit=999)
    return [
        [(hit.video_id, hit.start_ms, round(hit.score, 4)) for hit in hits],
        [(hit.video_id, hit.start_ms) for hit in long],
        sorted((hit.video_id, hit.text) for hit in words),
        sorted(library.frame_vectors([hit.clip_id for hit in hits])),
        library.locations(), library.status().revision, library.generation(),
    ]  # fmt: skip


def fresh(directory: Path) -> list[object]:
    with Library.open(directory) as library:
        return answers(library)


def changed(directory: Path, *, fold: bool = True) -> None:
    """Rows removed, replaced, added and, with `fold`, folded in since `filled`."""
    with Library.open(directory, write=True) as library:
        library.remove(video_id("a"))
        put(library, "b", clips=clips(1, seed=99), evidence=[evidence("asr", "小狗 二")])
        put(library, "d", evidence=[evidence("asr", "小狗 四")])
        if fold:
            library.compact()
        put(library, "e", "/elsewhere/e.mp4", evidence=[evidence("asr", "小狗 五")])
        library.remove(video_id("c"))


@pytest.mark.parametrize("fold", [False, True])
@pytest.mark.parametrize("noise", [False, True])
def test_an_open_reader_follows_a_restore(tmp_path: Path, noise: bool, fold: bool) -> None:
    directory = filled(tmp_path / "library")
    wanted = contents(directory)
    snapshot = snapshots.take(directory, tmp_path / "snapshot")
    changed(directory, fold=fold)
    with Library.open(directory) as reader:
        before = answers(reader)
        if noise:
            (directory / "library.sqlite").write_bytes(b"noise" * 5000)
        snapshots.restore(snapshot, directory)
        assert contents(directory) == wanted
        assert answers(reader) == fresh(directory) != before
        changed(directory)
        assert answers(reader) == fresh(directory)


@pytest.mark.parametrize("moved", [False, True])
def test_an_open_reader_follows_a_copy_that_was_put_back_by_hand(tmp_path: Path, moved: bool) -> None:
    """Which has the identity of what it replaces, and gives its revisions and numbers again for something else."""
    directory = filled(tmp_path / "library")
    shutil.copytree(directory, tmp_path / "copy")
    with Library.open(directory, write=True) as library:
        put(library, "x", evidence=[evidence("asr", "小狗 六")])
    with Library.open(directory) as reader:
        for _ in range(3):          # so that it keeps rows in memory
            before = answers(reader)
        if moved:
            directory.rename(tmp_path / "away")
        else:
            shutil.rmtree(directory)
        shutil.copytree(tmp_path / "copy", directory)
        with Library.open(directory, write=True) as library:
            put(library, "y", evidence=[evidence("asr", "小狗 七")])
        assert answers(reader) == fresh(directory) != before


def test_the_same_revision_of_another_library_is_not_taken_for_the_same(tmp_path: Path) -> None:
    """Where the replaced database cannot be read, its revisions are given again."""
    directory = filled(tmp_path / "library")
    snapshot = snapshots.take(directory, tmp_path / "snapshot")
    with Library.open(directory, write=True) as library:
        put(library, "a", clips=clips(2, seed=50))
    with Library.open(directory) as reader:
        before = answers(reader)
        (directory / "library.sqlite").write_bytes(b"")
        snapshots.restore(snapshot, directory)
        assert reader.status().revision == snapshot.revision + 1
        assert answers(reader) == fresh(directory) != before


def test_answers_during_restores_are_of_one_state(tmp_path: Path) -> None:
    directory, other = filled(tmp_path / "library"), filled(tmp_path / "other", "cdefg")
    taken = [snapshots.take(place, tmp_path / f"of {place.name}") for place in (other, directory)]
    allowed = [{hit[0] for hit in fresh(place)[0]} for place in (directory, other)]     # type: ignore[attr-defined]
    seen: list[set[str]] = []
    stop = threading.Event()

    def read() -> None:
        with Library.open(directory) as reader:
            while not stop.is_set():
                seen.append({hit.video_id for hit in reader.search_clips(unit(DIMENSION), limit=999)})

    reading = threading.Thread(target=read)
    reading.start()
    for snapshot in taken * 4:
        snapshots.restore(snapshot, directory)
    stop.set()
    reading.join()
    assert all(state in allowed for state in seen)
    assert all(state in seen for state in allowed)


@pytest.mark.parametrize("change", [Library.rebuild, Library.compact])
def test_an_open_reader_follows_what_is_made_anew(tmp_path: Path, change: Callable[[Library], object]) -> None:
    directory = filled(tmp_path / "library")
    changed(directory)
    with Library.open(directory) as reader:
        before = answers(reader)
        with Library.open(directory, write=True) as library:
            library._merger = Merger(library._database, sizes=Sizes(inverted_from=2))
            put(library, "f", evidence=[evidence("asr", "小狗 六")], clips=clips(60, seed=6))
            between = answers(reader)
            change(library)
            assert answers(reader)[:5] == between[:5] == answers(library)[:5]
            library.put_location(video_id("f"), location("/elsewhere/f.mp4"), location_evidence=[])
            library.remove("/videos/f.mp4")
            assert answers(reader) == answers(library) != before
            library.remove(video_id("f"))
            assert answers(reader)[0] == before[0]


def test_a_reader_uses_an_index_again_that_was_made_again(tmp_path: Path) -> None:
    """The file made anew of the same rows has the same name as the damaged one."""
    directory = filled(tmp_path / "library")
    with Library.open(directory, write=True) as library:
        library.compact()
    (file,) = (directory / "segments").glob("*.segment")
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]) if whole[-1:] != b"\0" else whole[:100] + b"x" + whole[101:])
    with Library.open(directory) as reader:
        before = answers(reader)
        assert reader._embedded.index(CLIPS).damaged
        with Library.open(directory, write=True) as library:
            library.rebuild()
            assert library.check() == []
        assert answers(reader)[0] == before[0]
        assert reader._embedded.index(CLIPS).damaged == {}


def test_a_reader_says_that_its_library_is_gone(tmp_path: Path) -> None:
    directory = filled(tmp_path / "library")
    with Library.open(directory) as reader:
        assert reader.generation() == GENERATION
        (directory / "library.sqlite").unlink()
        with pytest.raises(LibraryError, match="cannot be used"):
            reader.generation()
