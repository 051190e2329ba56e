"""A text as it is learnt from: one script, no hashtags, bait, links, names or emoji, personal data masked."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from data_pipeline.texts.bait import BAIT_ACTS, BAIT_CLAUSES, BAIT_ENDINGS, BAIT_OPENINGS, BAIT_TOPICS, EMOJI_NAMES
from data_pipeline.texts.language import KANA
from data_pipeline.texts.personal_data import PERSONAL_DATA, masked
from retrieval.text import fold, normalise, simplify

_ADDRESS_END = r"[\w\-./?%&=+#~:;,]*"
_LINK = re.compile(
    rf"(?:https?://|www\.)[\w\-.]+{_ADDRESS_END}"
    rf"|(?<![\w.@-])(?:[a-z0-9-]+\.)+(?:com|cn|net|org|tv|cc|me|top|xyz|vip|shop|link)(?![\w@-])(?:/{_ADDRESS_END})?",
    re.ASCII | re.IGNORECASE,
)
_HASHTAG = re.compile(r"(?<!\.)(?<!(?<![A-Za-z0-9])[A-G])#\s?((?=\w*[^\W\d])[\w+]{1,20})(?!\w)(?:#(?!\w))?")
_NAME = re.compile(r"(?<![A-Za-z0-9.])@[\w.·-]{1,30}")
_EMOJI = re.compile(
    "[\U0001f000-\U0001faff\U0001fb00-\U0001fbff\u2600-\u27bf\u2b00-\u2bff\u20e3\ufe00-\ufe0f\U000e0000-\U000e007f]+"
)
_EMOJI_NAME = re.compile(rf"\[(?:{'|'.join(EMOJI_NAMES)})\]")
_CLAUSE = re.compile(r"[^\s,.!?;:~|，。！？；：、～…]+")
_SPACES = re.compile(r"\s+")
_LEFT_OVER = re.compile(
    r"^#+(?=[^\W\d])|(?:(?<=\s)|^)[#@|/\\~,，、。;；:：!！?？.…·-]+(?=\s|$)"
    r"|\(\s*\)|\[\s*\]|【\s*】|「\s*」|《\s*》"
)
_LONGEST_BAIT = 24                  # characters; the pattern has many ways to read a longer one
_NEVER_FIRST = " ,.、。;:!?~|·"
_BAIT = re.compile(
    "(?:{})*(?:{})+(?:{})*".format(
        *("|".join(map(re.escape, sorted(words, key=len, reverse=True))) for words in (BAIT_OPENINGS, BAIT_ACTS, BAIT_ENDINGS))
    )
)


@dataclass(frozen=True, kw_only=True)
class CleanText:
    """A cleaned text, the hashtags that were in it (bait left out), and how many things of each kind were removed or masked.

    Kinds: hashtag, bait, link, name, emoji, control, and those of personal data.
    """

    text: str
    hashtags: tuple[str, ...]
    removed: Mapping[str, int]

    @property
    def holds_personal_data(self) -> bool:
        return not PERSONAL_DATA.isdisjoint(self.removed)


def clean_text(text: str) -> CleanText:
    """Clean a text: what comes out is in NFKC and simplified Chinese (Japanese stays), and cleaning it again changes nothing.

    Never longer than its own NFKC form. What is taken out can bring its neighbours together into something else that must
    go, so all rules are applied until none finds anything.
    """
    removed: Counter[str] = Counter()
    hashtags: list[str] = []
    before, now = None, _in_one_script(text)
    controls = sum(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co") and not c.isspace() for c in text)
    if controls:
        removed["control"] = controls
    while now != before:
        before, now = now, _in_one_script(_once(now, removed, hashtags))
    return CleanText(text=now, hashtags=tuple(dict.fromkeys(hashtags)), removed=dict(sorted(removed.items())))


def _once(text: str, removed: Counter[str], hashtags: list[str]) -> str:
    """Every rule once; counts and hashtags are added to what was found before."""
    text = _taken_out(_LINK, text, "link", removed)
    text, personal = masked(text)
    removed.update(personal)
    text = _HASHTAG.sub(lambda match: _hashtag(match, removed, hashtags), text)
    text = _taken_out(_NAME, text, "name", removed)
    text = _taken_out(_EMOJI, text, "emoji", removed)
    text = _taken_out(_EMOJI_NAME, text, "emoji", removed)
    text = _CLAUSE.sub(lambda match: _clause(match, removed), text)
    return _SPACES.sub(" ", _LEFT_OVER.sub(" ", text)).lstrip(_NEVER_FIRST).rstrip()


def _taken_out(pattern: re.Pattern[str], text: str, kind: str, removed: Counter[str]) -> str:
    text, count = pattern.subn(" ", text)
    if count:
        removed[kind] += count
    return text


def _hashtag(match: re.Match[str], removed: Counter[str], hashtags: list[str]) -> str:
    tag = match.group(1)
    if fold(tag) in BAIT_TOPICS:
        removed["bait"] += 1
    else:
        hashtags.append(tag)
    removed["hashtag"] += 1
    return " "


def _clause(match: re.Match[str], removed: Counter[str]) -> str:
    clause = fold(match.group())
    if clause not in BAIT_CLAUSES and not (len(clause) <= _LONGEST_BAIT and _BAIT.fullmatch(clause)):
        return match.group()
    removed["bait"] += 1
    return " "


def _in_one_script(text: str) -> str:
    """NFKC and simplified; Japanese keeps its characters, some of which look like traditional ones."""
    text = normalise(text)
    return text if KANA.search(text) else simplify(text)
