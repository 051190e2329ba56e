"""Numbers in Chinese characters and in digits: 第十二集 and 第12集 are the same."""

from __future__ import annotations

import re

_DIGITS = "零一二三四五六七八九"
_UNITS = {"十": 10, "百": 100, "千": 1000}
_ARABIC = re.compile(r"(?<![\d.,a-z])(?:0|[1-9]\d{0,3})(?![\d.,a-z])", re.ASCII)
_CHINESE = re.compile(r"[零〇一二两三四五六七八九十百千万]+")
_MOST = 9999


def numbers_in_the_other_script(text: str) -> str:
    """The folded text with its whole numbers up to 9999 in characters; without digits, those in characters in digits."""
    if _ARABIC.search(text):
        return _ARABIC.sub(lambda found: in_characters(int(found[0])), text)
    return _CHINESE.sub(lambda found: found[0] if (value := in_digits(found[0])) is None else str(value), text)


def in_digits(characters: str) -> int | None:
    """The value of a number in characters; a row of digits is read as such (二〇二四), None = it is no number."""
    plain = characters.replace("〇", "零").replace("两", "二")
    if len(plain) > 1 and all(c in _DIGITS for c in plain):
        return int("".join(str(_DIGITS.index(c)) for c in plain)) if plain[0] != "零" else None
    value = digit = 0
    last_unit = _MOST + 1
    for c in plain:
        if c in _UNITS:
            if _UNITS[c] >= last_unit:
                return None
            last_unit = _UNITS[c]
            value += (digit or 1) * last_unit
            digit = 0
        elif c in _DIGITS and not digit:
            digit = _DIGITS.index(c)
        else:
            return None
    return value + digit


def in_characters(value: int) -> str:
    """A number from 0 to 9999 as it is read aloud: 12 is 十二, 105 is 一百零五."""
    if value < 10:
        return _DIGITS[value]
    written, gap = "", False
    for unit, size in (("千", 1000), ("百", 100), ("十", 10), ("", 1)):
        digit, value = divmod(value, size)
        if digit:
            written += ("零" if gap and written else "") + _DIGITS[digit] + unit
        gap = not digit
    return written.removeprefix("一") if written.startswith("一十") else written
