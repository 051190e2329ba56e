"""Text of unknown encoding, as subtitle files and old containers hold it."""

from __future__ import annotations

import codecs
import re

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32-le"), (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_FEW_BROKEN = 0.01
_SAMPLE_BYTES = 32 << 10
_NOT_ASCII = re.compile(rb"[\x80-\xff]")


def decode_text(data: bytes) -> str:
    """Decode by byte order mark, else as UTF-16, UTF-8, GB 18030 or Big5, whichever fits; never fails.

    Bytes that fit nothing become U+FFFD.
    """
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return data[len(mark):].decode(encoding, errors="replace")
    if wide := _utf16_without_mark(data):
        return data.decode(wide, errors="replace")
    text = data.decode("utf-8", errors="replace")
    broken = text.count("\ufffd")
    if broken == 0 or broken <= _FEW_BROKEN * (len(text) - len(text.encode("ascii", errors="ignore"))):
        return text
    return data.decode(_chinese_encoding(_sample(data)), errors="replace")


def repair_surrogates(text: str) -> str:
    """Decode anew a text whose bytes were taken for UTF-8 and kept as surrogates."""
    if text.isascii():
        return text
    return decode_text(text.encode("utf-8", errors="surrogateescape"))


def _utf16_without_mark(data: bytes) -> str | None:
    sample = data[:4096]
    if len(sample) < 4 or b"\x00" not in sample:
        return None
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    if max(even, odd) < len(sample) // 20 or min(even, odd) * 4 > max(even, odd):
        return None
    return "utf-16-le" if odd > even else "utf-16-be"


def _sample(data: bytes) -> bytes:
    """The bytes from the first that is not ASCII on, to the end of a line when they are too many."""
    found = _NOT_ASCII.search(data)
    start = found.start() if found else 0
    sample = data[start : start + _SAMPLE_BYTES]
    return sample[: sample.rfind(b"\n") + 1] or sample if start + _SAMPLE_BYTES < len(data) else sample


def _chinese_encoding(data: bytes) -> str:
    """GB 18030 or Big5: the one with fewer errors, then the one with more everyday characters of its standard."""
    simplified = data.decode("gb18030", errors="replace")
    traditional = data.decode("big5hkscs", errors="replace")
    simplified_rank = (-simplified.count("\ufffd"), _everyday_share(simplified, "gb2312", 0xB0, 0xD7))
    traditional_rank = (-traditional.count("\ufffd"), _everyday_share(traditional, "big5", 0xA4, 0xC6))
    return "big5hkscs" if traditional_rank > simplified_rank else "gb18030"


def _everyday_share(text: str, encoding: str, first: int, last: int) -> float:
    """Share of the non-ASCII characters whose lead byte lies in the standard's table of frequent characters."""
    wide = re.findall(r"[^\x00-\x7f\u3000-\u303f\uff00-\uffef]", text)
    leads = (character.encode(encoding, errors="ignore")[:1] for character in wide)
    return sum(first <= lead[0] <= last for lead in leads if lead) / len(wide) if wide else 0.0
