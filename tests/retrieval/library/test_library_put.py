"""What is put into a library is what comes out, also when paths move and contents change."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from library_samples import (
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

from retrieval.errors import InputError, LibraryError
from retrieval.library import Library, evidence_fingerprint
from retrieval.records import Clip, Evidence, Generation


def test_everything_put_is_there_after_reopening(tmp_path: Path) -> None:
    told = clips(2, seed=5)
    with Library.open(tmp_path / "new" / "library", write=True, create=True) as library:
        library.put(
            video("dog", damage="the last 3 s cannot be read"), location("/v/狗.mp4", author="李", year=2024),
            evidence=[evidence("asr", "一只狗", start_ms=100, end_ms=900)],
            location_evidence=[evidence("title", "追球")], clips=told, generation=GENERATION,
            examined={"visual": "tower", "ocr": "rapidocr 3.10.0"},
        )  # fmt: skip
    with Library.open(tmp_path / "new" / "library") as library:
        stored = library.video(video_id("dog"))
        assert stored is not None
        assert stored.video == video("dog", damage="the last 3 s cannot be read")
        assert stored.locations == (location("/v/狗.mp4", author="李", year=2024),)
        assert stored.examined == {"visual": "tower", "ocr": "rapidocr 3.10.0"}
        assert stored.added_at.endswith("+00:00")
        rows = library.evidence(video_id("dog"))
        found = [(e.kind, e.text, e.start_ms, e.end_ms, e.confidence, e.path) for e in rows]
        assert found == [("title", "追球", 0, 1000, 0.5, "/v/狗.mp4"), ("asr", "一只狗", 100, 900, 0.5, None)]
        kept = library.clips(video_id("dog"))
        assert [(c.start_ms, c.end_ms, c.keyframe_ms) for c in kept] == [(0, 5000, 2000), (5000, 10000, 7000)]
        frames = library.frame_vectors([c.id for c in kept])
        for clip, row in zip(told, kept, strict=True):
            times, vectors = frames[row.id]
            assert times == clip.frame_times_ms == row.frame_times_ms
            np.testing.assert_allclose(vectors, clip.frame_vectors, atol=1e-3)
        np.testing.assert_allclose(
            library.clip_vectors([video_id("dog"), "unknown"])[video_id("dog")], [c.vector for c in told], atol=1e-3
        )
        assert library.generation() == GENERATION
        assert library.status().damaged == {video_id("dog"): "the last 3 s cannot be read"}


def test_a_second_put_replaces_everything_but_the_date(library: Library) -> None:
    put(library, "a", evidence=[evidence("asr", "旧的话")], examined={"asr": "1", "ocr": "1"})
    added = library.video(video_id("a")).added_at
    put(library, "a", evidence=[evidence("asr", "新的话")], clips=clips(1), examined={"asr": "2"})
    stored = library.video(video_id("a"))
    assert (stored.examined, stored.added_at) == ({"asr": "2"}, added)
    assert [e.text for e in library.evidence(video_id("a")) if e.kind == "asr"] == ["新的话"]
    assert library.search_words("asr", "旧", limit=5) == []
    assert (library.status().videos, library.status().clips) == (1, 1)
    assert len(library.search_clips(unit(DIMENSION), limit=9)) == 1
    assert library.check() == []


def test_two_paths_of_one_video_keep_their_own_evidence(library: Library) -> None:
    put(library, "a", "/v/one.mp4", location_evidence=[evidence("title", "小狗")], evidence=[evidence("asr", "你好")])
    assert library.put_location(video_id("a"), location("/v/two.mp4"), location_evidence=[evidence("title", "小猫")])
    titles = {(e.path, e.text) for e in library.evidence(video_id("a"))}
    assert titles == {("/v/one.mp4", "小狗"), ("/v/two.mp4", "小猫"), (None, "你好")}
    removed = library.remove("/v/one.mp4")
    assert (removed.paths, removed.video_ids) == (("/v/one.mp4",), ())
    assert {(e.path, e.text) for e in library.evidence(video_id("a"))} == {("/v/two.mp4", "小猫"), (None, "你好")}
    assert library.search_words("title", "小狗", limit=5)[0].text == "小猫"
    assert library.remove("/v/two.mp4").video_ids == (video_id("a"),)
    assert library.video_ids() == []
    assert library.status().evidence["title"] == library.status().evidence["asr"] == 0


def test_an_overwritten_file_takes_its_path_to_the_new_video_and_drops_the_old(library: Library) -> None:
    put(library, "old", "/v/file.mp4", evidence=[evidence("asr", "旧")])
    put(library, "new", "/v/file.mp4", evidence=[evidence("asr", "新")])
    assert library.video_ids() == [video_id("new")]
    assert library.location("/v/file.mp4").video_id == video_id("new")
    assert library.search_words("asr", "旧", limit=5) == []
    assert library.check() == []


def test_an_overwritten_copy_leaves_the_video_with_its_other_path(library: Library) -> None:
    put(library, "old", "/v/a.mp4")
    library.put_location(video_id("old"), location("/v/b.mp4"), location_evidence=[evidence("title", "副本")])
    put(library, "new", "/v/a.mp4")
    assert [place.path for place in library.video(video_id("old")).locations] == ["/v/b.mp4"]
    assert library.put_location(video_id("new"), location("/v/b.mp4"), location_evidence=[])
    assert library.video_ids() == [video_id("new")]


def test_put_location_says_whether_anything_changed(library: Library) -> None:
    titles = [evidence("title", "标题")]
    put(library, "a", "/v/a.mp4", location_evidence=titles)
    before = library.status().revision
    assert not library.put_location(video_id("a"), location("/v/a.mp4"), location_evidence=titles)
    assert library.status().revision == before
    assert library.put_location(video_id("a"), location("/v/a.mp4", modified_ns=8), location_evidence=titles)
    assert library.put_location(video_id("a"), location("/v/a.mp4", modified_ns=8, tags="x"), location_evidence=titles)
    assert library.put_location(video_id("a"), location("/v/a.mp4", modified_ns=8, tags="x"), location_evidence=[])
    stored = library.location("/v/a.mp4")
    assert (stored.modified_ns, stored.details) == (8, {"tags": "x"})
    assert stored.evidence_fingerprint == evidence_fingerprint([]) != evidence_fingerprint(titles)
    with pytest.raises(InputError, match="no video ffff"):
        library.put_location("f" * 64, location("/v/z.mp4"), location_evidence=[])
    assert library.location("/v/z.mp4") is None


def test_remove_takes_a_path_an_id_or_an_unambiguous_beginning(library: Library) -> None:
    first, second = "abcdef1234" + "0" * 54, "abcdef1299" + "0" * 54
    for number in (first, second):
        library.put(
            video(number, id=number), location(f"/v/{number}.mp4"), evidence=[], location_evidence=[], clips=[],
            generation=None, examined={},
        )  # fmt: skip
    with pytest.raises(InputError, match="more than one"):
        library.remove("abcdef12")
    with pytest.raises(InputError, match="no path and no video"):
        library.remove("abcdef1")
    with pytest.raises(InputError, match="no path and no video"):
        library.remove("/v/nothing.mp4")
    assert library.remove("ABCDEF1234").video_ids == (first,)
    assert library.remove(second).paths == (f"/v/{second}.mp4",)
    assert library.locations() == []


def test_a_failure_is_kept_until_its_path_is_put_or_removed(library: Library) -> None:
    for path in ("/v/bad.mp4", "/v/worse.mp4"):
        library.record_failure(path, kind="corrupt", message="no moov", size_bytes=5, modified_ns=6)
    library.record_failure("/v/bad.mp4", kind="timeout", message="too slow", size_bytes=5, modified_ns=9)
    assert [(f.path, f.kind, f.modified_ns) for f in library.failures()] == [
        ("/v/bad.mp4", "timeout", 9), ("/v/worse.mp4", "corrupt", 6),
    ]  # fmt: skip
    put(library, "a", "/v/bad.mp4")
    assert library.remove("/v/worse.mp4").paths == ("/v/worse.mp4",)
    assert library.failures() == []


@pytest.mark.parametrize(
    ("clip", "message"),
    [
        ({"vector": unit(DIMENSION) * 1.01}, "unit length"),
        ({"vector": np.full(DIMENSION, np.nan, np.float32)}, "unit length"),
        ({"vector": np.zeros(DIMENSION, np.float32)}, "unit length"),
        ({"vector": unit(DIMENSION + 1)}, "shape"),
        ({"frame_vectors": unit(2, DIMENSION)}, "shape"),
        ({"frame_vectors": np.vstack([unit(2, DIMENSION), np.full((1, DIMENSION), np.inf)])}, "unit length"),
    ],
)
def test_a_bad_vector_is_refused_before_anything_is_written(library: Library, clip: dict, message: str) -> None:
    bad = Clip(**{"start_ms": 0, "end_ms": 10, "keyframe_ms": 5, "frame_times_ms": (0, 5, 9), **clip})
    with pytest.raises(ValueError, match=message):
        put(library, "a", clips=[*clips(1), bad])
    assert library.video_ids() == []
    assert library.status().revision == 0


def test_bad_arguments_are_refused(library: Library) -> None:
    with pytest.raises(ValueError, match="without the generation"):
        put(library, "a", generation=None)
    with pytest.raises(ValueError, match="unknown kind"):
        put(library, "a", evidence=[evidence("rumour", "x")])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="before it starts"):
        put(library, "a", evidence=[evidence("asr", "x", start_ms=5, end_ms=4)])
    with pytest.raises(ValueError, match="span"):
        put(library, "a", clips=[Clip(start_ms=9, end_ms=8, keyframe_ms=8, frame_times_ms=())])
    with pytest.raises(InputError, match="name of a file"):
        library.location("/v/\ud800.mp4")
    with pytest.raises(ValueError, match="absolute"):
        put(library, "a", "relative.mp4")
    with pytest.raises(ValueError, match="JSON"):
        library.put_location("a", location("/v/a.mp4", when=object()), location_evidence=[])
    assert library.status().revision == 0


def test_a_reader_cannot_write(tmp_path: Path, library: Library) -> None:
    with Library.open(library.directory) as reader, pytest.raises(LibraryError, match="write=True"):
        put(reader, "a")


def test_a_failed_put_changes_nothing(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    put(library, "a", "/v/file.mp4", evidence=[evidence("asr", "原来")])
    before = library.status()

    def fail(*_: object) -> None:
        raise OSError(5, "I/O error")

    monkeypatch.setattr("retrieval.library.writing.put_vectors", fail)
    with pytest.raises(LibraryError, match="nothing was changed"):
        put(library, "b", "/v/file.mp4", evidence=[evidence("asr", "后来")])
    monkeypatch.undo()
    assert library.status() == before
    assert library.check() == []
    put(library, "b", "/v/file.mp4")
    assert library.video_ids() == [video_id("b")]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere every file name is Unicode")
def test_names_that_are_not_unicode_are_kept_byte_for_byte(library: Library) -> None:
    path = os.fsdecode("/v/\u72d7".encode("gbk") + b".mp4")
    put(library, "a", path, location_evidence=[evidence("title", Path(path).stem, source=f"sidecar:{path}")])
    assert library.location(path).path == path
    assert library.evidence(video_id("a"))[0].path == path
    library.record_failure(path, kind="corrupt", message=f"{path} is bad", size_bytes=1, modified_ns=1)
    assert library.failures()[0].path == path
    assert library.check() == []
    assert library.remove(path).video_ids == (video_id("a"),)


def test_numbers_may_come_from_numpy(library: Library) -> None:
    start, end = np.int64(3), np.int32(9)
    some = [Clip(start_ms=start, end_ms=end, keyframe_ms=end, frame_times_ms=(start, end))]  # type: ignore[arg-type]
    put(library, "a", clips=some, evidence=[evidence("asr", "x", start_ms=start, end_ms=end)])  # type: ignore[arg-type]
    assert library.clips(video_id("a"))[0].frame_times_ms == (3, 9)
    assert library.evidence(video_id("a"))[1].start_ms == 3


def test_videos_asks_for_any_number_of_ids_in_few_queries(library: Library) -> None:
    ids = [put(library, i, clips=[], generation=None) for i in range(3)]
    found = library.videos([*(f"unknown {i}" for i in range(40_000)), *ids[::-1]])
    assert list(found) == ids[::-1]
    assert [place.path for place in found[ids[1]].locations] == ["/videos/1.mp4"]


def test_a_second_generation_lives_beside_the_active_one_until_activated(library: Library) -> None:
    put(library, "a", clips=clips(2))
    put(library, "b", clips=clips(2, seed=2))
    put(library, "a", clips=clips(2, dimension=16), generation=OTHER_GENERATION)
    assert library.generation() == GENERATION
    assert len(library.search_clips(unit(DIMENSION), limit=9)) == 4
    shares = {s.generation.revision: (s.active, s.share) for s in library.status().generations}
    assert shares == {"1": (True, 1.0), "2": (False, 0.5)}
    library.activate(OTHER_GENERATION)
    hits = library.search_clips(unit(16), limit=9)
    assert {hit.video_id for hit in hits} == {video_id("a")}
    assert library.frame_vectors([hit.clip_id for hit in hits])[hits[0].clip_id][1].shape == (3, 16)
    assert library.check() == []
    with pytest.raises(InputError, match="no vectors of"):
        library.activate(GENERATION.__class__(encoder="x", revision="1", preprocessing="p", dimension=4))
    assert library.generation() == OTHER_GENERATION


def test_the_next_generation_takes_over_when_the_active_one_is_empty(library: Library) -> None:
    put(library, "a")
    library.remove(video_id("a"))
    put(library, "b", clips=clips(1, dimension=16), generation=OTHER_GENERATION)
    assert library.generation() == OTHER_GENERATION


def test_a_generation_goes_with_its_last_vector(library: Library) -> None:
    put(library, "a")
    put(library, "b", clips=[])
    library.remove(video_id("a"))
    assert library.generation() is None
    assert library.status().generations == ()
    assert library.search_clips(unit(DIMENSION), limit=9) == []
    put(library, "b", clips=clips(1))
    put(library, "b", clips=clips(1, dimension=16), generation=OTHER_GENERATION)
    put(library, "c", clips=clips(1, dimension=16), generation=OTHER_GENERATION)
    put(library, "b", clips=[], generation=None)
    assert library.generation() == OTHER_GENERATION
    assert [status.generation for status in library.status().generations] == [OTHER_GENERATION]
    assert library.check() == []


def test_of_several_generations_left_the_fullest_is_searched(library: Library) -> None:
    third = Generation(encoder="third", revision="1", preprocessing="p", dimension=8)
    put(library, "a", clips=clips(1))
    for name in "bc":
        put(library, name, clips=clips(2, dimension=16), generation=OTHER_GENERATION)
    put(library, "d", clips=clips(1, dimension=8), generation=third)
    library.remove(video_id("a"))
    assert library.generation() == OTHER_GENERATION
    library.put_location(video_id("d"), location("/videos/b.mp4"), location_evidence=[])
    library.put_location(video_id("d"), location("/videos/c.mp4"), location_evidence=[])
    assert library.generation() == third
    assert library.check() == []


def test_text_with_half_a_character_is_kept_with_a_question_mark(library: Library) -> None:
    odd = "瞎\udcb9x"
    spoken = Evidence(kind="asr", text=odd, start_ms=0, end_ms=9, source=odd, language=odd)
    generation = Generation(encoder=odd, revision=odd, preprocessing=odd, dimension=DIMENSION)
    library.put(
        video("a", damage=odd, container=odd, codec=odd), location("/v/a.mp4", author=odd), evidence=[spoken],
        location_evidence=[], clips=clips(1), generation=generation, examined={odd: odd},
    )  # fmt: skip
    library.set_setting(odd, odd)
    library.record_failure("/v/b.mp4", kind=odd, message=odd, size_bytes=1, modified_ns=1)
    stored, (row,) = library.video(video_id("a")), library.evidence(video_id("a"))
    assert stored is not None
    facts = [stored.video.damage, stored.video.codec, *stored.examined.items(), row.text, row.source, row.language]
    assert facts == ["瞎?x", "瞎?x", ("瞎?x", "瞎?x"), "瞎?x", "瞎?x", "瞎?x"]
    assert library.setting(odd) == library.failures()[0].kind == library.generation().encoder == "瞎?x"
    assert library.video(odd) is library.location("/v/\udcb9.mp4") is None
    assert library.search_words("asr", odd, limit=5)[0].text == "瞎?x"
    assert library.check() == []


def test_clips_of_the_same_span_do_not_pile_up(library: Library) -> None:
    for _ in range(3):
        put(library, "a", clips=clips(1) * 3)
    assert len(library.clips(video_id("a"))) == 3


def test_the_states_of_files_below_a_folder_leave_out_its_neighbours(library: Library) -> None:
    for path in ["/v/a/1.mp4", "/v/a/子/2.mp4", "/v/a.mp4", "/v/a0.mp4", "/v/b/3.mp4"]:
        put(library, path, path)
    assert library.file_states("/v/a") == library.file_states("/v/a/") == {"/v/a/1.mp4": (1000, 7), "/v/a/子/2.mp4": (1000, 7)}
    assert len(library.file_states("/")) == 5
    assert library.file_states("/v/a/1.mp4") == {}
