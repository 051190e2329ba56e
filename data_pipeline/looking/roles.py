"""What a line of text does on the screen, told from its place, its size, its time and its words. All thresholds stand here."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from data_pipeline.evidence.text_likeness import Box, box_of, same_row, similar_height
from data_pipeline.evidence.text_tracks import TextTrack

ROLES = ("subtitle", "title_card", "watermark", "interface", "scene")

_PLATFORM = r"(?:抖音|快手|小红书|微信|视频号|公众号|西瓜视频|哔哩哔哩|[bB]站|微博|火山|头条|tiktok|douyin|kwai|youtube)"
_ACT = r"(?:点赞|评论|收藏|转发|分享|播放|观看)"
_MUCH = r"\d+(?:[.,]\d+)*(?:[wWkKmM万千亿]\+?|\+)"
_COUNTED = rf"(?:次?{_ACT}|赞|粉丝|人(?:在看|观看|关注))"
# Each stands for the whole line, white space left out.
_INTERFACE = re.compile(
    rf"""[@＠].{{1,30}}
      | {_PLATFORM}?(?:号|id|ID|Id|账号|用户名)[:：]?[\w.\-]{{3,30}}
      | {_PLATFORM}[:：][\w.\-]{{2,30}}
      | (?:{_ACT}|粉丝|获赞|关注)?[:：]?{_MUCH}{_COUNTED}?
      | \d+{_COUNTED}
      | \+?(?:已?关注|{_ACT}|直播中|(?:点击)?进入直播间|倍速|全屏|展开|收起)
      | (?:说点什么|写评论|查看更多)\W*
      | Like|Share|Comment|Follow|Subscribe|LIVE
    """,
    re.VERBOSE,
)

# Of a line's height: the middles of two boxes that `same_row` and `similar_height` accept are never further apart.
_ROW_REACH = 0.65


@dataclass(frozen=True, kw_only=True)
class RoleRules:
    """Places and sizes are shares of the picture's height and width, times are ms."""

    watermark_share: float = 0.6        # of the video that a line in a corner must be seen to be a watermark ...
    watermark_least_ms: int = 3_000     # ... and for at least so long
    corner_x: float = 0.33              # the middle of a line in a corner is so close to the left or the right ...
    corner_y: float = 0.25              # ... and to the top or the bottom
    centred: float = 0.15               # how far the middle of a centred line may be from the middle of the picture
    band_top: float = 0.6               # subtitles stand below
    subtitle_height: float = 0.13       # and are not higher
    subtitle_longest_ms: int = 12_000
    band_lines: int = 3                 # so many centred lines, one after the other in one row, are subtitles anywhere
    title_height: float = 0.07          # a title's lines are at least so high
    title_longest_ms: int = 8_000


def roles(lines: Sequence[TextTrack], *, duration_ms: int, rules: RoleRules | None = None) -> list[str]:
    """One of ROLES for each line of a video; cases that several rules fit go to the first of them.

    interface: the words of an app around the video. watermark: in a corner most of the time. subtitle: centred at the
    bottom, or one of several that follow each other in one row. title_card: large and short. scene: all else.
    """
    rules = rules or RoleRules()
    boxes = [box_of(line.quad_0to1) for line in lines]
    short = [line.end_ms - line.start_ms <= rules.subtitle_longest_ms for line in lines]
    rows = _Rows(lines, boxes)
    in_turn = [
        short[place] and _centred(boxes[place], rules) and rows.has_mates(place, rules.band_lines - 1)
        for place in range(len(lines))
    ]
    return [
        _role(line, box, follows=follows, duration_ms=duration_ms, rules=rules)
        for line, box, follows in zip(lines, boxes, in_turn, strict=True)
    ]


def _role(line: TextTrack, box: Box, *, follows: bool, duration_ms: int, rules: RoleRules) -> str:
    shown_ms, height = line.end_ms - line.start_ms, box[3] - box[1]
    if _INTERFACE.fullmatch("".join(line.text.split())):
        return "interface"
    stays = shown_ms >= max(rules.watermark_share * duration_ms, rules.watermark_least_ms)
    if stays and _in_corner(box, rules):
        return "watermark"
    at_bottom = (box[1] + box[3]) / 2 >= rules.band_top and _centred(box, rules)
    brief = shown_ms <= rules.subtitle_longest_ms
    if height <= rules.subtitle_height and (follows or (at_bottom and brief)):
        return "subtitle"
    return "title_card" if height >= rules.title_height and shown_ms <= rules.title_longest_ms else "scene"


class _Rows:
    """The lines of a video by height, so that a line is held against those about its own row alone."""

    def __init__(self, lines: Sequence[TextTrack], boxes: Sequence[Box]) -> None:
        self._lines, self._boxes = lines, boxes
        self._order = sorted(range(len(lines)), key=lambda place: _middle(boxes[place]))
        self._middles = [_middle(boxes[place]) for place in self._order]

    def has_mates(self, place: int, least: int) -> bool:
        """Whether so many other lines stand in the same row, as high and as centred, at another time."""
        box = self._boxes[place]
        reach = _ROW_REACH * (box[3] - box[1])
        first = bisect_left(self._middles, _middle(box) - reach)
        last = bisect_right(self._middles, _middle(box) + reach)
        mates = (other for other in self._order[first:last] if self._are_mates(place, other))
        return sum(1 for _ in islice(mates, least)) == least

    def _are_mates(self, place: int, other: int) -> bool:
        a, b, one, two = self._boxes[place], self._boxes[other], self._lines[place], self._lines[other]
        at_another_time = two.end_ms <= one.start_ms or one.end_ms <= two.start_ms
        return at_another_time and same_row(a, b) and similar_height(a, b) and abs(a[0] + a[2] - b[0] - b[2]) <= 0.1


def _middle(box: Box) -> float:
    return (box[1] + box[3]) / 2


def _centred(box: Box, rules: RoleRules) -> bool:
    return abs((box[0] + box[2]) / 2 - 0.5) <= rules.centred


def _in_corner(box: Box, rules: RoleRules) -> bool:
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return min(x, 1 - x) <= rules.corner_x and min(y, 1 - y) <= rules.corner_y
