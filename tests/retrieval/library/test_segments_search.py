"""Segments against brute force: exact ones, inverted lists, deletes, fresh rows, filters, damage, kills, readers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import library_samples as samples
import numpy as np
import pytest
from numpy.typing import NDArray

from retrieval.library import Library, VideoFilter
from retrieval.library.segments import Merger, building, merging, problems, segment, tables
from retrieval.library.segments.building import Sizes
from retrieval.library.vector_kinds import CLIPS
from retrieval.records import Clip

PER_VIDEO = 50
Rows = NDArray[np.float32]


def clustered(count: int, *, seed: int) -> Rows:
    chance = np.random.default_rng(seed)
    centres = chance.standard_normal((max(1, count // 40), samples.DIMENSION))
    rows = centres[chance.integers(0, len(centres), count)] + 0.4 * chance.standard_normal((count, samples.DIMENSION))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def put(library: Library, name: str, rows: Rows) -> None:
    clips = [
        Clip(start_ms=i * 1000, end_ms=i * 1000 + 900, keyframe_ms=i * 1000, frame_times_ms=(), vector=row,
             frame_vectors=None)
        for i, row in enumerate(rows)
    ]  # fmt: skip
    samples.put(library, name, clips=clips, location_evidence=[])


def stored(library: Library) -> tuple[NDArray[np.str_], NDArray[np.int64], Rows]:
    """Video id and start of every row that is in the library, and the rows, as they are stored."""
    with library._database.reading() as db:
        found = db.execute(
            "SELECT v.id, c.start_ms, x.vector FROM clip_vectors x JOIN clips c ON c.id = x.clip "
            "JOIN videos v ON v.number = c.video"
        ).fetchall()
    vectors = np.frombuffer(b"".join(row[2] for row in found), "<f2").reshape(len(found), -1).astype(np.float32)
    return np.array([row[0] for row in found]), np.array([row[1] for row in found]), vectors


def assert_like_brute_force(library: Library, *, least: float, limit: int = 10, selected: set[str] | None = None) -> None:
    ids, starts, rows = stored(library)
    allowed = np.ones(len(ids), bool) if selected is None else np.isin(ids, sorted(selected))
    where = None if selected is None else VideoFilter(videos=frozenset(selected))
    shares = []
    for query in clustered(30, seed=77):
        scores = np.where(allowed, rows @ query, -np.inf)
        best = np.argsort(-scores, kind="stable")[: min(limit, int(allowed.sum()))]
        hits = library.search_clips(query, limit=limit, where=where)
        assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
        known = {(str(i), int(s)): float(score) for i, s, score in zip(ids, starts, scores, strict=True)}
        for hit in hits:
            assert hit.score == pytest.approx(known[hit.video_id, hit.start_ms], abs=1e-5)
        found = {(hit.video_id, hit.start_ms) for hit in hits}
        shares.append(len(found & {(str(ids[i]), int(starts[i])) for i in best}) / max(1, len(best)))
    assert np.mean(shares) >= least


def segment_files(library: Library) -> list[Path]:
    return sorted((library.directory / "segments").iterdir())


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    directory = tmp_path_factory.mktemp("large") / "library"
    with Library.open(directory, write=True, create=True) as library:
        rows = clustered(6000, seed=1)
        for start in range(0, len(rows), PER_VIDEO):
            put(library, f"video {start}", rows[start : start + PER_VIDEO])
        library._merger = Merger(library._database, sizes=Sizes(inverted_from=1000))
        (built,) = library.compact()
        assert (built.kind, built.rows) == ("ivf", 6000)
        yield library


def test_an_exact_segment_answers_as_brute_force_does(library: Library) -> None:
    for i in range(10):
        put(library, f"video {i}", clustered(PER_VIDEO, seed=i))
    (segment,) = library.compact()
    assert (segment.kind, segment.rows) == ("exact", 500)
    assert_like_brute_force(library, least=1.0)
    put(library, "later", clustered(PER_VIDEO, seed=99))
    library.remove(samples.video_id("video 3"))
    assert_like_brute_force(library, least=1.0)
    assert_like_brute_force(library, least=1.0, selected={samples.video_id(n) for n in ("later", "video 3", "video 4")})


def test_compacting_twice_builds_once_and_leaves_one_file(library: Library) -> None:
    put(library, "a", clustered(PER_VIDEO, seed=1))
    assert len(library.compact()) == 1
    assert library.compact() == []
    library.remove(samples.video_id("a"))
    put(library, "b", clustered(PER_VIDEO, seed=2))
    (segment,) = library.compact()
    assert [file.name for file in segment_files(library)] == [segment.name]


def test_inverted_lists_keep_their_promise(large: Library) -> None:
    with large._database.reading() as db:
        (segment,) = merging.stored_segments(db, CLIPS)
    point = next(p for p in segment.calibration["points"] if p["recall"] == 0.97)
    assert point["reached"]
    assert min(share for name, share in point["measured"].items() if name.endswith("@10")) >= 0.97
    assert_like_brute_force(large, least=0.97)
    assert_like_brute_force(large, least=0.95, limit=100)


@pytest.mark.parametrize("videos", [100, 12, 1])
def test_filters_find_the_nearest_allowed_rows(large: Library, videos: int) -> None:
    chosen = np.random.default_rng(videos).permutation(120)[:videos] * PER_VIDEO
    assert_like_brute_force(large, least=0.95, selected={samples.video_id(f"video {start}") for start in chosen})


@pytest.mark.parametrize("towards", [1.0, -3.0])
def test_filters_that_follow_the_clusters_find_the_nearest_allowed_rows(
    library: Library, monkeypatch: pytest.MonkeyPatch, towards: float
) -> None:
    """As the videos of one folder or tag do; the query is of their kind, or lies on the other side of all rows."""
    for name, value in {"GATHERED_ROWS": 100, "REACHED_ROWS": 50}.items():
        monkeypatch.setattr(segment, name, value)
    rows = clustered(3000, seed=1)
    rows = rows[np.argsort(-rows[:, 0], kind="stable")]
    for start in range(0, len(rows), PER_VIDEO):
        put(library, f"video {start}", rows[start : start + PER_VIDEO])
    library._merger = Merger(library._database, sizes=Sizes(inverted_from=1000))
    library.compact()
    selected = frozenset(samples.video_id(f"video {start}") for start in range(0, 600, PER_VIDEO))
    shares = []
    for query in clustered(30, seed=77):
        query[0] = towards * (abs(query[0]) + 1)
        best = np.sort(rows[:600].astype(np.float16).astype(np.float32) @ (query / np.linalg.norm(query)))[-10]
        hits = library.search_clips(query, limit=10, recall=0.85, where=VideoFilter(videos=selected))
        assert {hit.video_id for hit in hits} <= selected
        shares.append(np.mean([hit.score >= best - 1e-3 for hit in hits]))
    assert np.mean(shares) >= 0.95


@pytest.mark.parametrize("lists", [1, 2, 3])
def test_an_index_of_few_lists_is_built_and_searched(library: Library, monkeypatch: pytest.MonkeyPatch, lists: int) -> None:
    rows = clustered(300, seed=4)
    monkeypatch.setattr(building, "ROWS_A_LIST", 300 // lists)
    for start in range(0, len(rows), PER_VIDEO):
        put(library, f"video {start}", rows[start : start + PER_VIDEO])
    library._merger = Merger(library._database, sizes=Sizes(inverted_from=100))
    (built,) = library.compact()
    assert built.kind == "ivf"
    assert {point["nprobe"] for point in built.calibration["points"]} <= set(range(1, lists + 1))
    assert_like_brute_force(library, least=0.97)


def test_a_reader_sees_fresh_and_deleted_rows_at_once(large: Library) -> None:
    with Library.open(large.directory) as reader:
        assert_like_brute_force(reader, least=0.97)
        put(large, "fresh", clustered(PER_VIDEO, seed=5))
        large.remove(samples.video_id("video 0"))
        large.remove(samples.video_id("video 50"))
        assert_like_brute_force(reader, least=0.97)
        large.remove(samples.video_id("fresh"))
        assert_like_brute_force(reader, least=0.97)
        large.compact()
        assert_like_brute_force(reader, least=0.97)


@pytest.mark.parametrize("step", ["publish", "list_segment", "delete_unlisted"])
def test_a_kill_at_any_step_of_publishing_loses_nothing(
    library: Library, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    put(library, "a", clustered(PER_VIDEO, seed=1))
    library.compact()
    put(library, "b", clustered(PER_VIDEO, seed=2))
    library.remove(samples.video_id("a"))
    owner = {"publish": building.SegmentWriter, "list_segment": tables, "delete_unlisted": building}[step]

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(owner, step, killed)
        with pytest.raises(KeyboardInterrupt):
            library.compact()
    directory = library.directory
    library.close()
    with Library.open(directory, write=True) as again:
        assert_like_brute_force(again, least=1.0)
        again.compact()
        assert_like_brute_force(again, least=1.0)
        assert len(segment_files(again)) == 1


def test_a_flipped_byte_anywhere_is_named_and_never_served(large: Library) -> None:
    large.compact()
    (path,) = segment_files(large)
    whole = path.read_bytes()
    chance = np.random.default_rng(3)
    for place in [0, len(whole) - 1, *chance.integers(0, len(whole), 40).tolist()]:
        damaged = bytearray(whole)
        damaged[place] ^= 1 << int(chance.integers(8))
        path.write_bytes(damaged)
        with large._database.reading() as db:
            (problem,) = problems(db, large.directory)
        assert path.name in problem.where
        assert "damaged between" in problem.what
    with Library.open(large.directory) as reader:
        assert_like_brute_force(reader, least=0.97)
    path.unlink()
    with Library.open(large.directory) as reader:
        assert_like_brute_force(reader, least=1.0)
    large.compact()
    assert_like_brute_force(large, least=0.97)


def test_each_generation_has_its_own_segment(library: Library) -> None:
    put(library, "a", clustered(PER_VIDEO, seed=1))
    clips = samples.clips(3, dimension=16)
    samples.put(library, "b", clips=clips, generation=samples.OTHER_GENERATION)
    assert len(library.compact()) == 2
    assert len(library.search_clips(samples.unit(32), limit=99)) == PER_VIDEO
    library.activate(samples.OTHER_GENERATION)
    assert len(library.search_clips(samples.unit(16), limit=99)) == 3
    library.remove(samples.video_id("b"))
    assert len(library.search_clips(samples.unit(32), limit=99)) == PER_VIDEO


@pytest.mark.parametrize("harm", ["deleted", "cut short", "another head"])
def test_a_file_that_cannot_be_opened_is_made_again_by_the_next_writer(tmp_path: Path, harm: str) -> None:
    with Library.open(tmp_path, write=True, create=True) as library:
        put(library, "a", clustered(PER_VIDEO, seed=1))
        library.compact()
        (file,) = segment_files(library)
    content = file.read_bytes()
    if harm == "deleted":
        file.unlink()
    else:
        file.write_bytes(content[:100] if harm == "cut short" else bytes([content[0] ^ 1]) + content[1:])
    with Library.open(tmp_path, write=True) as library:
        assert_like_brute_force(library, least=1.0)
        put(library, "b", clustered(PER_VIDEO, seed=2))
        library.settle()
        assert [index.rows for index in library.status().indexes] == [2 * PER_VIDEO]
        assert library.check() == []
        assert_like_brute_force(library, least=1.0)


@pytest.mark.parametrize("recall", [0, -0.1, 97, float("nan")])
def test_a_recall_that_is_no_share_is_refused(large: Library, recall: float) -> None:
    with pytest.raises(ValueError, match="recall is a share"):
        large.search_clips(clustered(1, seed=1)[0], limit=1, recall=recall)


def test_an_index_says_whether_it_reaches_what_a_search_asks_for(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    put(library, "a", clustered(2000, seed=1))
    library._merger = Merger(library._database, sizes=Sizes(inverted_from=1000))
    monkeypatch.setattr(building.calibration, "recalled", lambda *_: 0.5)
    library.compact()
    (index,) = library.status().indexes
    assert (index.reached, index.recall) == (False, {"@10": 0.5, "@100": 0.5})
