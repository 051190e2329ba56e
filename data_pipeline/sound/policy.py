"""Which recognised speech is to be believed: every threshold and rule in one place, after the engines.

Pure functions on rows: they can be run again over stored rows, without a model.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Protocol

from data_pipeline.corpus.measured import SpeechRow
from data_pipeline.sound.inventions import is_farewell, is_invention, spoken_form
from data_pipeline.spans import Cover
from retrieval.text import fold


@dataclass(frozen=True, kw_only=True)
class SpeechPolicy:
    """Shares are of a segment's length, 0..1. The gates on no_speech, logprob and compression are Whisper's own."""

    least_voice: float = 0.25
    most_no_speech: float = 0.6
    least_logprob: float = -1.0
    most_compression: float = 2.4
    # A farewell is believed only where all of these are met.
    farewell_voice: float = 0.6
    farewell_no_speech: float = 0.5
    farewell_logprob: float = -1.0
    most_singing: float = 0.5
    most_music: float = 0.5         # where less than `clear_voice` of the segment is voice
    clear_voice: float = 0.5
    sure_music: float = 0.4         # scores of a tagger below do not count
    sure_singing: float = 0.3       # taggers hear singing less surely than music


DEFAULT_POLICY = SpeechPolicy()
POLICY_VERSION = "1"        # changes with the rules and thresholds of this file and of inventions.py

_LOOPED_LINES = 3           # the same line so often in a row ...
_LOOPED_CHARACTERS = 4      # ... if it is so long: 对 对 对 is how people answer
_VERSE_CHARACTERS = range(4, 21)
_SUNG_IN_A_ROW = 4
# A credit with a sign after it, or nothing else: somebody who speaks of composing has no sign there.
_ROLE = r"(?:作词|作曲|编曲|填词|谱曲|词曲|词|曲|演唱|原唱|翻唱|混音|母带|和声|制作人|lyrics?|composer|music by|arrangement)"
_SONG_CREDIT = re.compile(
    rf"\s*(?:{_ROLE}\s*[:：/／、·・|｜]\s*)+\S.{{0,24}}|\s*(?:(?:作词|作曲|编曲|填词|演唱|原唱)\s*){{1,3}}\s\S{{1,6}}"
)
_FEWEST_VERSES, _MOST = 2, 0.6
# What CNVid found among the most frequent words of its unfiltered speech, and their kin. Source: CNVid-3.5M (CVPR 2023).
_SONG_WORD = re.compile(
    r"[爱心梦泪夜]|啦啦|思念|想你|等你|你的(?:笑|手|脸|眼)|月光|星星|微风|那年|夏天|远方|永远|时光|回头|人海|孤单|寂寞|牵|拥抱|宝贝|春夏秋冬"
    r"|天真|眼前|幸福|一生|歌|唱"
)


class Heard(Protocol):
    """A span of `AudioSpanRow` or `SoundSpan`."""

    @property
    def start_ms(self) -> int: ...

    @property
    def end_ms(self) -> int: ...

    @property
    def label(self) -> str: ...

    @property
    def score(self) -> float: ...


def judged(
    segments: Sequence[SpeechRow],
    *,
    voice: Sequence[Heard] | None,
    tags: Sequence[Heard] | None,
    policy: SpeechPolicy = DEFAULT_POLICY,
) -> tuple[SpeechRow, ...]:
    """The segments of one video with shares and flags set, and moved to where a voice is heard.

    voice, tags: what a voice detector and an audio tagger heard, None where none was asked. Judging again gives the same
    flags; `repeated_elsewhere`, which needs the other videos, is kept.
    """
    voiced = _cover(voice, "speech", 0.0)
    music, singing = _cover(tags, "music", policy.sure_music), _cover(tags, "singing", policy.sure_singing)
    measured = [_measured(row, voiced, music, singing) for row in segments]
    looped, sung = looped_lines([row.text for row in measured]), sung_lines(measured)
    judged_rows = []
    for at, row in enumerate(measured):
        flags = flags_of(row, policy=policy)
        flags += [flag for flag, rows in (("repeated", looped), ("lyrics", sung)) if at in rows and flag not in flags]
        flags += ["repeated_elsewhere"] if "repeated_elsewhere" in row.flags else []
        judged_rows.append(replace(_clamped(row, voiced, flags), flags=tuple(flags)))
    return tuple(judged_rows)


def flags_of(row: SpeechRow, *, policy: SpeechPolicy = DEFAULT_POLICY) -> list[str]:
    """What is wrong with a segment by itself; nothing for a good one. A rule whose evidence is None does not apply."""
    rules = {
        "no_voice": _below(row.voice_share, policy.least_voice),
        "no_speech": _above(row.no_speech, policy.most_no_speech) and _below(row.average_logprob, policy.least_logprob),
        "compression": _above(row.compression, policy.most_compression),
        "repeated": is_loop(row.text),
        "invention": is_invention(row.text) or (is_farewell(row.text) and not _believed(row, policy)),
        "lyrics": _above(row.singing_share, policy.most_singing) or _SONG_CREDIT.fullmatch(fold(row.text)) is not None,
        "music": _above(row.music_share, policy.most_music) and _below(row.voice_share, policy.clear_voice),
    }
    return [flag for flag, applies in rules.items() if applies]


def text_flags(texts: Sequence[str]) -> list[tuple[str, ...]]:
    """What the text rules find in the lines of one track that came with a video, in order of time: repeated, invention, lyrics.

    Nothing was heard that speaks for a farewell: it is not believed.
    """
    rows = [
        SpeechRow(
            video_id="", segment=at, start_ms=at, end_ms=at + 1, text=text, language=None, average_logprob=None, no_speech=None,
            compression=None, voice_share=None, music_share=None, singing_share=None, flags=(), engine="", model_digest="",
        )
        for at, text in enumerate(texts)
    ]  # fmt: skip
    return [row.flags for row in judged(rows, voice=None, tags=None)]


def is_loop(text: str) -> bool:
    """Whether most of a line is one piece over and over, as a decoder writes that cannot stop.

    One sign 20 times, 2 or 3 signs 7 times, a longer piece 4 times, in a row and over 60 % of the line; less is how people
    cheer, laugh and cry their wares.
    """
    spoken = spoken_form(text)
    at = 0
    while at < len(spoken):
        longest = 0
        for unit in range(1, min(40, (len(spoken) - at) // 4) + 1):
            piece = spoken[at : at + unit]
            times = 1
            while spoken.startswith(piece, at + times * unit):
                times += 1
            if times >= (20 if unit == 1 else 7 if unit <= 3 else 4):
                longest = max(longest, times * unit)
        if longest > 0.6 * len(spoken):
            return True
        at += 1
        if at > 0.4 * len(spoken):
            return False
    return False


def looped_lines(texts: Sequence[str]) -> set[int]:
    """Positions of lines that are said three times in a row or more, word for word."""
    spoken = [spoken_form(text) for text in texts]
    found: set[int] = set()
    begin = 0
    for end in range(1, len(spoken) + 1):
        if end == len(spoken) or spoken[end] != spoken[begin]:
            if end - begin >= _LOOPED_LINES and len(spoken[begin]) >= _LOOPED_CHARACTERS:
                found.update(range(begin, end))
            begin = end
    return found


def sung_lines(segments: Sequence[SpeechRow]) -> set[int]:
    """Positions of lines that read like a song's: a chorus that returns, rhymes over music, verses full of a song's words."""
    spoken = [spoken_form(row.text) for row in segments]
    over_music = [(row.music_share or 0.0) > 0.5 for row in segments]
    return _chorus(spoken) | _rhymes(spoken, over_music) | _verses([row.text for row in segments])


def _chorus(spoken: Sequence[str]) -> set[int]:
    """Two neighbouring lines of 4 to 20 characters, unlike each other, that come again later."""
    places: dict[tuple[str, str], list[int]] = defaultdict(list)
    for at, pair in enumerate(pairwise(spoken)):
        if pair[0] != pair[1] and all(len(line) in _VERSE_CHARACTERS for line in pair):
            places[pair].append(at)
    return {at + i for at_all in places.values() if at_all[-1] - at_all[0] >= 2 for at in at_all for i in (0, 1)}


def _rhymes(spoken: Sequence[str], over_music: Sequence[bool]) -> set[int]:
    """At least four short lines in a row over music, of which half end as the line before or the one before that."""
    found: set[int] = set()
    begin = 0
    for end in range(len(spoken) + 1):
        if end < len(spoken) and over_music[end] and len(spoken[end]) in _VERSE_CHARACTERS:
            continue
        ends = [line[-1] for line in spoken[begin:end]]
        rhyming = sum(last in ends[max(i - 2, 0) : i] for i, last in enumerate(ends))
        if len(ends) >= _SUNG_IN_A_ROW and rhyming >= len(ends) / 2:
            found.update(range(begin, end))
        begin = end + 1
    return found


def _verses(texts: Sequence[str]) -> set[int]:
    """Lines of two phrases of like length with a space for the breath, where most of a video's lines are such, and most of
    these have a word that songs live on: speech that a recogniser writes without punctuation has the form, not the words."""
    verses = [i for i, text in enumerate(texts) if _is_verse(text)]
    with_words = sum(_SONG_WORD.search(fold(texts[i])) is not None for i in verses)
    enough = len(verses) >= max(_FEWEST_VERSES, _MOST * len(texts)) and with_words >= _MOST * len(verses)
    return set(verses) if enough else set()


def _is_verse(text: str) -> bool:
    phrases = fold(text).split()
    lengths = [len(phrase) for phrase in phrases]
    return 2 <= len(phrases) <= 4 and all(map(str.isalnum, phrases)) and max(lengths) <= 9 and max(lengths) - min(lengths) <= 4


def repeated_across(texts_by_video: Mapping[str, Iterable[str]], *, videos: int = 4, characters: int = 6) -> frozenset[str]:
    """The lines, in their `spoken_form`, of at least so many characters that are in at least so many videos.

    What unrelated videos share word for word is a song, an advertisement or an invention. `texts_by_video` should have one
    entry for copies of the same video.
    """
    seen: dict[str, int] = defaultdict(int)
    for texts in texts_by_video.values():
        for spoken in {spoken_form(text) for text in texts}:
            seen[spoken] += 1
    return frozenset(spoken for spoken, count in seen.items() if count >= videos and len(spoken) >= characters)


def _measured(row: SpeechRow, voice: Cover | None, music: Cover | None, singing: Cover | None) -> SpeechRow:
    def share(cover: Cover | None) -> float | None:
        return None if cover is None else cover.share(row.start_ms, row.end_ms)

    return replace(row, voice_share=share(voice), music_share=share(music), singing_share=share(singing))


def _cover(spans: Sequence[Heard] | None, label: str, least: float) -> Cover | None:
    if spans is None:
        return None
    return Cover((span.start_ms, span.end_ms) for span in spans if span.label == label and span.score >= least)


def _clamped(row: SpeechRow, voice: Cover | None, flags: Sequence[str]) -> SpeechRow:
    """Music makes Whisper stretch a line: it begins and ends with the voice. One without a voice is left as it is."""
    heard = None if voice is None else voice.within(row.start_ms, row.end_ms)
    if heard is None or "no_voice" in flags:
        return row
    return replace(row, start_ms=heard[0], end_ms=heard[1])


def _believed(row: SpeechRow, policy: SpeechPolicy) -> bool:
    return (
        row.voice_share is not None
        and row.voice_share >= policy.farewell_voice
        and not _above(row.no_speech, policy.farewell_no_speech)
        and not _below(row.average_logprob, policy.farewell_logprob)
    )


def _above(value: float | None, limit: float) -> bool:
    return value is not None and value > limit


def _below(value: float | None, limit: float) -> bool:
    return value is not None and value < limit
