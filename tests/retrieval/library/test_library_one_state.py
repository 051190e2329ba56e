"""Within `Library.snapshot` a thread reads one state, whatever others write and search meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from retrieval.errors import LibraryError
from retrieval.library import Library
from tests.retrieval.library.library_samples import evidence, put, unit, video_id

QUERY = unit(32, seed=5)
Found = tuple[set[str], set[str], list[str]]


def look(library: Library) -> Found:
    """The videos that words find, those that vectors find, and those that there are."""
    words = library.search_words("title", "标题", limit=100)
    clips = library.search_clips(QUERY, limit=1000)
    return {hit.video_id for hit in words}, {hit.video_id for hit in clips}, library.video_ids()


def elsewhere(act: Callable[[], object]) -> None:
    """Do it in another thread."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(act).result()


def change(library: Library) -> None:
    library.remove(video_id("a"))
    put(library, "d")
    library.compact()
    look(library)           # so that what is kept in memory is of the new state


@pytest.mark.parametrize("folded", [False, True])
def test_what_is_written_and_searched_by_others_is_not_seen_before_the_end(tmp_path: Path, folded: bool) -> None:
    with Library.open(tmp_path, write=True, create=True) as library:
        for name in "abc":
            put(library, name)
        if folded:
            library.compact()
        before = look(library)
        with library.snapshot():
            elsewhere(lambda: change(library))
            assert look(library) == before
            assert library.titles([video_id("a")])
        after = look(library)
    assert before[0] == before[1] == set(before[2]) == {video_id(name) for name in "abc"}
    assert after[0] == after[1] == set(after[2]) == {video_id(name) for name in "bcd"}


def test_a_state_that_was_not_looked_at_at_its_beginning_is_found_all_the_same(tmp_path: Path) -> None:
    with Library.open(tmp_path, write=True, create=True) as library:
        put(library, "a")
        with library.snapshot():
            elsewhere(lambda: change(library))
            assert look(library) == ({video_id("a")}, {video_id("a")}, [video_id("a")])


def test_others_see_the_newest_state_while_one_reads_an_older_one(tmp_path: Path) -> None:
    with Library.open(tmp_path, write=True, create=True) as library:
        put(library, "a")
        with library.snapshot():
            put(library, "b")
            with ThreadPoolExecutor(1) as pool:
                assert pool.submit(library.video_ids).result() == [video_id("a"), video_id("b")]
            with library.snapshot():
                assert library.video_ids() == [video_id("a")]
            assert library.video_ids() == [video_id("a")]
        assert library.video_ids() == [video_id("a"), video_id("b")]


def test_an_error_within_ends_the_snapshot(tmp_path: Path) -> None:
    with Library.open(tmp_path, write=True, create=True) as library:
        put(library, "a")
        with library.snapshot():
            put(library, "b", evidence=[evidence("asr", "雨")])
            with pytest.raises(ValueError, match="shape"):
                library.search_clips(unit(7), limit=5)
        with pytest.raises(RuntimeError), library.snapshot():
            raise RuntimeError
        assert [hit.text for hit in library.search_words("asr", "雨", limit=5)] == ["雨"]


def test_an_error_of_the_caller_leaves_a_snapshot_as_it_is(tmp_path: Path) -> None:
    """A file of a model that cannot be read is no fault of the library."""
    Library.open(tmp_path, create=True).close()
    with Library.open(tmp_path) as library, pytest.raises(PermissionError, match="model"), library.snapshot():
        raise PermissionError(13, "model")


def test_frames_that_a_later_writer_cut_off_are_no_damage(tmp_path: Path) -> None:
    with Library.open(tmp_path, write=True, create=True) as library:
        for name in "ab":
            put(library, name)
    with Library.open(tmp_path) as reader, reader.snapshot():
        clips = {name: [clip.id for clip in reader.clips(video_id(name))] for name in "ab"}
        with Library.open(tmp_path, write=True) as library:
            library.remove(video_id("b"))
        Library.open(tmp_path, write=True).close()      # cuts off what no row names
        assert sorted(reader.frame_vectors([*clips["a"], *clips["b"]])) == clips["a"]
        assert reader.check() == []


def test_indexes_that_are_made_within_a_snapshot_stay(tmp_path: Path) -> None:
    with Library.open(tmp_path, write=True, create=True) as library:
        put(library, "a")
        with library.snapshot():
            put(library, "b")
            (built,) = library.compact()
            assert built.rows == 4
            library.rebuild()
        assert library.check() == []
        assert look(library)[1] == {video_id("a"), video_id("b")}


def test_a_library_that_is_closed_within_a_snapshot_says_so(tmp_path: Path) -> None:
    library = Library.open(tmp_path, write=True, create=True)
    with library.snapshot():
        library.close()
        with pytest.raises(LibraryError, match="is closed"):
            library.video_ids()
    with pytest.raises(LibraryError, match="is closed"), library.snapshot():
        pass
