"""Vectors of several generations beside each other: which rows they are of, and which of them a snapshot searches."""

from __future__ import annotations

from pathlib import Path

import pytest

from retrieval.library import Library
from tests.retrieval.library.library_samples import DIMENSION, GENERATION, OTHER_GENERATION, clips, put, unit

OTHER = OTHER_GENERATION.dimension


def put_other(library: Library, video: str, *, first: int) -> None:
    """Vectors of the other generation for the clips of a video from the one numbered `first` on."""
    numbers = [clip.id for clip in library.clips(video)][first:]
    made = clips(2, seed=7, dimension=OTHER)[first:]
    assert library.put_clip_vectors(OTHER_GENERATION, dict(zip(numbers, made, strict=True))) == len(numbers)


def test_clips_that_lack_a_generation_are_known_until_they_have_it(tmp_path: Path):
    with Library.open(tmp_path, write=True, create=True) as library:
        one, other = put(library, "one"), put(library, "other")
        assert library.videos_lacking(GENERATION) == []
        assert library.videos_lacking(OTHER_GENERATION) == [one, other]
        put_other(library, one, first=1)
        assert [clip.start_ms for clip in library.clips(one, lacking=OTHER_GENERATION)] == [0]
        assert library.videos_lacking(OTHER_GENERATION) == [one, other]
        put_other(library, one, first=0)
        assert library.videos_lacking(OTHER_GENERATION) == [other]
        library.remove(other)
        assert library.put_clip_vectors(OTHER_GENERATION, {99: clips(1, dimension=OTHER)[0]}) == 0
        assert library.videos_lacking(OTHER_GENERATION) == []
        assert library.generation() == GENERATION
        with pytest.raises(ValueError, match="shape"):
            library.put_clip_vectors(OTHER_GENERATION, {1: clips(1, dimension=DIMENSION)[0]})
        assert library.check() == []


@pytest.mark.parametrize("vectors", [True, False])
def test_a_snapshot_searches_the_generation_that_it_names_whichever_is_active(tmp_path: Path, vectors):
    query, other_query = unit(DIMENSION), unit(OTHER)
    with Library.open(tmp_path, write=True, create=True) as library:
        video = put(library, "one")
        put_other(library, video, first=0)
        first = library.search_clips(query, limit=2)
        ids = [clip.id for clip in library.clips(video)]
        frames = library.frame_vectors(ids)
        library.activate(OTHER_GENERATION)
        second = library.search_clips(other_query, limit=2)
        with library.snapshot(vectors=vectors, generations=[GENERATION]):
            assert library.generation() == GENERATION
            assert library.search_clips(query, limit=2) == first
            assert {clip: found[1].tolist() for clip, found in library.frame_vectors(ids).items()} == {
                clip: found[1].tolist() for clip, found in frames.items()
            }
        assert library.search_clips(other_query, limit=2) == second
        with library.snapshot(vectors=vectors):     # one that was asked before
            assert library.search_clips(other_query, limit=2) == second
            with library.snapshot(vectors=vectors, generations=[GENERATION]):
                assert library.search_clips(query, limit=2) == first
        put(library, "one", clips=[], generation=None)      # the first generation goes with its last vector
        put(library, "two", clips=clips(1, dimension=OTHER), generation=OTHER_GENERATION)
        with library.snapshot(vectors=vectors, generations=[GENERATION]):
            assert library.generation() == OTHER_GENERATION
            assert len(library.search_clips(other_query, limit=2)) == 1


@pytest.mark.parametrize("read", [lambda library, ids: library.clip_rows(GENERATION, ids), Library.clip_vectors])
def test_the_vectors_of_a_few_videos_are_read_without_looking_at_all_the_others(tmp_path: Path, read):
    def steps() -> int:
        counted = []
        with library.snapshot(), library._database.reading() as db:
            db.set_progress_handler(lambda: counted.append(1), 10)
            read(library, few)
            db.set_progress_handler(None, 0)
        return len(counted)

    with Library.open(tmp_path, write=True, create=True) as library:
        few = [put(library, name) for name in "abc"]
        before = steps()
        for number in range(60):
            put(library, number)
        assert steps() < 2 * before
