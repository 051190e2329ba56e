"""Days as people write them."""

from __future__ import annotations

import re
import unicodedata
from datetime import date

_SIGN = r"\s*[-–—−/.,:_年月]\s*"
_LIKELY_YEAR = r"(?:1[89]|2[01])\d\d"          # where nothing else tells a year from any four digits
_SIGNED = re.compile(rf"(?<!\d)(\d{{4}}){_SIGN}(\d{{1,2}}){_SIGN}(\d{{1,2}})(?!\d)\s*[日号]?")
_TOGETHER = re.compile(rf"(?<!\d)({_LIKELY_YEAR})(\d\d)(\d\d)(?:\d{{4}}|\d{{6}})?(?!\d)")       # a time may follow
_YEAR_LAST = re.compile(r"(?<!\d)(\d{1,2})\s*([-/.])\s*(\d{1,2})\s*\2\s*(\d{4})(?!\d)")
_SPACED = re.compile(r"(?<!\d)(\d{4})\s+(\d{1,2})\s+(\d{1,2})(?!\d)")
_MONTH = re.compile(rf"({_LIKELY_YEAR})(?:(?:{_SIGN}|\s+)(\d{{1,2}})|(\d\d))\s*月?")
_YEAR = re.compile(rf"({_LIKELY_YEAR})\s*年?")


def read_day(text: str, *, whole: bool = False) -> date | None:
    """The day that a text names; None where it names none, or one of two. whole: nothing else may stand in the text.

    Year, month and day stand in this order with one sign or spaces between them, or as eight digits. With the year last, the
    day is first where dots stand between them; with other signs whichever is above twelve is the day: 3/4/2024 names none.
    """
    text = unicodedata.normalize("NFKC", text).strip()
    for form in (_SIGNED, _TOGETHER, _YEAR_LAST, _SPACED):
        match = form.fullmatch(text) if whole else form.search(text)
        if match is not None:
            return _year_last(match) if form is _YEAR_LAST else _date(*match.groups())
    return None


def first_day(text: str) -> date | None:
    """The same, and the first day of a month or year where the text is nothing but that."""
    day = read_day(text)
    if day is not None:
        return day
    text = unicodedata.normalize("NFKC", text).strip()
    if month := _MONTH.fullmatch(text):
        return _date(month[1], month[2] or month[3], 1)
    year = _YEAR.fullmatch(text)
    return None if year is None else _date(year[1], 1, 1)


def _year_last(match: re.Match[str]) -> date | None:
    first, sign, second, year = match.groups()
    day_first, month_first = _date(year, second, first), _date(year, first, second)
    if sign == ".":
        return day_first
    if day_first is not None and month_first is not None and day_first != month_first:
        return None
    return day_first or month_first


def _date(year: str | int, month: str | int, day: str | int) -> date | None:
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        return None
