"""An opened segment: the rows of a generation up to some number, exact or behind an inverted file with refinement.

Sections of an "exact" file: numbers, videos (both in the order of numbers) and a flat fp16 index. Sections of an "ivf"
file: the rows in the order of their lists, with the 8-bit codes that refine the candidates of the product quantizer.
Everything but those codes is verified when the file is opened; of the codes each block is, before it is first read.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval.library.segments import fresh
from retrieval.library.segments.calibration import choose
from retrieval.library.segments.files import SegmentDamage, SegmentFile, segment_path
from retrieval.library.segments.fresh import search_exact, untyped_faiss
from retrieval.library.segments.tables import StoredSegment

EXACT, INVERTED = "exact", "ivf"
_SELECTIONS = 8
GATHERED_ROWS = 16_384              # so many rows are compared by their codes in the time of a few unfiltered searches
REACHED_ROWS = 4096                 # of those allowed, at least, in the lists that are looked at
FILTERED_DEPTH = 3                  # so many times the candidates of an unfiltered search: far rows differ less in score
SCANNED_ROWS = 262_144              # in the lists that are looked at when what is allowed lies away from the query
DEEPEST = 100                       # the limit that a calibration was measured at
Found = tuple[NDArray[np.int64], NDArray[np.float32]]


class Segment:
    """Safe to search from several threads. SegmentDamage, from the constructor or a search, ends its use."""

    def __init__(self, directory: Path, stored: StoredSegment, *, path: Path | None = None) -> None:
        self.stored = stored
        self._selections: deque[tuple[NDArray[np.bool_], NDArray[np.bool_]]] = deque(maxlen=_SELECTIONS)
        self._file = SegmentFile(path or segment_path(directory, stored.name), stored.layout, name=stored.name)
        try:
            self.numbers = self._file.section("numbers", "<i8").astype(np.int64, copy=False)
            self.videos = self._file.section("videos", "<i8").astype(np.int64, copy=False)
            self._index, self._bytes = _read_index(self._file)
            self._lists = _Lists(self._file, self._index, stored) if stored.kind == INVERTED else None
        except (KeyError, ValueError, RuntimeError) as error:
            raise SegmentDamage(stored.name, f"cannot be understood ({error})") from error

    def positions(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Where the rows with these numbers lie in the segment; numbers that it does not hold are left out."""
        order = self._lists.by_number if self._lists else None
        places = _lower_bound(self.numbers, numbers, order)
        places = places[places < len(self.numbers)]
        if order is not None:
            places = order[places].astype(np.int64)
        return places[np.isin(self.numbers[places], numbers)]

    def of_videos(self, selected: NDArray[np.bool_] | None) -> NDArray[np.bool_] | None:
        """Which rows belong to the selected videos [videos.number]; None = all. The last few answers are kept."""
        if selected is None:
            return None
        for known, rows in tuple(self._selections):
            if known is selected:
                return rows
        chosen = fresh.of_videos(self.videos, selected)
        assert chosen is not None
        self._selections.append((selected, chosen))
        return chosen

    def search(
        self,
        query: NDArray[np.float32],
        *,
        limit: int,
        recall: float | None = None,
        allowed: NDArray[np.bool_] | None = None,
    ) -> Found:
        """Numbers and scores of the best rows for a unit query [D] among those that `allowed` [rows] names.

        The scores of an exact segment are those of the fp16 rows, those of an inverted one come from the 8-bit codes.
        """
        if self._lists is None:
            return search_exact(self._index, self.numbers, query, limit=limit, allowed=allowed)
        point = choose(self.stored.calibration, recall)
        return self.search_at(query, limit=limit, nprobe=point.nprobe, k_factor=point.k_factor, allowed=allowed)

    def search_at(
        self,
        query: NDArray[np.float32],
        *,
        limit: int,
        nprobe: int,
        k_factor: int,
        allowed: NDArray[np.bool_] | None = None,
    ) -> Found:
        """The same at a setting of the inverted lists instead of a recall."""
        assert self._lists is not None
        reach = _Reach(nprobe=nprobe, candidates=k_factor * max(limit, DEEPEST))
        places = self._lists.candidates(query, allowed, reach=reach, limit=limit)
        best, scores = self._lists.refined(query, places, limit=limit)
        return self.numbers[best], scores

    def verify(self) -> None:
        """Read every byte; SegmentDamage names the first bad range."""
        self._file.verify()


