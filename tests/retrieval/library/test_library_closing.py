"""Closing a library abandons a merge in the background at once, whatever it is at; the next writer begins it anew."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pytest
from library_samples import DIMENSION, put, unit, video_id

from retrieval.errors import LibraryError
from retrieval.library import Library
from retrieval.library.segments import Merger, building, calibration, files, merging
from retrieval.library.segments.building import Sizes
from retrieval.records import Clip

ROWS = 600
AT_MOST_SECONDS = 3.0               # no merge below ends within so short a time


def many(seed: int = 1) -> list[Clip]:
    return [
        Clip(start_ms=i * 100, end_ms=i * 100 + 90, keyframe_ms=i * 100, frame_times_ms=(), vector=row, frame_vectors=None)
        for i, row in enumerate(unit(ROWS, DIMENSION, seed=seed))
    ]


def held_up(patch: pytest.MonkeyPatch, owner: Any, name: str, started: threading.Event) -> None:
    """Each call of a step takes a while longer."""
    usual = getattr(owner, name)

    def slow(*arguments: Any, **options: Any) -> Any:
        started.set()
        time.sleep(0.2)
        return usual(*arguments, **options)

    patch.setattr(owner, name, slow)


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Merges begin early, make inverted lists, and go in many steps."""
    for owner, name, value in (
        (merging, "MOST_FRESH", 100), (building, "_CHUNK", 4), (building, "ROWS_A_LIST", 50), (files, "BLOCK_BYTES", 4096),
    ):  # fmt: skip
        monkeypatch.setattr(owner, name, value)


def of_small_sizes(library: Library) -> Library:
    library._merger = Merger(library._database, sizes=Sizes(inverted_from=100))
    return library


@pytest.mark.usefixtures("small_steps")
@pytest.mark.parametrize(
    ("owner", "step"),
    [(building, "unpack"), (faiss.Clustering, "train"), (faiss.IndexIVFPQFastScan, "add_with_ids"),
     (files, "sync_file"), (calibration, "recalled")],
    ids=["reading", "clustering", "encoding", "checking", "calibrating"],
)  # fmt: skip
def test_a_merge_is_abandoned_on_close_and_begun_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: Any, step: str, caplog: pytest.LogCaptureFixture
) -> None:
    started = threading.Event()
    library = of_small_sizes(Library.open(tmp_path, write=True, create=True))
    with monkeypatch.context() as patch:
        held_up(patch, owner, step, started)
        put(library, "a", clips=many())
        assert started.wait(20)
        began = time.monotonic()
        library.close()
        assert time.monotonic() - began < AT_MOST_SECONDS
    assert list((tmp_path / "segments").iterdir()) == []
    assert caplog.records == []
    with of_small_sizes(Library.open(tmp_path, write=True)) as library:
        assert library.check() == []
        assert library.status().indexes == ()
        put(library, "b")
        library.settle()
        (index,) = library.status().indexes
        assert index.rows == ROWS + 2
        assert library.check() == []
        hit = library.search_clips(unit(ROWS, DIMENSION, seed=1)[7], limit=1)[0]
        assert (hit.video_id, hit.start_ms) == (video_id("a"), 700)


@pytest.mark.usefixtures("small_steps")
def test_folding_in_one_thread_ends_in_a_sentence_when_another_closes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merging, "MOST_FRESH", 10_000)
    started, said = threading.Event(), []
    library = of_small_sizes(Library.open(tmp_path, write=True, create=True))
    put(library, "a", clips=many())
    held_up(monkeypatch, building, "unpack", started)

    def fold() -> None:
        with pytest.raises(LibraryError, match="is closed") as refused:
            library.compact()
        said.append(str(refused.value))

    thread = threading.Thread(target=fold)
    thread.start()
    assert started.wait(20)
    library.close()
    thread.join(AT_MOST_SECONDS)
    assert said


def test_centroids_are_those_that_faiss_finds_by_itself() -> None:
    rows = unit(3000, DIMENSION, seed=3)
    wanted, index = (
        faiss.index_factory(DIMENSION, f"IVF20,PQ{DIMENSION // 8}x4fs", faiss.METRIC_INNER_PRODUCT) for _ in range(2)
    )
    wanted.cp.max_points_per_centroid = 150
    wanted.train(rows)
    np.testing.assert_array_equal(
        building._centroids(index, rows, lambda: None), wanted.quantizer.reconstruct_n(0, wanted.nlist)
    )
