"""Subtitle files that lie beside a video."""

from __future__ import annotations

import os
import re
import sys
import unicodedata
from collections import defaultdict
from itertools import pairwise
from pathlib import Path

import pysubs2

from retrieval.errors import InputError
from retrieval.video.subtitle_text import SubtitleLine, plain_text
from retrieval.video.text_bytes import decode_text

_FORMATS = {".srt": "srt", ".vtt": "vtt", ".ass": "ass", ".ssa": "ssa"}
_SUFFIXES = (*_FORMATS, ".lrc")
_LARGEST_BYTES = 8 << 20
_MOST_CUES = 50_000
_LONGEST_TEXT = 2_000           # characters of one cue
_LANGUAGES = {
    "zh": "zh", "chi": "zh", "zho": "zh", "cn": "zh", "chinese": "zh", "中文": "zh", "中字": "zh",
    "chs": "zh-Hans", "sc": "zh-Hans", "gb": "zh-Hans", "zh-cn": "zh-Hans", "zh-sg": "zh-Hans", "zh-hans": "zh-Hans",
    "简体": "zh-Hans", "简中": "zh-Hans", "简": "zh-Hans",
    "cht": "zh-Hant", "tc": "zh-Hant", "big5": "zh-Hant", "zh-tw": "zh-Hant", "zh-hk": "zh-Hant", "zh-hant": "zh-Hant",
    "繁体": "zh-Hant", "繁體": "zh-Hant", "繁中": "zh-Hant", "繁": "zh-Hant",
    "en": "en", "eng": "en", "english": "en", "ja": "ja", "jp": "ja", "jpn": "ja", "ko": "ko", "kor": "ko",
    "fr": "fr", "fre": "fr", "fra": "fr", "de": "de", "ger": "de", "deu": "de", "es": "es", "spa": "es",
    "ru": "ru", "rus": "ru", "pt": "pt", "por": "pt", "it": "it", "ita": "it", "vi": "vi", "th": "th", "ar": "ar",
}
_MARKS = {"forced", "default", "full", "sdh", "cc", "hi", "signs", "songs", "sub", "subs", "字幕", "1", "2", "3", "4"}
_BLANK_LINES = re.compile(r"\n{3,}")
_WORD_STAMP = re.compile(r"<\d{1,4}:[\d:.]{2,12}>")
_STAMP = re.compile(r"\d:\d{1,2}[.,]\d{1,3}")
_NOTE_OF_VTT = re.compile(r"\s*NOTE(?=\s)")
_STAMP_OF_ASS = r"[ \t]*-?\d{1,2}:\d{2}:\d{2}[.\d]*[ \t]*"
_DIALOGUE = re.compile(rf"^[ \t]*Dialogue:[^,\n]*,{_STAMP_OF_ASS},{_STAMP_OF_ASS},.*$", re.MULTILINE)
_DRAWING = re.compile(r"\{[^{}]*\\p[1-9]")
_LRC_STAMP = re.compile(r"\[(\d{1,3}):(\d{1,2})(?:[.:](\d{1,3}))?\]")
_LRC_OFFSET = re.compile(r"^[ \t]*\[offset:[ \t]*([+-]?\d{1,9})[ \t]*\]", re.IGNORECASE | re.MULTILINE)
_LRC_LONGEST_MS = 10_000


class SidecarFolders:
    """Finds the subtitle files beside videos and lists each folder once, however many of its videos are asked for.

    Keeps what it saw for as long as it lives: make a new one for each run.
    """

    def __init__(self) -> None:
        self._found: dict[Path, dict[str, list[Path]]] = {}

    def find(self, video_path: str | Path) -> list[Path]:
        """Subtitle files of a video, sorted: its own name with .srt .vtt .ass .ssa or .lrc, or a word before that.

        `a.zh.srt` belongs to `a.mp4` unless there is also an `a.zh.mp4`. Upper and lower case are the same. A folder
        that cannot be listed has none.
        """
        video = Path(video_path).absolute()
        if video.parent not in self._found:
            self._found[video.parent] = _sidecars_by_stem(video.parent)
        return list(self._found[video.parent].get(folded_name(video.stem), ()))


def find_sidecars(video_path: str | Path) -> list[Path]:
    """Subtitle files of one video, as `SidecarFolders.find` gives them; for many videos make one SidecarFolders."""
    return SidecarFolders().find(video_path)


def _sidecars_by_stem(folder: Path) -> dict[str, list[Path]]:
    """The sidecars of a folder, sorted, under the folded stem of each video they may belong to."""
    try:
        with os.scandir(folder) as entries:
            files = [Path(entry.path) for entry in entries if _is_file(entry)]
    except OSError:
        return {}
    stems = {folded_name(file.stem) for file in files if file.suffix.lower() not in _SUFFIXES}
    found: dict[str, list[Path]] = defaultdict(list)
    for sidecar in sorted(file for file in files if file.suffix.lower() in _SUFFIXES):
        stem = folded_name(sidecar.stem)
        found[stem].append(sidecar)
        while stem not in stems and "." in stem:
            stem = stem.rpartition(".")[0]
            found[stem].append(sidecar)
    return dict(found)


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:             # a link to nowhere
        return False


def folded_name(name: str) -> str:
    """A file's name or a part of it as names are compared: in upper and lower case and in NFC and NFD the same."""
    return unicodedata.normalize("NFC", name).casefold()