@dataclass(frozen=True, kw_only=True)
class _Reach:
    """How many lists are looked at for an unfiltered query, and how many rows the product quantizer hands on."""

    nprobe: int
    candidates: int


@dataclass(frozen=True, kw_only=True)
class _Chosen:
    """Allowed rows: how many, how many in each list, as bits, and where they lie when they are few."""

    total: int
    within: NDArray[np.int64]
    bits: NDArray[np.uint8]
    places: NDArray[np.int64]


@dataclass(frozen=True)
class _Scratch:
    """A flat 8-bit index of one thread, filled with the rows to be compared and emptied again."""

    index: Any


class _Lists:
    """The inverted lists of a segment: which rows may be near, and how near they are by their 8-bit codes."""

    def __init__(self, file: SegmentFile, index: Any, stored: StoredSegment) -> None:
        self._file, self._index = file, index
        self._dimension = stored.dimension
        self._starts = file.section("starts", "<i8").astype(np.int64)
        self.by_number = file.section("by_number", "<i4")
        self._trained = file.section("scale", "<f4").copy()
        self._codes = file.section("codes", "u1", verify=False).reshape(-1, stored.dimension)
        self._centroids = _centroids(index)
        self._local = threading.local()
        self._filled = np.flatnonzero(np.diff(self._starts))
        self._known: deque[tuple[NDArray[np.bool_], _Chosen]] = deque(maxlen=_SELECTIONS)

    def candidates(
        self, query: NDArray[np.float32], allowed: NDArray[np.bool_] | None, *, reach: _Reach, limit: int
    ) -> NDArray[np.int64]:
        """Positions that may hold the best rows.

        With few allowed rows in reach these are all of them, else the best by the product quantizer.
        """
        deeper = max(1.0, limit / DEEPEST)
        probes = min(len(self._centroids), int(np.ceil(reach.nprobe * deeper**0.5)))
        if allowed is None:
            return self._nearest(query, reach.candidates, probes)
        chosen = self._chosen(allowed)
        if chosen.total <= GATHERED_ROWS:
            return chosen.places
        lists = self._in_reach(query, chosen, probes)
        if chosen.within[lists].sum() > GATHERED_ROWS:
            return self._nearest_in(query, FILTERED_DEPTH * reach.candidates, lists, chosen.bits)
        rows = _ranges(self._starts, lists)
        return rows[allowed[rows]]

    def _in_reach(self, query: NDArray[np.float32], chosen: _Chosen, probes: int) -> NDArray[np.int64]:
        """The lists that are looked at for a filtered query, of those that hold an allowed row the nearest.

        Their number grows with the inverse root of the share that is allowed, and until REACHED_ROWS allowed rows are in
        them. Where less than half as many are allowed near the query as elsewhere, the filter follows the clusters: the
        best rows may then lie in any list that holds some, and as many are looked at as SCANNED_ROWS admits.
        """
        sizes = np.diff(self._starts)
        share = chosen.total / int(self._starts[-1])
        probes = int(np.ceil(probes / share**0.5))
        order = np.argsort(-(self._centroids @ query), kind="stable")
        near = order[:probes]
        away = chosen.within[near].sum() < 0.5 * share * sizes[near].sum()
        order = order[chosen.within[order] > 0]
        if away:
            probes = max(probes, int(np.searchsorted(np.cumsum(sizes[order]), SCANNED_ROWS)))
        return order[: max(probes, int(np.searchsorted(np.cumsum(chosen.within[order]), REACHED_ROWS)) + 1)]

    def _chosen(self, allowed: NDArray[np.bool_]) -> _Chosen:
        """What a search wants to know of allowed rows; of the last few arrays it is kept."""
        for known, chosen in tuple(self._known):
            if known is allowed:
                return chosen
        total = int(np.count_nonzero(allowed))
        within = np.zeros(len(self._centroids), np.int64)
        within[self._filled] = np.add.reduceat(allowed.view(np.uint8), self._starts[self._filled], dtype=np.int64)
        chosen = _Chosen(
            total=total, within=within, bits=np.packbits(allowed, bitorder="little"),
            places=np.flatnonzero(allowed) if total <= GATHERED_ROWS else np.zeros(0, np.int64),
        )  # fmt: skip
        self._known.append((allowed, chosen))
        return chosen

    def refined(self, query: NDArray[np.float32], places: NDArray[np.int64], *, limit: int) -> Found:
        """The best of these positions by their 8-bit codes, and their scores."""
        places = np.sort(places)
        count = min(limit, len(places))
        if count == 0:
            return np.zeros(0, np.int64), np.zeros(0, np.float32)
        self._file.require("codes", places, row_bytes=self._dimension)
        scratch = self._scratch().index
        scratch.reset()
        scratch.add_sa_codes(self._codes[places])
        scores, rows = scratch.search(query[None], count)
        return places[rows[0]], scores[0]

    def _nearest(self, query: NDArray[np.float32], count: int, probes: int) -> NDArray[np.int64]:
        parameters = untyped_faiss().IVFSearchParameters(nprobe=probes)
        _, places = self._index.search(query[None], count, params=parameters)
        return places[0][places[0] >= 0]

    def _nearest_in(
        self, query: NDArray[np.float32], count: int, lists: NDArray[np.int64], bits: NDArray[np.uint8]
    ) -> NDArray[np.int64]:
        faiss = untyped_faiss()
        selector = faiss.IDSelectorBitmap(bits)
        parameters = faiss.IVFSearchParameters(nprobe=len(lists), sel=selector)
        near = self._centroids[lists] @ query
        scores, places = np.empty(count, np.float32), np.empty(count, np.int64)
        arrays = [faiss.swig_ptr(array) for array in (query, lists, near, scores, places)]
        # what FAISS wraps for Python takes no parameters here
        self._index.search_preassigned_c(1, arrays[0], count, *arrays[1:], False, parameters)
        return places[places >= 0]

    def _scratch(self) -> _Scratch:
        if not hasattr(self._local, "scratch"):
            self._local.scratch = _Scratch(eight_bit(self._dimension, self._trained))
        scratch: _Scratch = self._local.scratch
        return scratch


