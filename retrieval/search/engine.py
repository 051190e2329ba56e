"""One search from text to hits: recall -> fuse -> diversify -> moments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from retrieval.encoders import TextEncoder
from retrieval.errors import InputError
from retrieval.library import Library, StoredVideo
from retrieval.search.channels import VISUAL, Recall, clip_recall, text_recall
from retrieval.search.diversity import maximal_marginal_relevance
from retrieval.search.fusion import FusedVideo, fuse
from retrieval.search.moments import find_moments
from retrieval.search.query import Query
from retrieval.search.results import Hit, Moment, SearchResult
from retrieval.text import ngrams


@dataclass(frozen=True, kw_only=True)
class SearchSettings:
    """How far each stage looks."""

    recall: int = 200  # rows a channel to begin with; more where they come from too few videos
    diversity: float = 0.3  # 0 = plain order
    moments: int = 5  # a video


class SearchEngine:
    """Answers free-text queries over a library. Without a text encoder only the text channels answer."""

    def __init__(
        self, library: Library, *, encoder: TextEncoder | None = None, settings: SearchSettings | None = None
    ) -> None:
        self._library = library
        self._encoder = encoder
        self._settings = settings or SearchSettings()

    def search(self, text: str, *, count: int = 10) -> SearchResult:
        """The `count` best videos for `text`. Raises InputError for an empty query or a count below one."""
        query = Query.parse(text)
        if not query.text:
            raise InputError("The query is empty: type a few words that describe the video.")
        if count < 1:
            raise InputError(f"The number of results must be at least 1, not {count}.")
        channels, vector, notices = self._recall(query, _candidates(count))
        fused = fuse({name: recall.matches for name, recall in channels.items()})
        chosen = self._diversify(fused, count)
        stored = self._library.videos([video.video_id for video in chosen])
        hits = [self._hit(video, stored[video.video_id], vector) for video in chosen if video.video_id in stored]
        seen = frozenset().union(*(recall.seen for recall in channels.values()))
        hidden = len(seen - {video.video_id for video in fused})
        return SearchResult(query=query.text, hits=tuple(hits), hidden=hidden, notices=notices)

    def _recall(
        self, query: Query, videos: int
    ) -> tuple[dict[str, Recall], NDArray[np.float32] | None, tuple[str, ...]]:
        rows = self._settings.recall
        channels = text_recall(self._library, query, rows=rows, videos=videos)
        vector, notices = self._text_vector(query)
        if vector is not None:
            channels[VISUAL] = clip_recall(self._library, vector, rows=rows, videos=videos)
        return channels, vector, notices

    def _text_vector(self, query: Query) -> tuple[NDArray[np.float32] | None, tuple[str, ...]]:
        """The query in the space of the library's clips, [D]; None where there is none, and what to tell about it."""
        generation = self._library.generation()
        if self._encoder is None or generation is None:
            return None, ()
        own = self._encoder.generation
        if own != generation:
            return None, (
                f"The visual channel is off: the library's vectors come from {generation.encoder} "
                f"({generation.revision}), the model given is {own.encoder} ({own.revision}).",
            )
        try:
            read = self._encoder.encode_texts([query.encoder_text])
        except InputError as error:
            return None, (f"The visual channel is off for this query: {error}",)
        unread = f"The model could not read {read.unread[0]} tokens at the end of the query."
        return read.pooled[0], (unread,) if read.unread[0] else ()

    def _diversify(self, fused: Sequence[FusedVideo], count: int) -> list[FusedVideo]:
        candidates = fused[: _candidates(count)]
        vectors = self._library.clip_vectors([video.video_id for video in candidates])
        return maximal_marginal_relevance(
            candidates,
            relevance=lambda video: video.score,
            similarity=lambda a, b: _likeness(a, b, vectors),
            count=count,
            trade_off=1 - self._settings.diversity,
        )

    def _hit(self, video: FusedVideo, stored: StoredVideo, vector: NDArray[np.float32] | None) -> Hit:
        duration_ms = stored.video.duration_ms
        moments = find_moments(video.matches, duration_ms=duration_ms, most=self._settings.moments)
        if vector is not None:
            moments = [replace(moment, best_ms=self._best_frame_ms(moment, vector)) for moment in moments]
        return Hit(
            video_id=video.video_id,
            path=stored.locations[0].path,
            title=self._title(video.video_id),
            duration_ms=duration_ms,
            score=video.score,
            channels=video.best,
            moments=tuple(moments),
        )

    def _title(self, video_id: str) -> str:
        titles = [row for row in self._library.evidence(video_id) if row.kind == "title"]
        order = {"manifest": 0, "metadata": 1}
        return min(titles, key=lambda row: order.get(row.source, 2)).text if titles else ""

    def _best_frame_ms(self, moment: Moment, vector: NDArray[np.float32]) -> int:
        """The time of the frame closest to the query within the moment's clip; as it was where no clip matched."""
        clip = next((match.clip_id for match in moment.matches if match.clip_id is not None), None)
        frames = self._library.frame_vectors([clip]).get(clip) if clip is not None else None
        if frames is None:
            return moment.best_ms
        times, vectors = frames
        return times[int(np.argmax(vectors @ vector))]


def _candidates(count: int) -> int:
    """How many videos to choose `count` results from."""
    return max(4 * count, 20)


# Different videos of one subject stay below this cosine; copies and re-encodings stand above it.
_NEAR_DUPLICATE = 0.95


def _likeness(a: FusedVideo, b: FusedVideo, vectors: dict[str, NDArray[np.float32]]) -> float:
    """0 for different videos, towards 1 for copies: by their pictures where both have vectors, else by their matching text."""
    mine, theirs = vectors.get(a.video_id), vectors.get(b.video_id)
    if mine is not None and theirs is not None and len(mine) and len(theirs):
        cosine = float(_centre(mine) @ _centre(theirs))
        return max(0.0, (cosine - _NEAR_DUPLICATE) / (1 - _NEAR_DUPLICATE))
    texts_a, texts_b = ({t for m in video.best for t in ngrams(m.text or "")} for video in (a, b))
    union = len(texts_a | texts_b)
    overlap = len(texts_a & texts_b) / union if union else 0.0
    return max(0.0, (overlap - 0.9) / 0.1)


def _centre(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    mean = vectors.mean(axis=0)
    return mean / max(float(np.linalg.norm(mean)), 1e-12)