def sidecar_language(path: str | Path, *, video: str | Path | None = None) -> str | None:
    """The language that a sidecar's name tells (`a.chs.srt`: zh-Hans), as a BCP 47 tag; None where it tells none.

    Only the last word counts, words such as `forced` apart, and none of the video's own name. Without `video`, its
    name is taken to end at the first dot.
    """
    name = folded_name(Path(path).stem)
    own = folded_name(Path(video).stem) if video else name.partition(".")[0]
    words = name.removeprefix(own).replace("_", "-").split(".")[1:]
    last = next((word for word in reversed(words) if word not in _MARKS), "")
    return _LANGUAGES.get(last)


def read_sidecar(path: str | Path) -> list[SubtitleLine]:
    """The lines of a subtitle file by start time, without styling and empty lines; a text ends at 2,000 characters.

    Encodings: any with a byte order mark, UTF-8, UTF-16, GB 18030, Big5. Raises InputError when the file cannot be
    read, has another suffix, is over 8 MiB, holds no timed line or more than 50,000.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in _SUFFIXES:
        raise InputError(f"{path} is no subtitle file: its name must end in {', '.join(_SUFFIXES)}.")
    text = decode_text(_bytes(path)).replace("\x00", "").replace("\r\n", "\n").replace("\r", "\n")
    try:
        lines = _parse_lyrics(text) if suffix == ".lrc" else _parse_subtitles(text, _FORMATS[suffix])
    except _TooManyCuesError:
        raise InputError(f"{path} has more than {_MOST_CUES} subtitle lines: remove or rename it.") from None
    except Exception:           # the parser's own errors have no common type, and any input may come here
        lines = []
    if not lines:
        raise InputError(f"{path} holds no subtitle line that can be read: check that it is a {suffix[1:]} file.")
    return sorted(lines, key=lambda line: (line.start_ms, line.end_ms))


class _TooManyCuesError(Exception):
    pass


def _bytes(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise InputError(f"{path} is not a file: check the path.")
        if path.stat().st_size > _LARGEST_BYTES:
            raise InputError(f"{path} is larger than {_LARGEST_BYTES >> 20} MiB, too large for subtitles: remove or rename it.")
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from None


def _parse_subtitles(text: str, name: str) -> list[SubtitleLine]:
    """As what the content looks like, else as the format that the suffix names, else as SRT."""
    if dialogue := _DIALOGUE.findall(text):
        return _parse_as("ssa", "\n".join(dialogue), cues=len(dialogue))       # its fields are those of ASS, too
    text = _BLANK_LINES.sub("\n\n", _WORD_STAMP.sub("", text))
    cues = sum(1 for _ in _STAMP.finditer(text)) // 2
    is_vtt = text.lstrip("\ufeff\n ").startswith("WEBVTT")
    vtt = _cues_alone(text)
    texts = {"vtt": vtt, "srt": vtt if is_vtt else text}
    order = dict.fromkeys(("vtt" if is_vtt else name, "srt"))
    return next(filter(None, (_parse_as(each, texts[each], cues=cues) for each in order if each in texts)), [])


def _cues_alone(text: str) -> str:
    """The cues of a WebVTT file without their identifiers, and without its header, notes, styles and regions."""
    blocks = (block for block in text.split("\n\n") if "-->" in block and not _NOTE_OF_VTT.match(block))
    return "\n\n".join(block[block.rfind("\n", 0, block.index("-->")) + 1 :] for block in blocks)


def _parse_as(format_name: str, text: str, *, cues: int) -> list[SubtitleLine]:
    if cues > _MOST_CUES:
        raise _TooManyCuesError
    # Tags are taken out by plain_text: the parser's own way takes the square of a long line's length.
    parsed = pysubs2.SSAFile.from_string(text, format_=format_name, keep_html_tags=True)
    return [
        SubtitleLine(max(event.start, 0), event.end, shown)
        for event in parsed
        if event.end > max(event.start, 0) and not _DRAWING.search(event.text)
        and (shown := plain_text(event.text)[:_LONGEST_TEXT])
    ]


def _parse_lyrics(text: str) -> list[SubtitleLine]:
    """Lyrics: `[mm:ss.xx]` stamps before a text, several for a repeated line.

    `[offset:ms]` shifts all, positive = earlier. A line is shown until the next later stamp (an empty line ends one), ten
    seconds at most; lines with the same stamp (two languages) are shown together.
    """
    offset = _LRC_OFFSET.search(text)
    shift_ms = -int(offset.group(1)) if offset else 0
    timed: list[tuple[int, str]] = []
    for line in text.splitlines():
        stamps = _leading_stamps(line)
        shown = plain_text(_WORD_STAMP.sub("", line[stamps[-1].end() :]))[:_LONGEST_TEXT] if stamps else ""
        if len(timed) + len(stamps) > _MOST_CUES:
            raise _TooManyCuesError
        timed += [(_stamp_ms(stamp) + shift_ms, shown) for stamp in stamps]
    starts = sorted({start for start, _ in timed})
    ends = {start: min(later, start + _LRC_LONGEST_MS) for start, later in pairwise([*starts, sys.maxsize])}
    return [SubtitleLine(max(start, 0), ends[start], shown) for start, shown in timed if shown and ends[start] > 0]


def _leading_stamps(line: str) -> list[re.Match[str]]:
    stamps: list[re.Match[str]] = []
    position = len(line) - len(line.lstrip())
    while stamp := _LRC_STAMP.match(line, position):
        stamps.append(stamp)
        position = stamp.end()
    return stamps


def _stamp_ms(stamp: re.Match[str]) -> int:
    minutes, seconds, fraction = stamp.groups()
    return (int(minutes) * 60 + int(seconds)) * 1000 + int((fraction or "0").ljust(3, "0"))