def eight_bit(dimension: int, trained: NDArray[np.float32] | None = None) -> Any:
    """An empty flat index of 8-bit codes, with the ranges of its dimensions when they are known."""
    import faiss

    index = faiss.IndexScalarQuantizer(dimension, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT)
    if trained is not None:
        faiss.copy_array_to_vector(trained, index.sq.trained)
        index.is_trained = True
    return index


def _read_index(file: SegmentFile) -> tuple[Any, NDArray[np.generic]]:
    """The FAISS index over verified bytes; flat codes stay in the file, the rest is copied."""
    faiss = untyped_faiss()
    data = file.section("index", "u1")
    reader = faiss.ZeroCopyIOReader(faiss.swig_ptr(data), len(data))
    return faiss.read_index(reader, faiss.IO_FLAG_MMAP_IFC), data


def _centroids(index: Any) -> NDArray[np.float32]:
    return index.quantizer.reconstruct_n(0, index.nlist)


def _ranges(starts: NDArray[np.int64], lists: NDArray[np.int64]) -> NDArray[np.int64]:
    """The positions of all rows of these lists."""
    sizes = starts[lists + 1] - starts[lists]
    first = np.repeat(starts[lists] - np.concatenate([[0], np.cumsum(sizes)[:-1]]), sizes)
    return first + np.arange(int(sizes.sum()))


def _lower_bound(
    values: NDArray[np.int64], wanted: NDArray[np.int64], order: NDArray[np.generic] | None
) -> NDArray[np.int64]:
    """`np.searchsorted` in `values[order]` that reads only the values it compares."""
    if order is None:
        return np.searchsorted(values, wanted)
    low, high = np.zeros(len(wanted), np.int64), np.full(len(wanted), len(values), np.int64)
    while (open_ := low < high).any():
        middle = (low + high) // 2
        smaller = np.zeros(len(wanted), np.bool_)
        smaller[open_] = values[order[middle[open_]]] < wanted[open_]
        low, high = np.where(open_ & smaller, middle + 1, low), np.where(open_ & ~smaller, middle, high)
    return low
