"""Days are read as people write them, and what may mean two days means none."""

from __future__ import annotations

from datetime import date

import pytest

from retrieval.days import first_day, read_day

DAY = date(2024, 3, 5)


@pytest.mark.parametrize(
    "text",
    [
        "2024-03-05", "2024/3/5", "2024.3.5", "20240305", "2024年3月5日", "2024 年 3 月 5 日", "2024年3月 5日", "2024, 03, 05",
        "2024 3 5", "２０２４年３月５号", "2024－03－05", "2024:03:05", "2024_03_05", "5.3.2024", "05. 03. 2024",
    ],
)  # fmt: skip
def test_year_month_and_day_are_read_with_any_one_sign_or_spaces_between_them(text):
    assert read_day(text) == read_day(text, whole=True) == first_day(text) == DAY


@pytest.mark.parametrize(
    "text", ["2024-03-05T10:00:00Z", "20240305101112", "2024:03:05 10:00:00", "发布于2024年3月5日晚", "5.3.2024 10:30"]
)
def test_what_stands_around_a_day_does_not_matter_unless_it_has_to_be_whole(text):
    assert read_day(text) == DAY


@pytest.mark.parametrize("text", ["2024-03-05T10:00:00Z", "5.3.2024 10:30", "since 2024-03-05", "2024-03", "2024", ""])
def test_a_whole_day_is_nothing_but_a_day(text):
    assert read_day(text, whole=True) is None


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("15.03.2024", date(2024, 3, 15)), ("3/15/2024", date(2024, 3, 15)), ("15/3/2024", date(2024, 3, 15)),
        ("15-03-2024", date(2024, 3, 15)), ("3/3/2024", date(2024, 3, 3)), ("3/4/2024", None), ("03-04-2024", None),
        ("3.15.2024", None), ("13/13/2024", None),
    ],
)  # fmt: skip
def test_with_the_year_last_the_day_is_first_between_dots_and_else_the_number_that_is_no_month(text, day):
    assert read_day(text) == first_day(text) == day


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2024年3月", date(2024, 3, 1)), ("2024 年 3 月", date(2024, 3, 1)), ("2024/3", date(2024, 3, 1)),
        ("202403", date(2024, 3, 1)), ("2024", date(2024, 1, 1)), ("2024 年", date(2024, 1, 1)),
    ],
)  # fmt: skip
def test_a_month_or_a_year_alone_begins_with_its_first_day(text, day):
    assert first_day(text) == day


@pytest.mark.parametrize(
    "text",
    [
        "2024-13-01", "2024-02-30", "2024 第12集", "2024 1080p", "2024-03-055", "March 15, 2024", "2024 15:30", "1709251200",
        "240305", "2024 Q3", "gestern", "", "二〇二四年",
    ],
)  # fmt: skip
def test_a_year_among_what_is_no_date_is_no_day(text):
    assert first_day(text) is None
