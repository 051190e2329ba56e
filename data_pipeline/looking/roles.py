"""What a line of text does on the screen, told from its place, its size, its time and its words. All thresholds stand here."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

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
    in_turn = [
        short[place] and _centred(boxes[place], rules) and _row_mates(place, lines, boxes) >= rules.band_lines - 1
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


def _row_mates(place: int, lines: Sequence[TextTrack], boxes: Sequence[Box]) -> int:
    """How many other lines stand in the same row, as high and as centred, at another time."""
    middle = (boxes[place][0] + boxes[place][2]) / 2
    return sum(
        (other.end_ms <= lines[place].start_ms or lines[place].end_ms <= other.start_ms)
        and same_row(box, boxes[place]) and similar_height(box, boxes[place])
        and abs((box[0] + box[2]) / 2 - middle) <= 0.05
        for other, box in zip(lines, boxes, strict=True)
    )


def _centred(box: Box, rules: RoleRules) -> bool:
    return abs((box[0] + box[2]) / 2 - 0.5) <= rules.centred


def _in_corner(box: Box, rules: RoleRules) -> bool:
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return min(x, 1 - x) <= rules.corner_x and min(y, 1 - y) <= rules.corner_y
