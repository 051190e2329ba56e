"""From tracked lines to pieces of text: lines of one block are joined, fragments and repetitions dropped."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np

from data_pipeline.evidence.text_likeness import Box, box_of, overlap, same_row, similar_height
from data_pipeline.evidence.text_policy import comparable
from data_pipeline.evidence.text_tracks import TextTrack

_RECURRING_SHARE = 0.5              # a text visible for this share of a span was there all the time, and OCR lost it
_LINE_GAP = 0.9                     # between two lines of a block, in line heights
_WORD_GAP = 2.0                     # between two parts of a row, in line heights


def text_lines(tracks: Sequence[TextTrack], *, tolerance_ms: int) -> list[TextTrack]:
    """The lines by start time, each where it stands: a text that comes back is one line, a piece of a line is none.

    `tolerance_ms` as of `text_blocks`.
    """
    return _without_fragments(_recurring(tracks), tolerance_ms=tolerance_ms)


def text_blocks(tracks: Sequence[TextTrack], *, tolerance_ms: int, aspect: float = 16 / 9) -> list[TextTrack]:
    """Join tracked lines into pieces, by start time and in reading order within a piece.

    `tolerance_ms` is how far apart the starts and the ends of lines shown together may be: the time between two looks.
    `aspect` is width over height of the picture: gaps in a row are measured in line heights.
    """
    whole = _without_fragments(_without_twins(_recurring(tracks)), tolerance_ms=tolerance_ms)

    def together(a: TextTrack, b: TextTrack) -> bool:
        times = abs(a.start_ms - b.start_ms) <= tolerance_ms and abs(a.end_ms - b.end_ms) <= tolerance_ms
        return times and _in_one_block(box_of(a.quad_0to1), box_of(b.quad_0to1), aspect=aspect)

    blocks = [_joined(group) for group in _connected(whole, together, window_ms=tolerance_ms)]
    return sorted(blocks, key=lambda block: (block.start_ms, block.end_ms))


def _recurring(tracks: Iterable[TextTrack]) -> list[TextTrack]:
    """One track for a text that keeps coming back at one place, visible for half of that time or more."""
    by_text: dict[str, list[list[TextTrack]]] = defaultdict(list)
    for track in sorted(tracks, key=lambda track: track.start_ms):
        places = by_text[comparable(track.text)]
        for place in places:
            if overlap(box_of(place[-1].quad_0to1), box_of(track.quad_0to1)) >= 0.5:
                place.append(track)
                break
        else:
            places.append([track])
    return [track for places in by_text.values() for place in places for track in _merge_if_recurring(place)]


def _merge_if_recurring(place: list[TextTrack]) -> list[TextTrack]:
    start_ms, end_ms = place[0].start_ms, max(track.end_ms for track in place)
    shown_ms = sum(track.end_ms - track.start_ms for track in place)
    if len(place) == 1 or shown_ms < _RECURRING_SHARE * (end_ms - start_ms):
        return place
    best = max(place, key=lambda track: track.confidence)
    return [replace(best, start_ms=start_ms, end_ms=end_ms, looks=sum(track.looks for track in place))]


def _without_twins(tracks: list[TextTrack]) -> list[TextTrack]:
    """One track for a text shown at several places at once, as three buttons with one word."""
    found: dict[str, list[TextTrack]] = defaultdict(list)
    for track in sorted(tracks, key=lambda track: track.start_ms):
        same = found[comparable(track.text)]
        if same and track.start_ms < same[-1].end_ms:
            same[-1] = replace(same[-1], end_ms=max(same[-1].end_ms, track.end_ms))
        else:
            same.append(track)
    return [track for same in found.values() for track in same]


def _without_fragments(tracks: list[TextTrack], *, tolerance_ms: int) -> list[TextTrack]:
    """Drop a text that is a piece of another one at the same place and time: a line that one look saw in two parts."""
    tracks = sorted(tracks, key=lambda track: track.start_ms)

    def is_fragment(track: TextTrack) -> bool:
        key = comparable(track.text)
        return any(
            len(key) < len(comparable(other.text))
            and key in comparable(other.text)
            and overlap(box_of(other.quad_0to1), box_of(track.quad_0to1)) >= 0.6
            for other in tracks
            if other.start_ms - tolerance_ms <= track.start_ms and track.end_ms <= other.end_ms + tolerance_ms
        )

    return [track for track in tracks if not is_fragment(track)]


def _in_one_block(a: Box, b: Box, *, aspect: float) -> bool:
    height = min(a[3] - a[1], b[3] - b[1])
    if same_row(a, b):
        gap = (max(a[0], b[0]) - min(a[2], b[2])) * aspect
        return similar_height(a, b) and gap <= _WORD_GAP * height
    gap = max(a[1], b[1]) - min(a[3], b[3])
    shared = min(a[2], b[2]) - max(a[0], b[0])
    stacked = gap <= _LINE_GAP * height and shared >= 0.5 * min(a[2] - a[0], b[2] - b[0])
    return stacked and similar_height(a, b, ratio=0.4)


def _connected(
    tracks: list[TextTrack], linked: Callable[[TextTrack, TextTrack], bool], *, window_ms: int
) -> list[list[TextTrack]]:
    """Groups of tracks that are linked directly or through others; only tracks that start close together are tried."""
    group = list(range(len(tracks)))

    def root(item: int) -> int:
        while group[item] != item:
            item = group[item]
        return item

    first = 0
    for item, track in enumerate(tracks):
        while tracks[first].start_ms < track.start_ms - window_ms:
            first += 1
        for earlier in range(first, item):
            if linked(tracks[earlier], track):
                group[root(item)] = root(earlier)
    members: dict[int, list[TextTrack]] = defaultdict(list)
    for item, track in enumerate(tracks):
        members[root(item)].append(track)
    return list(members.values())


def _joined(lines: list[TextTrack]) -> TextTrack:
    """One piece: from the first start to the last end, text top to bottom and left to right, confidence by length."""
    if len(lines) == 1:
        return lines[0]
    lines = _reading_order(lines)
    boxes = np.array([box_of(line.quad_0to1) for line in lines])
    (left, top), (right, bottom) = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    return TextTrack(
        start_ms=min(line.start_ms for line in lines),
        end_ms=max(line.end_ms for line in lines),
        text=" ".join(line.text for line in lines),
        confidence=float(np.average([line.confidence for line in lines], weights=[len(line.text) for line in lines])),
        quad_0to1=np.array([[left, top], [right, top], [right, bottom], [left, bottom]], dtype=np.float32),
        looks=max(line.looks for line in lines),
    )


def _reading_order(lines: list[TextTrack]) -> list[TextTrack]:
    rows: list[list[tuple[Box, TextTrack]]] = []
    placed = sorted(((box_of(line.quad_0to1), line) for line in lines), key=lambda pair: pair[0][1] + pair[0][3])
    for box, line in placed:
        if rows and same_row(rows[-1][-1][0], box):
            rows[-1].append((box, line))
        else:
            rows.append([(box, line)])
    return [line for row in rows for _, line in sorted(row, key=lambda pair: pair[0][0])]
