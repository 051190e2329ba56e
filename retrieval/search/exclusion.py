"""What a query does not want: 海边 -狗, 海边，不要狗, 海边不要狗, 除了狗以外的动物, 没有狗的海边."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from retrieval.library import Library, VideoFilter
from retrieval.records import EVIDENCE_KINDS
from retrieval.text import fold, ngrams_of_folded, normalise

_STOP = r"\s,，、。;；!！?？"
_MARK = r"(?:不要|不想要|不含|不带|不包括|排除|去掉|没有)"
_WORD = rf"[^{_STOP}的]"
# Before 不要 in the middle of a sentence these say that somebody is asked for something: 请不要打扰, 我们再也不要分开, 要不要去.
_ADDRESSED = "我你您他她它咱们请万对也都就还再可让叫使求劝说别了吗呢吧要么好能定远先绝时住"
_IDIOM = rf"(?:[了再忘紧]|[钱命脸](?:$|[{_STOP}]))"     # 不要紧, 不要钱
# A pattern, and what its match leaves behind. Each names the unwanted word `no`.
_FORMS = (
    re.compile(rf"(?:^|(?<=[{_STOP}]))-(?P<no>[^{_STOP}-][^{_STOP}]*)"),
    re.compile(rf"除了?(?P<no>{_WORD}{{1,6}}?)(?:以外|之外|外)的?"),
    re.compile(rf"(?:^|(?<=[{_STOP}])){_MARK}(?P<no>{_WORD}{{1,6}})的(?=[^{_STOP}])"),
    re.compile(rf"(?<=[{_STOP}])(?:但|但是)?{_MARK}(?P<no>{_WORD}{{1,6}})(?=$|[{_STOP}])"),
    re.compile(rf"(?<=[^{_STOP}]{{2}})(?<![{_ADDRESSED}])不(?:想)?要(?P<no>(?!{_IDIOM}){_WORD}{{1,6}})(?=$|[{_STOP}])"),
    re.compile(rf"(?<=[^{_STOP}][里上中下边])没有(?P<no>{_WORD}{{1,4}})$"),
)
_MOST_ROWS = 20_000
_FIRST_ROWS = 20    # of a kind; one that holds all of a query is among its best


@dataclass(frozen=True)
class Wanted:
    """`text` is what is looked for, `without` the folded words that must not be in a video's texts."""

    text: str
    without: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Wanted:
        """A query that would want nothing at all is taken as it stands, 不要忘记我 and 没有人 too."""
        rest, without = normalise(text), []
        for form in _FORMS:
            without += [fold(found["no"]) for found in form.finditer(rest)]
            rest = form.sub(" ", rest)
        rest = re.sub(rf"^[{_STOP}]+|[{_STOP}]+$", "", normalise(rest))
        return cls(rest, tuple(dict.fromkeys(without))) if without and rest else cls(normalise(text))


def is_quoted(library: Library, text: str) -> bool:
    """Whether a text of the library holds all of the query as it was typed, as the title 爸爸不要走 does."""
    folded = fold(normalise(text))
    return any(
        folded in fold(row.text)
        for kind in EVIDENCE_KINDS
        for row in library.search_words(kind, text, limit=_FIRST_ROWS)
    )


def holding(library: Library, words: Sequence[str], videos: Collection[str]) -> frozenset[str]:
    """Those of the videos of which a text holds one of the folded words as it stands."""
    if not videos:
        return frozenset()
    among = VideoFilter(videos=frozenset(videos))
    found = (
        (row, word) for word in words for kind in EVIDENCE_KINDS
        for row in library.search_words(kind, word, limit=_MOST_ROWS, where=among)
    )  # fmt: skip
    return frozenset(row.video_id for row, word in found if _holds(fold(row.text), word))


def _holds(text: str, word: str) -> bool:
    """A word of letters or digits is not found inside another one."""
    return word in text and set(ngrams_of_folded(word)) <= set(ngrams_of_folded(text))
