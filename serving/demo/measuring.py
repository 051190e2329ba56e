"""How well a library's own vectors answer: every query against every video, pooled and re-ranked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from retrieval.encoders import TextEncoder
from retrieval.errors import LibraryError
from retrieval.evaluation.scoring import Scores
from retrieval.library import Library
from retrieval.model.scores import combined_score, token_wise_scores


def library_scores(library: Library, video_ids: Sequence[str], texts: Sequence[str], *, encoder: TextEncoder) -> Scores:
    """[Q, N] scores of texts and stored videos; a video's is that of its best clip, as in a search.

    Raises LibraryError when a video has no vectors of the model, InputError for a text that cannot be read.
    """
    owner, pooled, frames, frame_mask = _clips(library, video_ids)
    read = encoder.encode_texts(texts)
    plain = read.pooled @ pooled.T
    fine = token_wise_scores(read, frames, frame_mask=frame_mask, interaction=encoder.interaction)
    starts = np.flatnonzero(np.diff(owner, prepend=-1))
    return Scores(
        pooled=np.maximum.reduceat(plain, starts, axis=1),
        reranked=np.maximum.reduceat(
            combined_score(plain, fine, interaction=encoder.interaction), starts, axis=1
        ),
    )


def _clips(
    library: Library, video_ids: Sequence[str]
) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:
    """Of all clips, video by video: the place of their video [C], vectors [C, D], frames [C, F, D] and mask [C, F]."""
    vectors = library.clip_vectors(video_ids)
    missing = [video_id for video_id in video_ids if video_id not in vectors]
    if missing:
        raise LibraryError(f"{len(missing)} videos have no vectors ({missing[0]} for one): add them with the model.")
    clips = {video_id: [clip.id for clip in library.clips(video_id)] for video_id in video_ids}
    stored = library.frame_vectors([clip for ids in clips.values() for clip in ids])
    rows = [stored[clip][1] for video_id in video_ids for clip in clips[video_id]]
    counts = np.array([len(row) for row in rows])
    frame_mask = np.arange(counts.max())[None, :] < counts[:, None]
    frames = np.zeros((*frame_mask.shape, rows[0].shape[1]), dtype=np.float32)
    frames[frame_mask] = np.concatenate(rows)
    owner = np.repeat(np.arange(len(video_ids)), [len(clips[video_id]) for video_id in video_ids])
    return owner, np.concatenate([vectors[video_id] for video_id in video_ids]), frames, frame_mask
