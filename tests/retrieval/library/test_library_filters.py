"""Filters: which videos may be found, by path, tag, duration, date and id."""

from __future__ import annotations

from datetime import date, datetime

import numpy as np
import pytest

from retrieval.errors import InputError
from retrieval.library import Library
from retrieval.library.filters import Selections, VideoFilter, day_of, select_videos
from retrieval.records import Evidence, Location, Video


def put(library, number, *, path, tags=(), seconds=10, details=None, modified="2024-05-06"):
    video = Video(
        id=f"{number:064x}", size_bytes=1, duration_ms=seconds * 1000, width=2, height=2, frames_per_second=25.0,
        container="mp4", codec="h264", has_audio=False,
    )  # fmt: skip
    stamp = int(datetime.fromisoformat(modified).timestamp() * 1e9)
    location = Location(path=path, size_bytes=1, modified_ns=stamp, details=details or {})
    evidence = [Evidence(kind="tag", text=tag, start_ms=0, end_ms=1000, source="manifest") for tag in tags]
    library.put(
        video, location, evidence=(), location_evidence=evidence, clips=(), generation=None, examined={}
    )
    return video.id


@pytest.fixture
def library(tmp_path):
    with Library.open(tmp_path / "library", write=True, create=True) as library:
        put(library, 1, path="/videos/cats/a.mp4", tags=["貓", "Home"], seconds=5, details={"date": "2023-07-01"})
        put(library, 2, path="/videos/cats/b.mp4", tags=["猫"], seconds=20, details={"date": "2024年3月"})
        put(library, 3, path="/videos/cats2/c.mp4", tags=["狗", "home"], seconds=60, modified="2022-01-02")
        put(library, 4, path="/videos/旅行[1]/d.MP4", seconds=120, details={"date": "no idea"}, modified="2021-03-04")
        yield library


def selected(library, **wanted) -> set[int]:
    with library._database.reading() as db:
        return set(np.flatnonzero(select_videos(db, VideoFilter(**wanted))).tolist())


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, {1, 2, 3, 4}),
        ({"paths": ("/videos/cats",)}, {1, 2}),
        ({"paths": ("/videos/cats/",)}, {1, 2}),
        ({"paths": ("/",)}, {1, 2, 3, 4}),
        ({"paths": ("/videos/cats/a.mp4", "/videos/cats2")}, {1, 3}),
        ({"paths": ("*/[ab].mp4",)}, {1, 2}),
        ({"paths": ("*.MP4",)}, {4}),
        ({"paths": ("/elsewhere",)}, set()),
        ({"tags": ("猫",)}, {1, 2}),
        ({"tags": ("HOME",)}, {1, 3}),
        ({"tags": ("猫", "home")}, {1}),
        ({"tags": ("ho",)}, set()),
        ({"shortest_ms": 20_000}, {2, 3, 4}),
        ({"shortest_ms": 20_000, "longest_ms": 60_000}, {2, 3}),
        ({"since": date(2024, 1, 1)}, {2}),
        ({"until": date(2022, 12, 31)}, {3, 4}),
        ({"since": date(2021, 3, 4), "until": date(2023, 7, 1)}, {1, 3, 4}),
        ({"videos": frozenset({f"{2:064x}", f"{9:064x}"})}, {2}),
        ({"videos": frozenset()}, set()),
        ({"tags": ("home",), "longest_ms": 10_000}, {1}),
    ],
)
def test_a_filter_selects_the_videos_of_which_everything_holds(library, wanted, found):
    assert selected(library, **wanted) == found


@pytest.mark.parametrize("path", ["/videos/旅行[1]", "/videos/旅行[1]/d.MP4", "/videos/旅行[[]1]/*"])
def test_a_name_with_signs_of_a_pattern_is_found_as_it_is_and_by_a_pattern(library, path):
    assert selected(library, paths=(path,)) == {4}


@pytest.mark.parametrize(
    "wanted",
    [
        {"shortest_ms": 2, "longest_ms": 1},
        {"since": date(2024, 1, 2), "until": date(2024, 1, 1)},
        {"paths": ("videos",)},
    ],
)
def test_a_filter_that_nothing_can_pass_is_refused(wanted):
    with pytest.raises(InputError):
        VideoFilter(**wanted)


def test_no_condition_is_no_filter(library):
    assert not VideoFilter()
    assert VideoFilter(videos=frozenset())
    with library._database.reading() as db:
        assert Selections().of(db, VideoFilter()) is None


def test_a_selection_is_kept_until_the_library_changes(library):
    selections, wanted = Selections(), VideoFilter(tags=("猫",))
    with library._database.reading() as db:
        first = selections.of(db, wanted)
        assert selections.of(db, wanted) is first
    library.remove("/videos/cats/a.mp4")
    with library._database.reading() as db:
        assert np.flatnonzero(selections.of(db, wanted)).tolist() == [2]


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2023-07-01T10:00:00Z", date(2023, 7, 1)), ("20230701", date(2023, 7, 1)), ("2023/7", date(2023, 7, 1)),
        ("2023年12月5日", date(2023, 12, 5)), ("2023", date(2023, 1, 1)), ("2023-13-01", None), ("gestern", None),
        ("2023 年 7 月 1 日", date(2023, 7, 1)), ("15.03.2024", date(2024, 3, 15)), ("3/4/2024", None), (None, None),
    ],
)  # fmt: skip
def test_the_day_of_a_date(text, day):
    modified = int(datetime(2020, 2, 3, 12).timestamp() * 1e9)
    assert day_of(text, modified_ns=modified) == (day or date(2020, 2, 3))
