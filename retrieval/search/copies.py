"""Copies of one video, such as re-encodings, told from videos that are merely alike and folded into the best of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from retrieval.search.fusion import FusedVideo

# A copy is as long as its original but for a frame or two and what a container rounds.
_SAME_LENGTH_MS = 200


def fold_copies(
    videos: Sequence[FusedVideo],
    *,
    suspects: Collection[str],
    durations: Callable[[Collection[str]], Mapping[str, int]],
    are_copies: Callable[[FusedVideo, FusedVideo], bool],
) -> tuple[list[FusedVideo], dict[str, list[FusedVideo]]]:
    """The videos without those that are copies of an earlier one, and the copies by the id of that one, in their order.

    videos: best first. suspects: the ids that may be copies by a glance at their pictures; a video without pictures never
    is one, whatever its words. durations: id -> ms of the ids given. are_copies: by what is seen; two of different lengths
    are never asked about, so that an excerpt and a video made to look like another one stay apart.
    """
    lengths = durations(suspects) if suspects else {}
    originals: list[FusedVideo] = []
    kept: list[FusedVideo] = []
    copies: dict[str, list[FusedVideo]] = {}
    for video in videos:
        length = lengths.get(video.video_id)
        if length is None:
            kept.append(video)
            continue
        same = (one for one in originals if abs(lengths[one.video_id] - length) <= _SAME_LENGTH_MS)
        original = next((one for one in same if are_copies(one, video)), None)
        if original is None:
            originals.append(video)
            kept.append(video)
        else:
            copies.setdefault(original.video_id, []).append(video)
    return kept, copies
