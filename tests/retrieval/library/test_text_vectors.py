"""The vectors of texts: written with their rows, searched as brute force would, kept while a text stays, gone with it."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from library_samples import GENERATION, change_cell, evidence, location, put, unit, video_id
from numpy.typing import NDArray

from retrieval.errors import LibraryError
from retrieval.library import Library, VideoFilter, mending, snapshots
from retrieval.library.segments import Merger
from retrieval.library.segments.building import Sizes
from retrieval.records import Evidence, Generation, Meanings

SENTENCES = Generation(encoder="sentences", revision="1", preprocessing="sentence", dimension=16)
NEWER = Generation(encoder="sentences", revision="2", preprocessing="sentence", dimension=24)


def vector_of(text: str, generation: Generation = SENTENCES) -> NDArray[np.float32]:
    return unit(generation.dimension, seed=zlib.crc32(f"{generation.revision} {text}".encode()))


def meanings(texts: Sequence[str], generation: Generation = SENTENCES) -> Meanings:
    return Meanings(generation=generation, vectors={text: vector_of(text, generation) for text in texts})


def lines(name: object, count: int = 3) -> list[Evidence]:
    return [evidence("asr", f"{name} 的第 {i} 句", start_ms=i * 1000, end_ms=(i + 1) * 1000) for i in range(count)]


def put_said(library: Library, name: object, *, count: int = 3, generation: Generation | None = SENTENCES) -> str:
    """A video with a title, a tag and spoken lines, and the vectors of all but the tag."""
    said = lines(name, count)
    texts = [f"标题 {name}", *(line.text for line in said)]
    return put(
        library, name, evidence=[evidence("tag", "宠物"), *said], location_evidence=[evidence("title", f"标题 {name}")],
        meanings=None if generation is None else meanings(texts, generation),
    )  # fmt: skip


def nearest(library: Library, text: str, generation: Generation = SENTENCES, **how: object) -> list[tuple[str, str]]:
    hits = library.search_texts(vector_of(text, generation), **{"limit": 5, **how})  # type: ignore[arg-type]
    return [(hit.video_id, hit.text) for hit in hits]


def texts_of(directory: Path) -> list[tuple[int, bytes]]:
    db = sqlite3.connect(directory / "library.sqlite")
    try:
        return db.execute("SELECT evidence, vector FROM text_vectors ORDER BY evidence, generation").fetchall()
    finally:
        db.close()


def test_texts_are_found_in_the_order_of_their_cosines_before_and_after_compacting(library: Library) -> None:
    for number in range(20):
        put_said(library, number)
    rows = {
        (video_id(n), text): vector_of(text)
        for n in range(20) for text in [f"标题 {n}", *(line.text for line in lines(n))]
    }  # fmt: skip
    query = unit(16, seed=1)
    expected = sorted(rows, key=lambda row: -float(rows[row] @ query))[:10]
    for _ in range(2):
        hits = library.search_texts(query, limit=10)
        assert [(hit.video_id, hit.text) for hit in hits] == expected
        assert hits[0].score == pytest.approx(float(rows[expected[0]] @ query), abs=2e-3)
        assert {segment.dimension for segment in library.compact()} <= {16, GENERATION.dimension}
    assert {(index.kind, index.rows) for index in library.status().indexes} == {("clip", 40), ("text", 80)}
    assert library.check() == []


def test_a_large_library_of_texts_gets_inverted_lists(library: Library) -> None:
    for number in range(40):
        put_said(library, number, count=50)
    library._merger = Merger(library._database, sizes=Sizes(inverted_from=1000))
    assert {segment.kind for segment in library.compact()} == {"ivf", "exact"}
    text = lines(7, 50)[30].text
    assert nearest(library, text)[0] == (video_id(7), text)
    assert library.check() == []


def test_the_rows_of_a_generation_are_those_of_the_asked_videos_and_of_no_other_generation(library: Library) -> None:
    for name in "ab":
        put_said(library, name)
    put_said(library, "b", generation=NEWER)
    rows, vectors = library.text_rows(SENTENCES, [video_id("b")])
    assert sorted((row.kind, row.text) for row in rows) == [*(("asr", line.text) for line in lines("b")), ("title", "标题 b")]
    assert [row.start_ms for row in rows] == [0, 0, 1000, 2000]
    np.testing.assert_allclose(vectors, [vector_of(row.text) for row in rows], atol=1e-3)
    with pytest.raises(LibraryError, match="holds no vectors of sentences 3"):
        library.text_rows(replace(SENTENCES, revision="3"), [video_id("b")])


def test_a_library_without_such_vectors_has_no_tables_of_them_and_answers_with_nothing(library: Library) -> None:
    put_said(library, "a", generation=None)
    assert library.text_generation() is None
    assert library.search_texts(unit(16), limit=5) == []
    assert library.status().text_generations == ()
    assert library.check() == []
    with library._database.reading() as db:
        assert not db.execute("SELECT 1 FROM sqlite_master WHERE name LIKE 'text_%'").fetchone()


def test_status_counts_the_texts_that_could_have_a_vector(library: Library) -> None:
    put_said(library, "a")
    put(library, "b", evidence=[evidence("ocr", "没有"), evidence("ocr", "　 "), evidence("tag", "宠物")], location_evidence=[])
    (status,) = library.status().text_generations
    assert (status.generation, status.active, status.texts, status.share) == (SENTENCES, True, 4, 0.8)
    assert [text for _, text in library.texts_without_vector(SENTENCES, limit=9)] == ["没有"]


def test_removed_replaced_and_moved_texts_are_not_found_again(library: Library) -> None:
    for name in "abc":
        put_said(library, name)
    library.compact()
    library.remove("/videos/a.mp4")
    put(library, "b", evidence=[], location_evidence=[evidence("title", "新的")], meanings=meanings(["新的"]))
    assert video_id("a") not in {video for video, _ in nearest(library, "标题 a", limit=50)}
    assert [text for video, text in nearest(library, "新的", limit=50) if video == video_id("b")] == ["新的"]
    assert library.check() == []
    library.compact()
    assert len(nearest(library, "新的", limit=50)) == 5
    assert library.check() == []
    for name in "bc":
        library.remove(f"/videos/{name}.mp4")
    assert library.text_generation() is None


def test_a_text_that_stays_keeps_its_vector_without_its_model(library: Library) -> None:
    put_said(library, "a")
    put_said(library, "a", generation=None)
    said = lines("a")
    assert nearest(library, said[1].text)[0] == (video_id("a"), said[1].text)
    titles = [evidence("title", "标题 a"), evidence("title", "又")]
    assert library.put_location(video_id("a"), location("/videos/a.mp4", modified_ns=8), location_evidence=titles)
    assert [text for _, text in library.texts_without_vector(SENTENCES, limit=9)] == ["又"]
    assert library.put_location(
        video_id("a"), location("/videos/a2.mp4"), location_evidence=[evidence("title", "又")], meanings=meanings(["又"])
    )
    assert library.texts_without_vector(SENTENCES, limit=9) == []
    assert library.check() == []


def test_filters_apply_to_texts(library: Library) -> None:
    for name in "abc":
        put_said(library, name)
    library.compact()
    put_said(library, "d")
    only = VideoFilter(videos=frozenset([video_id("b"), video_id("d")]))
    assert {video for video, _ in nearest(library, "标题 a", limit=50, where=only)} == {video_id("b"), video_id("d")}


def test_vectors_can_be_given_later_and_a_new_model_is_built_beside_the_old_one(library: Library) -> None:
    put_said(library, "a", generation=None)
    lacking = library.texts_without_vector(SENTENCES, limit=9)
    assert {text for _, text in lacking} == {"标题 a", *(line.text for line in lines("a"))}
    library.put_text_vectors(SENTENCES, {number: vector_of(text) for number, text in lacking[:2]})
    assert library.texts_without_vector(SENTENCES, limit=9) == lacking[2:]
    library.put_text_vectors(SENTENCES, {number: vector_of(text) for number, text in lacking} | {999: vector_of("x")})
    assert library.status().text_generations[0].share == 1.0
    library.put_text_vectors(NEWER, {number: vector_of(text, NEWER) for number, text in lacking})
    assert library.text_generation() == SENTENCES
    library.activate(NEWER)
    assert library.text_generation() == NEWER
    assert nearest(library, lacking[3][1], NEWER)[0][1] == lacking[3][1]
    assert library.generation() == GENERATION
    assert library.check() == []


def test_vectors_that_are_none_are_refused_before_anything_is_written(library: Library) -> None:
    wrong = Meanings(generation=SENTENCES, vectors={"标题 a": 2 * vector_of("a")})
    with pytest.raises(ValueError, match="unit length"):
        put(library, "a", meanings=wrong)
    assert library.video_ids() == []
    with pytest.raises(ValueError, match="shape"):
        library.put_text_vectors(SENTENCES, {1: unit(3)})


def test_they_are_written_in_the_transaction_of_their_rows(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("retrieval.library.library.generations.drop_unused", lambda db: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        put_said(library, "a")
    assert library.video_ids() == []
    assert library.text_generation() is None


@pytest.mark.parametrize(
    ("sql", "where"),
    [
        ("UPDATE text_vectors SET vector = zeroblob(32) WHERE number = 2", "text_vectors 2"),
        ("UPDATE text_generations SET encoder = 'other'", "text_generations 1"),
    ],
)
def test_a_damaged_row_is_named_and_put_back_from_a_snapshot(tmp_path: Path, sql: str, where: str) -> None:
    directory = tmp_path / "library"
    with Library.open(directory, write=True, create=True) as library:
        put_said(library, "a")
        library.compact()
    snapshot = snapshots.take(directory, tmp_path / "snapshot")
    before = texts_of(directory)
    change_cell(directory, sql)
    with Library.open(directory) as library:
        assert where in [problem.where for problem in library.check()]
    assert mending.mend(snapshot, directory).rows == (where,)
    assert texts_of(directory) == before
    with Library.open(directory) as library:
        assert library.check() == []


def test_a_snapshot_holds_them_and_a_restored_library_finds_them(tmp_path: Path) -> None:
    directory = tmp_path / "library"
    with Library.open(directory, write=True, create=True) as library:
        put_said(library, "a")
        library.compact()
    snapshot = snapshots.take(directory, tmp_path / "snapshot")
    with Library.open(tmp_path / "snapshot") as taken:
        assert taken.check() == []          # it has no files of indexes, so it lists none
    before = texts_of(directory)
    with Library.open(directory, write=True) as library:
        library.remove("/videos/a.mp4")
        put_said(library, "b")
    snapshots.restore(snapshot, directory)
    assert texts_of(directory) == before
    with Library.open(directory, write=True) as library:
        assert nearest(library, "标题 a")[0] == (video_id("a"), "标题 a")
        library.rebuild()
        assert library.check() == []


def test_a_damaged_index_of_texts_is_named_passed_by_and_made_again(tmp_path: Path) -> None:
    directory = tmp_path / "library"
    with Library.open(directory, write=True, create=True) as library:
        put(library, "a", clips=[], generation=None, meanings=meanings(["标题 a"]))
        library.compact()
    (file,) = (directory / "segments").glob("*.segment")
    data = bytearray(file.read_bytes())
    data[10] ^= 1
    file.write_bytes(data)
    with Library.open(directory, write=True) as library:
        assert [problem.where for problem in library.check()] == [f"segments/{file.name}"]
        assert nearest(library, "标题 a") == [(video_id("a"), "标题 a")]
        library.rebuild()
        assert library.check() == []


def test_a_reader_sees_vectors_that_another_opening_writes(tmp_path: Path) -> None:
    with Library.open(tmp_path / "library", write=True, create=True) as writer:
        put_said(writer, "a", generation=None)
        with Library.open(tmp_path / "library") as reader:
            assert nearest(reader, "标题 b") == []
            put_said(writer, "b")
            assert nearest(reader, "标题 b")[0] == (video_id("b"), "标题 b")
            writer.remove("/videos/b.mp4")
            assert nearest(reader, "标题 b") == []
