"""What a query does not want: 海边 -狗, 海边，不要狗, 海边不要狗, 除了狗以外的动物, 没有狗的海边.

An exclusion throws videos out, so a form is read only where it can hardly mean anything else.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from retrieval.library import Library, VideoFilter
from retrieval.records import EVIDENCE_KINDS
from retrieval.search.asking import without_frame
from retrieval.search.background import dictionary_entry, is_word_of_two
from retrieval.text import fold, ngrams_of_folded, normalise, simplified_in_place

_STOP = r"\s,，、。;；!！?？()\[\]【】"
_END = rf"(?=$|[{_STOP}])"
_START = rf"(?:^|(?<=[{_STOP}]))"
_WORD = rf"[^{_STOP}的]"
_ASKED_AWAY = r"不要|不想要|不想看到?|不需要|不看|排除|去掉"
_ABSENT = r"没有|别有|不包含|不包括|不含|不带(?![走来去])"
_HAVING = r"(?:再?有|出现|看[到见]|任何|带)?"
_BUT = r"(?:但是?|可是|不过)?"
# 不要狗的视频, 不要有小孩的
_TAIL = rf"(?:的(?:视频|短片|影片|片段|画面|镜头|东西|那种)?)?{_END}"
_LIST = rf"{_WORD}{{1,6}}(?:[、/]{_WORD}{{1,6}})*"
# No exclusion begins so: 不要紧, 不要钱, 没有你的日子, 没有不下雪的天.
_NEVER = rf"(?:[了再忘不你您我她他它咱谁]|[紧钱命脸](?:的|{_END}))"
# Before 不要 in the middle of a sentence these say that somebody is asked for something: 请不要打扰, 我们再也不要分开, 要不要去.
_ADDRESSED = "我你您他她它咱们请万对也都就还再可让叫使求劝说别了吗呢吧要么好能定远先绝时住"
_TOPICS = "标志|标识|标牌|牌子?|方法|办法|教程|技巧|技术|软件|工具|步骤|原因|理由|后果|危害|故事"
_QUOTED = "“”\"「」『』《》"
# A pattern, and what its match leaves behind. Each names the unwanted words `no`; `thing`, where only a thing is one.
_FORMS = (
    re.compile(rf"{_START}[-–—−](?:[“\"「『《](?P<no>[^{_QUOTED}]+)[”\"」』》])"),
    re.compile(
        rf"{_START}[-–—−](?!\d{{1,3}}(?:\.\d+)?(?:[度°℃%]|{_END}))(?P<no>[^{_STOP}{_QUOTED}\-–—−][^{_STOP}]*)"
    ),
    re.compile(rf"除了(?P<no>{_WORD}{{1,6}}?)(?:以外|之外|外)的?"),
    re.compile(rf"除了(?!{_NEVER})(?P<no>{_WORD}{{1,6}})(?:{_END}|的(?=[^{_STOP}]))"),
    re.compile(
        rf"(?<![拆清删解消铲扫根排开免破废去剔切])除(?![了夕湿草雪尘法锈虫毛皱垢冰权非此以])"
        rf"(?P<no>{_WORD}{{1,6}}?)(?:以外|之外|外(?=的|{_END}))的?"
    ),
    re.compile(rf"(?<=[{_STOP}]){_BUT}(?:{_ASKED_AWAY}|{_ABSENT}){_HAVING} ?(?!{_NEVER})(?P<no>{_LIST}){_TAIL}"),
    re.compile(rf"(?<=[{_STOP}])(?:请|我|最好)(?:{_ASKED_AWAY}){_HAVING} ?(?!{_NEVER})(?P<thing>{_LIST}){_TAIL}"),
    re.compile(rf"(?<=[{_STOP}]){_BUT}(?:{_ASKED_AWAY}){_HAVING}(?!{_NEVER})(?P<no>{_WORD}{{1,6}}的{_WORD}{{1,6}}){_END}"),
    re.compile(
        rf"{_START}(?:{_ASKED_AWAY}|{_ABSENT}){_HAVING}(?!{_NEVER})(?P<no>{_WORD}{{1,12}})的(?!{_TOPICS})(?=[^{_STOP}])"
    ),
    re.compile(
        rf"(?<=[^{_STOP}]{{2}})(?<![{_ADDRESSED}]){_BUT}不(?:想)?要(?:有|出现)?(?!{_NEVER})(?P<thing>{_LIST}){_TAIL}"
    ),
    re.compile(rf"(?<=[^{_STOP}世心眼][里上中下边])没有(?:任何)?(?!{_NEVER})(?P<thing>{_WORD}{{1,4}}){_TAIL}"),
)
_AND = re.compile(rf"[、/]|以及|或者|(?:{_ASKED_AWAY}|{_ABSENT}){_HAVING}|[和或与及跟]")
_THANKS = re.compile(rf"[{_STOP}]*(?:谢谢[你您啦了]?|多谢|拜托了?)[{_STOP}]*$")
_WANTS = re.compile(rf"^我?要|{_START}我?[只就想]要")
_ENDS = re.compile(rf"^[{_STOP}]+|[{_STOP}]+$")
_SURE_WORD = 10     # occurrences in the dictionary's texts from which its part of speech is believed
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
        asked = normalise(text)
        rest, without = _parted(_THANKS.sub("", asked))
        if without and rest:
            return cls(without_frame(rest), tuple(dict.fromkeys(without)))
        return cls(without_frame(asked))


def _parted(text: str) -> tuple[str, list[str]]:
    """What is left of a text without its exclusions, and what these name."""
    rest, without = text, []
    for form in _FORMS:
        found = [match for match in form.finditer(simplified_in_place(rest)) if _is_meant(match)]
        for match in reversed(found):
            without += [fold(word) for word in _words(match[match.lastgroup or 0])]
            rest = f"{rest[: match.start()]} {rest[match.end() :]}"
    if without and not (rest.startswith("要") and is_word_of_two(rest[:2])):
        rest = _WANTS.sub("", rest) or rest     # 要猫不要狗
    return _ENDS.sub("", normalise(rest)), without


def _is_meant(match: re.Match[str]) -> bool:
    return match.lastgroup != "thing" or all(map(_is_thing, _words(match["thing"])))


def _words(named: str) -> Iterator[str]:
    """What stands between 和, 或 and the like, where these are words of their own: not in 和尚, 共和国."""
    start = 0
    for joint in _AND.finditer(named):
        before, after = named[start : joint.start()], named[joint.end() :]
        inside = any(map(is_word_of_two, (before[-1:] + joint[0], joint[0] + after[:1])))
        if before and after and not (len(joint[0]) == 1 and inside):
            yield before.strip(_QUOTED)
            start = joint.end()
    yield named[start:].strip(_QUOTED)


def _is_thing(word: str) -> bool:
    """Whether a word names something that may be seen, as far as the dictionary tells: 狗, and not 开车 or 玩手机."""
    for end in range(len(word), 0, -1):
        entry = dictionary_entry(word[:end])
        if entry is None:
            continue
        count, kind = entry
        if count >= _SURE_WORD or end == 1:     # 闯红灯 and 玩手 are said to be nouns
            return kind == "vn" or not kind.startswith(("v", "r", "d", "p", "zg"))
    return True


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
    """A word of letters or digits is not found inside another one; what a text says is not there does not count."""
    text = re.sub(rf"(?:没有|不要|不含|不带|无){re.escape(word)}", " ", text)
    return word in text and set(ngrams_of_folded(word)) <= set(ngrams_of_folded(text))
