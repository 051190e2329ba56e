"""Is a string something a person wrote about a video, or something a program left behind? Rules on the text alone."""

from __future__ import annotations

import re
import unicodedata

# What writes itself into metadata: muxers, encoders, editors; a sentence that only begins with such a name is kept.
_PROGRAM = r"""(?:
    lav[fc] | lib(?:x26[45]|vpx|aom|av1|fdk|mp3) | x26[45] | l-smash | gpac | mp4box | mkvmerge | mencoder | ffmpeg
  | handbrake | mainconcept | adobe\s+(?:premiere|after|media) | final\s+cut | imovie | quicktime | davinci\s+resolve
  | obs\s+studio | capcut | 剪映 | jianying | videoleap | inshot | bandicam | camtasia | filmora | vegas\s+pro
  | google | youtube
)"""
_PROGRAM_NAME = re.compile(rf"^{_PROGRAM}", re.IGNORECASE | re.VERBOSE)
# What may follow the name without saying anything about the video.
_VERSION_WORD = re.compile(
    r"pro|cc|x|inc\.?|player|studio|encoder|premiere|effects|video|core|iso|file|handler|for|mac|windows|version|release"
    r"|[-:,]|[-_a-z]{0,4}\d[\w.]*|\(.*\)",
    re.IGNORECASE,
)
_MADE_BY_PROGRAM = re.compile(
    rf"^(?:(?:\w+\s+){{0,3}}(?:created|made|encoded|exported|generated|edited|recorded|produced|converted|processed)"
    rf"\s+(?:with|by|using|in)|由|使用)\s*{_PROGRAM}",
    re.IGNORECASE | re.VERBOSE,
)
_TRACK_HANDLER = re.compile(
    r"^(?:(?:video|sound|audio|media|data)\s*handler|core\s+media|iso\s+media\s+file|vid:v?\w+$)", re.IGNORECASE
)
_PLACEHOLDER = re.compile(
    r"^(?:untitled|no\s*title|new\s+project|sequence|composition|comp|output|out|video|movie|title|default|unknown|none"
    r"|null|n/?a|无标题|未命名|无|标题|新项目|视频|默认)(?:[\s_-]*\d+)?$",
    re.IGNORECASE,
)
_CAMERA_NAME = re.compile(
    r"^(?:img|vid|dsc[nf_]?|mov|mvi|gopr|g[hxp]\d|pxl|dji|win|mvimg|rec|video|clip|cam|screen[\s_-]?record(?:ing|er)?"
    r"|wx_camera|mmexport|screenshot|wp|p|c)?[\s_\-.]*\d[\d\s_\-.~x]*(?:mp|hd|ts|lvl?)?$",
    re.IGNORECASE,
)
_UUID = re.compile(r"^\{?[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}\}?$", re.IGNORECASE)
_HASH = re.compile(r"^(?:(?=.*\d)[0-9a-f]{16,}|[0-9a-z]*(?:[a-z]\d+){3}[0-9a-z]*)$", re.IGNORECASE)
_LONGEST_FILE_NAME = 256
_ADDRESS = re.compile(r"^(?:https?://|www\.)\S+$", re.IGNORECASE)
_CODE = re.compile(r"^\s*(?:[{\[<]|[0-9A-F]{8}(?:\s[0-9A-F]{8})+$)")


def tidy(text: str) -> str:
    """Normal form C, white space as single spaces, no control or broken characters; the wording stays as it is."""
    text = unicodedata.normalize("NFC", text)
    kept = (c if unicodedata.category(c) not in ("Cc", "Cs", "Co") else " " for c in text)
    return " ".join("".join(kept).replace("\ufeff", "").split())


def is_machine_name(text: str) -> bool:
    """Say whether a file name was given by a camera or a program: IMG_2041, VID_20240101_120000, a uuid, a hash."""
    text = text.strip()
    return len(text) < _LONGEST_FILE_NAME and any(pattern.match(text) for pattern in (_CAMERA_NAME, _UUID, _HASH))


def is_placeholder(text: str) -> bool:
    """Say whether a title or a tag holds nothing about the video: a program's name, an empty word, no letter at all."""
    patterns = (_PLACEHOLDER, _TRACK_HANDLER, _MADE_BY_PROGRAM)
    empty = not any(c.isalnum() for c in text)
    return empty or any(pattern.match(text) for pattern in patterns) or _is_program_name(text)


def _is_program_name(text: str) -> bool:
    name = _PROGRAM_NAME.match(text)
    return name is not None and all(map(_VERSION_WORD.fullmatch, text[name.end():].split()))


def is_prose(text: str) -> bool:
    """Say whether a longer field was written for people: words; not a link, a number, a hash or a program's data."""
    letters = sum(c.isalpha() for c in text)
    if letters < 2 or is_placeholder(text) or is_machine_name(text):
        return False
    return not (_ADDRESS.match(text) or _CODE.match(text))
