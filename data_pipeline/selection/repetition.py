"""What engines hear or read in many videos that have nothing to do with each other: inventions, a channel's greeting, lyrics."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data_pipeline.selection.columns import Measured, mask, numbers_in
from data_pipeline.selection.components import Indices
from data_pipeline.selection.near_texts import letters_of

_SEGMENT_KINDS = ("asr", "subtitle")
_MOSTLY = 0.5                       # of a candidate's letters, when some of its segments are heard elsewhere


def repeated_candidates(measured: Measured, same_texts: Indices, video_clusters: Indices, *, most: int) -> NDArray[np.bool_]:
    """Which candidates of speech or subtitles are in more than `most` videos, as a whole or by half of their letters.

    same_texts: for each candidate the first with the same letters; videos of one cluster count as one.
    """
    of_kind = mask(measured.candidates["kind"], _SEGMENT_KINDS)
    segments = np.flatnonzero(of_kind)
    found = np.zeros(len(of_kind), bool)
    found[segments] = _in_many(same_texts[segments], video_clusters[measured.video_of_candidate[segments]], most)
    spoken = np.flatnonzero(mask(measured.candidates["kind"], ["asr"]))
    found[spoken] |= _repeated_letters(measured, spoken, video_clusters, most) >= _MOSTLY
    return found


def _in_many(texts: Indices, videos: Indices, most: int) -> NDArray[np.bool_]:
    """Which texts stand in more than `most` different videos."""
    _, texts = np.unique(texts, return_inverse=True)
    width = int(videos.max(initial=0)) + 1
    different = np.unique(texts.reshape(-1) * width + videos) // width
    return (np.bincount(different) > most)[texts.reshape(-1)] if len(texts) else np.zeros(0, bool)


def _repeated_letters(measured: Measured, spoken: Indices, video_clusters: Indices, most: int) -> NDArray[np.float64]:
    """For each of these candidates the share of its letters and digits that is in segments heard in many videos."""
    speech, candidates = measured.speech, measured.candidates
    letters = letters_of(speech["text"])
    videos = numbers_in(speech["video_id"], measured.videos["video_id"])
    many = _in_many(letters.whole_hashes().view(np.int64), video_clusters[videos], most) & (letters.lengths > 0)
    repeated = np.flatnonzero(many & (videos >= 0))
    owners = measured.video_of_candidate[spoken]
    order = np.argsort(owners, kind="stable")
    first, last = (np.searchsorted(owners[order], videos[repeated], side=side) for side in ("left", "right"))
    segment = np.repeat(repeated, last - first)
    place = order[np.repeat(first - np.cumsum(last - first) + (last - first), last - first) + np.arange((last - first).sum())]
    starts, ends = (candidates[name].to_numpy()[spoken[place]] for name in ("start_ms", "end_ms"))
    within = (speech["start_ms"].to_numpy()[segment] >= starts) & (speech["end_ms"].to_numpy()[segment] <= ends)
    shared = np.bincount(place[within], weights=letters.lengths[segment[within]], minlength=len(spoken))
    return shared / np.maximum(candidates["characters"].to_numpy()[spoken], 1)
