"""Rows of one video become the spans a person should look at."""

from __future__ import annotations

from retrieval.search.moments import find_moments
from retrieval.search.results import Match

DURATION = 60_000


def row(channel: str, start: int, end: int, rank: int, **more: object) -> Match:
    return Match(channel=channel, video_id="v", start_ms=start, end_ms=end, score=1.0 / rank, rank=rank, **more)  # type: ignore[arg-type]


def test_a_title_names_no_moment():
    assert find_moments([row("title", 0, DURATION, 1)], duration_ms=DURATION, most=5) == []


def test_rows_of_several_channels_over_one_span_are_one_moment_with_all_reasons():
    moments = find_moments(
        [
            row("subtitle", 10_000, 13_000, 1),
            row("visual", 8_000, 18_000, 4, best_ms=11_000),
            row("ocr", 40_000, 42_000, 2),
        ],
        duration_ms=DURATION,
        most=5,
    )
    assert [(m.start_ms, m.end_ms) for m in moments] == [(10_000, 13_000), (40_000, 42_000)]
    assert {match.channel for match in moments[0].matches} == {"subtitle", "visual"}
    assert moments[0].score > moments[1].score
    assert moments[0].best_ms == 11_000


def test_the_best_frame_lies_inside_the_moment():
    (moment,) = find_moments(
        [row("subtitle", 10_000, 13_000, 1), row("visual", 8_000, 18_000, 4, best_ms=17_000)],
        duration_ms=DURATION,
        most=5,
    )
    assert moment.start_ms <= moment.best_ms <= moment.end_ms


def test_one_row_a_channel_counts():
    once = find_moments([row("ocr", 1000, 3000, 1)], duration_ms=DURATION, most=5)
    twice = find_moments([row("ocr", 1000, 3000, 1), row("ocr", 1000, 2900, 2)], duration_ms=DURATION, most=5)
    assert len(twice) == 1
    assert twice[0].score == once[0].score


def test_at_most_so_many_best_first():
    rows = [row("ocr", i * 5000, i * 5000 + 1000, i + 1) for i in range(8)]
    assert [m.start_ms for m in find_moments(rows, duration_ms=DURATION, most=3)] == [0, 5000, 10_000]


def test_the_clip_that_is_the_whole_video_is_its_moment_unless_a_line_is_more_precise():
    clip = row("visual", 0, 8000, 1, clip_id=1, best_ms=3000)
    (moment,) = find_moments([row("title", 0, 8000, 1), clip], duration_ms=8000, most=5)
    assert (moment.start_ms, moment.end_ms, moment.best_ms) == (0, 8000, 3000)
    (moment,) = find_moments([clip, row("subtitle", 2000, 4000, 3)], duration_ms=8000, most=5)
    assert (moment.start_ms, moment.end_ms) == (2000, 4000)


def test_a_line_that_stands_through_most_of_the_video_does_not_swallow_the_others():
    lasting = row("subtitle", 0, 7_100_000, 1)
    lines = [row("subtitle", 1_000_000, 1_003_000, 2), row("subtitle", 5_000_000, 5_003_000, 3)]
    moments = find_moments([lasting, *lines], duration_ms=7_200_000, most=5)
    assert [m.start_ms for m in moments] == [1_000_000, 5_000_000]
    (alone,) = find_moments([lasting], duration_ms=7_200_000, most=5)
    assert alone.end_ms == 7_100_000


def test_of_equally_strong_rows_the_shorter_sets_the_span():
    (moment,) = find_moments(
        [row("subtitle", 10_000, 20_000, 1), row("asr", 12_000, 14_000, 1)], duration_ms=DURATION, most=5
    )
    assert (moment.start_ms, moment.end_ms) == (12_000, 14_000)
