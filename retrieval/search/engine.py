"""One search from text to hits: recall -> re-rank what is seen -> fuse -> diversify -> moments."""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from retrieval.encoders import SentenceModel, TextEncoder, TextVectors
from retrieval.errors import BackendError, InputError
from retrieval.library import Library, StoredVideo, VideoFilter
from retrieval.notices import Notice
from retrieval.records import EVIDENCE_KINDS, Generation
from retrieval.search.channels import MEANING, VISUAL, Recall, clip_recall, meaning_recall, ranked, text_recall
from retrieval.search.confidence import (
    Calibration,
    answered,
    band_of,
    reads_nothing,
    stored_calibration,
    unreadable_words,
)
from retrieval.search.copies import fold_copies
from retrieval.search.diversity import maximal_marginal_relevance
from retrieval.search.exclusion import Wanted, holding, is_quoted
from retrieval.search.fusion import FusedVideo, fuse
from retrieval.search.likeness import CLIPS_COMPARED, CopyDetector, may_be_copies
from retrieval.search.moments import find_moments
from retrieval.search.query import Query
from retrieval.search.reranking import Frames, StoredFrames, rerank
from retrieval.search.results import Copy, Hit, Match, Moment, SearchResult
from retrieval.search.spelling import Corrected, corrected, finds_little
from retrieval.search.stopwatch import Stopwatch
from retrieval.text import normalise


@dataclass(frozen=True, kw_only=True)
class _Recalled:
    """read: the query in the space of the clips, None = not read. guessed: whether its words were taken for others."""

    channels: dict[str, Recall]
    read: TextVectors | None
    notices: tuple[str, ...]
    guessed: bool


_Copies = Mapping[str, Sequence[FusedVideo]]     # the copies of a video that is shown, by its id
_FURTHER = 4    # times as many videos are recalled where some of them will be left out, or were copies


@dataclass(frozen=True, kw_only=True)
class SearchSettings:
    """How far each stage looks."""

    recall: int = 100  # rows of vectors a channel to begin with; more where they come from too few videos
    vector_recall: float | None = None  # share of the nearest rows of vectors that must be found; None = 0.97
    lines: int = 60  # rows of texts, likewise (96.6 % of what 1000 put among the first ten of a million clips; 97.0 % at 100)
    rerank: int = 100  # recalled clips that are compared word by word; 0 = the pooled vectors alone decide
    rank_ms: float | None = None  # for that, best clips first, some at least; None = as long as it takes
    diversity: float = 0.3  # 0 = plain order
    collapse: bool = True  # copies of a video stand with the best of them; False = each for itself
    moments: int = 5  # a video
    channels: frozenset[str] | None = None  # the only ones that are asked; None = all
    show_hidden: bool = False  # after all others, also the videos that share only incidental characters with the query
    words_suffice: bool = True  # while a store of vectors cannot be reached, if they are asked; else BackendError


class SearchEngine:
    """Answers free-text queries over a library: its words, with a text encoder also what is seen, with a sentence model
    also what titles, speech and on-screen text mean."""

    def __init__(
        self,
        library: Library,
        *,
        encoder: TextEncoder | None = None,
        sentences: SentenceModel | None = None,
        settings: SearchSettings | None = None,
        generations: Collection[Generation] = (),
    ) -> None:
        """generations: whose vectors are searched as long as the library holds them, also when others are activated; of any
        kind that is not among them those that are active."""
        self._library = library
        self._generations = tuple(generations)
        self._encoder = encoder
        self._sentences = sentences
        self._settings = settings or SearchSettings()

    def search(self, text: str, *, count: int = 10, where: VideoFilter | None = None) -> SearchResult:
        """The `count` best videos for `text` of those that pass the filter, None = of all.

        Raises InputError for an empty query or a count below one.
        """
        wanted = Wanted.parse(text)
        if not wanted.text:
            raise InputError("The query is empty: type a few words that describe the video.")
        if count < 1:
            raise InputError(f"The number of results must be at least 1, not {count}.")
        with self._library.snapshot(vectors=self._reads_otherwise, generations=self._generations):
            wanted = self._as_meant(text, wanted)
            far = _candidates(count) * (_FURTHER if wanted.without else 1)
            return self._search(text, wanted, Stopwatch(), count=count, where=where, far=far)

    def _as_meant(self, text: str, wanted: Wanted) -> Wanted:
        """What was read out of the text, or all of it where the library holds it as it was typed."""
        whole = Wanted(normalise(text))
        return whole if wanted != whole and is_quoted(self._library, text) else wanted

    def _search(
        self, text: str, wanted: Wanted, watch: Stopwatch, *, count: int, where: VideoFilter | None, far: int
    ) -> SearchResult:
        """far: how many videos each channel recalls."""
        query = Query.parse(wanted.text)
        frames = StoredFrames(self._library)
        found = self._recall(query, far, frames, where, watch)
        channels, read, notices = found.channels, found.read, found.notices
        recalled = len({match.video_id for recall in channels.values() for match in recall.matches})
        unwanted: frozenset[str] = frozenset()
        if wanted.without:
            with watch.stage("exclude"):
                unwanted = self._unwanted(channels, wanted.without)
                channels = {name: recall.but_for(unwanted) for name, recall in channels.items()}
            notices += (_left_out(wanted.without, len(unwanted)),)
        unreadable = () if read is None else unreadable_words(read)
        if unreadable:
            notices += (_not_learned("、".join(unreadable), searched=VISUAL in channels),)
        with watch.stage("fuse"):
            fused = fuse({name: recall.matches for name, recall in channels.items()})
        with watch.stage("diversify"):
            chosen, copies = self._diversify(fused, count)
        if len(chosen) < count and (copies or unwanted) and recalled >= far:
            return self._search(text, wanted, watch, count=count, where=where, far=far * _FURTHER)
        calibration = stored_calibration(self._library)
        with watch.stage("moments"):
            hits = self._hits(chosen, copies, calibration, blind=bool(unreadable), guessed=found.guessed)
            if read is not None:
                hits = _with_best_frames(hits, read.pooled[0], frames)
        if frames.damage:
            notices += (Notice(
                f"The order of what is seen and the best frame of each moment are not exact: {frames.damage}",
                zh=f"画面的排序和各片段的最佳帧不准确：{frames.damage}",
            ),)  # fmt: skip
        seen = frozenset().union(*(recall.seen for recall in channels.values()))
        shown = {video.video_id for video in fused}
        hidden = len(seen - shown)
        # by what stands above the threshold
        is_answered = answered(hits, calibration, blind=bool(unreadable), guessed=found.guessed)
        if self._settings.show_hidden:
            hits += self._hidden_hits(channels, shown, calibration, most=count - len(hits))
        return SearchResult(
            query=normalise(text), hits=tuple(hits), hidden=hidden, notices=notices, took_ms=watch.took_ms(),
            answered=is_answered,
        )

    def search_alike(
        self, vectors: NDArray[np.float32], *, count: int = 10, where: VideoFilter | None = None,
        without: Collection[str] = (),
    ) -> SearchResult:
        """The `count` videos that look most like any of some pictures or clips, but for the videos `without`.

        vectors: [n, D] unit length, of the active generation; a clip has the score of the nearest of them. Neither a hit's
        confidence nor whether the example is answered can be told: the calibration is of texts, and clips lie nearer to clips.
        """
        watch, far = Stopwatch(), _candidates(count)
        with self._library.snapshot():
            while True:
                with watch.stage("recall"):
                    nearest = self._nearest(vectors, videos=far + len(without), where=where, without=without)
                with watch.stage("fuse"):
                    fused = fuse({VISUAL: tuple(ranked(nearest))})
                with watch.stage("diversify"):
                    chosen, copies = self._diversify(fused, count)
                if len(chosen) >= count or not copies or len(fused) < far:
                    break
                far *= _FURTHER
            with watch.stage("moments"):
                hits = self._hits(chosen, copies, calibration=None)
        return SearchResult(query="", hits=tuple(hits), hidden=0, took_ms=watch.took_ms())

    def saliency(self, text: str, video_id: str) -> list[tuple[int, float]]:
        """(time_ms, cosine) of every frame of a video that has a vector, by time; [] without a visual channel."""
        with self._library.snapshot(vectors=False, generations=self._generations):
            read, _ = self._read(Query.parse(self._as_meant(text, Wanted.parse(text)).text))
            if read is None:
                return []
            found = StoredFrames(self._library).of({clip.id for clip in self._library.clips(video_id)})
        curve = [
            (time, float(score))
            for times, vectors in found.values()
            for time, score in zip(times, vectors @ read.pooled[0], strict=True)
        ]
        return sorted(curve)

    def with_settings(self, settings: SearchSettings) -> SearchEngine:
        """The same engine, its models and all it has learned, looking as far as these settings say."""
        other = copy.copy(self)
        other._settings = settings
        return other

    def _nearest(
        self, vectors: NDArray[np.float32], *, videos: int, where: VideoFilter | None, without: Collection[str]
    ) -> list[Match]:
        """The clips near any of the vectors [n, D], each once with its best score, but for those of the videos `without`."""
        nearest: dict[int | None, Match] = {}
        for vector in vectors:
            recall = self._clips(vector, videos, where)
            for match in recall.matches:
                known = nearest.get(match.clip_id)
                if match.video_id not in without and (known is None or match.score > known.score):
                    nearest[match.clip_id] = match
        return list(nearest.values())

    def _clips(self, vector: NDArray[np.float32], videos: int, where: VideoFilter | None) -> Recall:
        settings = self._settings
        return clip_recall(
            self._library, vector, rows=settings.recall, videos=videos, where=where, share=settings.vector_recall
        )

    def _unwanted(self, channels: Mapping[str, Recall], words: Sequence[str]) -> frozenset[str]:
        """The videos of which a text holds one of the words."""
        there = {match.video_id for recall in channels.values() for match in (*recall.matches, *recall.below)}
        return holding(self._library, words, there)

    def _recall(
        self, query: Query, videos: int, frames: StoredFrames, where: VideoFilter | None, watch: Stopwatch
    ) -> _Recalled:
        with watch.stage("lexical"):
            channels = self._words(query, videos, where)
        guessed = False
        shown_for: tuple[str, ...] = ()
        if self._asks_words and finds_little(channels):
            with watch.stage("spelling"):
                others = any(recall.matches for recall in channels.values()) or self._reads_otherwise
                other = corrected(self._library, query, nothing_else=not others)
            if other is not None:
                shown_for, guessed = (_shown_for(query, other),), other.guessed
                with watch.stage("lexical"):
                    channels = self._words(Query.parse(other.text), videos, where)
                query = Query.parse(other.heard)
        with watch.stage("encode"):
            meant, notices = self._read_meaning(query) if self._asks(MEANING) else (None, ())
            notices = shown_for + notices
            read, more = self._read(query) if self._asks(VISUAL) else (None, ())
        notices += more
        if meant is None and read is None:
            return _Recalled(channels=channels, read=None, notices=notices, guessed=guessed)
        try:
            with watch.stage("recall"):
                if meant is not None:
                    channels[MEANING] = meaning_recall(
                        self._library, meant, rows=self._settings.recall, videos=videos, where=where,
                        share=self._settings.vector_recall,
                    )  # fmt: skip
                if read is not None and not reads_nothing(read):
                    channels[VISUAL] = self._clips(read.pooled[0], videos, where)
        except BackendError as error:
            if not (self._settings.words_suffice and self._asks_words):
                raise
            instead = Notice(
                f"Vectors were not searched, words were: {error}", zh=f"没有查画面和语义，只查了文字：{error}"
            )
            return _Recalled(channels=channels, read=None, notices=(*notices, instead), guessed=guessed)
        notices += tuple(filter(None, [self._library.vectors_notice()]))
        if read is not None and VISUAL in channels:
            with watch.stage("rank"):
                channels[VISUAL], cut = self._reranked(channels[VISUAL], read, frames)
            notices += cut
        return _Recalled(channels=channels, read=read, notices=notices, guessed=guessed)

    @property
    def _reads_otherwise(self) -> bool:
        """Whether a model looks for what no word says."""
        return (self._encoder is not None and self._asks(VISUAL)) or (self._sentences is not None and self._asks(MEANING))

    @property
    def _asks_words(self) -> bool:
        return any(map(self._asks, EVIDENCE_KINDS))

    def _words(self, query: Query, videos: int, where: VideoFilter | None) -> dict[str, Recall]:
        if not self._asks_words:
            return {}
        settings = self._settings
        found = text_recall(
            self._library, query, rows=settings.lines, videos=videos, where=where, keep_below=settings.show_hidden
        )
        return {name: recall for name, recall in found.items() if self._asks(name)}

    def _reranked(self, recall: Recall, read: TextVectors, frames: StoredFrames) -> tuple[Recall, tuple[str, ...]]:
        """The first clips in the order of words and frames, and what to tell where there was no time for all of them."""
        assert self._encoder is not None
        if self._encoder.interaction.share == 0:        # words × frames would change nothing
            return recall, ()
        clips = [match.clip_id for match in recall.matches[: self._settings.rerank] if match.clip_id is not None]
        known, looked_at = frames.within(clips, milliseconds=self._settings.rank_ms)
        matches = rerank(recall.matches, read, known, interaction=self._encoder.interaction)
        cut = () if looked_at == len(clips) else (Notice(
            f"There was time to compare {looked_at} of the {len(clips)} nearest clips word by word.",
            zh=f"时间只够逐词比较最近的 {len(clips)} 个镜头中的 {looked_at} 个。",
        ),)  # fmt: skip
        return replace(recall, matches=matches), cut

    def _read(self, query: Query) -> tuple[TextVectors | None, tuple[str, ...]]:
        """The query in the space of the library's clips; None where there is none, and what to tell about it."""
        generation = self._library.generation()
        if self._encoder is None or generation is None:
            return None, ()
        own = self._encoder.generation
        if not own.same_vectors(generation):
            return None, (Notice(
                f"The visual channel is off: the library's vectors come from {generation.encoder} "
                f"({generation.revision}), the model given is {own.encoder} ({own.revision}).",
                zh=f"画面通道已关闭：库里的向量来自 {generation.encoder}（{generation.revision}），"
                f"现在的模型是 {own.encoder}（{own.revision}）。",
            ),)  # fmt: skip
        try:
            read = self._encoder.encode_texts([query.encoder_text])
        except InputError as error:
            return None, (Notice(
                f"The visual channel is off for this query: {error}", zh=f"这次没有查画面：{error}"
            ),)  # fmt: skip
        unread = Notice(
            f"The model could not read {read.unread[0]} tokens at the end of the query.",
            zh=f"查询太长，模型没有读末尾的 {read.unread[0]} 个词元。",
        )
        return read, (unread,) if read.unread[0] else ()

    def _asks(self, channel: str) -> bool:
        return self._settings.channels is None or channel in self._settings.channels

    def _read_meaning(self, query: Query) -> tuple[NDArray[np.float32] | None, tuple[str, ...]]:
        """The query [D] in the space of the library's texts; None where there is none, and what to tell about it."""
        generation = self._library.text_generation()
        if self._sentences is None or generation is None:
            return None, ()
        own = self._sentences.generation
        if not own.same_vectors(generation):
            return None, (Notice(
                f"The meaning channel is off: the library's vectors of texts come from {generation.encoder} "
                f"({generation.revision}), the model given is {own.encoder} ({own.revision}).",
                zh=f"语义通道已关闭：库里的文本向量来自 {generation.encoder}（{generation.revision}），"
                f"现在的模型是 {own.encoder}（{own.revision}）。",
            ),)  # fmt: skip
        read = self._sentences.encode([query.text])
        unread = Notice(
            f"The sentence model could not read {read.unread[0]} tokens at the end of the query.",
            zh=f"查询太长，语义模型没有读末尾的 {read.unread[0]} 个词元。",
        )
        return read.vectors[0], (unread,) if read.unread[0] else ()

    def _diversify(self, fused: Sequence[FusedVideo], count: int) -> tuple[list[FusedVideo], _Copies]:
        """The videos to show, and the copies of each that has some; more are looked at where copies leave too few."""
        looked_at = _candidates(count)
        while True:
            chosen, copies = self._diversified(fused[:looked_at], count)
            if len(chosen) >= count or not copies or looked_at >= len(fused):
                return chosen, copies
            looked_at *= _FURTHER

    def _diversified(self, candidates: Sequence[FusedVideo], count: int) -> tuple[list[FusedVideo], _Copies]:
        shown = {match.clip_id for video in candidates for match in video.best if match.clip_id is not None}
        vectors = self._library.glimpses([video.video_id for video in candidates], shown)
        suspects = may_be_copies(vectors)
        vectors |= self._library.clip_vectors(suspects, most=CLIPS_COMPARED)
        detector = CopyDetector(candidates, vectors, suspects=suspects)
        copies: _Copies = {}
        if self._settings.collapse:
            candidates, copies = fold_copies(
                candidates, suspects=suspects, durations=self._library.durations,
                # asked of the original each time: its likeness to all others is reckoned once, however many copies it has
                are_copies=lambda original, video: detector.likeness(video, original) > 0.0,
            )  # fmt: skip
        places = detector.places(candidates)
        chosen = maximal_marginal_relevance(
            candidates,
            relevance=lambda video: video.score,
            likeness_to=lambda video: detector.likenesses(video)[places],
            count=count,
            trade_off=1 - self._settings.diversity,
        )
        return chosen, copies

    def _hits(
        self, chosen: Sequence[FusedVideo], copies: _Copies, calibration: Calibration | None, *, blind: bool = False,
        guessed: bool = False,
    ) -> list[Hit]:
        """blind: the model cannot read the query, so that pictures do not speak for a video. guessed: as in `band_of`."""
        ids = [one.video_id for video in chosen for one in (video, *copies.get(video.video_id, ()))]
        stored, titles = self._library.videos(ids), self._library.titles(ids)
        return [
            self._hit(
                video, stored[video.video_id], titles.get(video.video_id, []),
                confidence=None if calibration is None else band_of(
                    video.best, calibration, blind=blind, guessed=guessed
                ),
                copies=tuple(
                    Copy(video_id=one, path=stored[one].locations[0].path, title=title_of(titles.get(one, [])))
                    for one in (other.video_id for other in copies.get(video.video_id, ()))
                    if one in stored
                ),
            )
            for video in chosen
            if video.video_id in stored
        ]

    def _hidden_hits(
        self, channels: Mapping[str, Recall], found: Collection[str], calibration: Calibration | None, *, most: int
    ) -> list[Hit]:
        """Videos of which every row says too little, best first."""
        below = fuse({name: recall.below for name, recall in channels.items() if recall.below})
        chosen = [video for video in below if video.video_id not in found][:most]
        return [replace(hit, below_threshold=True) for hit in self._hits(chosen, {}, calibration)]

    def _hit(
        self, video: FusedVideo, stored: StoredVideo, titles: Sequence[tuple[str, str]], *, confidence: str | None,
        copies: tuple[Copy, ...],
    ) -> Hit:
        duration_ms = stored.video.duration_ms
        moments = find_moments(video.matches, duration_ms=duration_ms, most=self._settings.moments)
        return Hit(
            video_id=video.video_id,
            path=stored.locations[0].path,
            title=title_of(titles),
            duration_ms=duration_ms,
            score=video.score,
            channels=video.best,
            moments=tuple(moments),
            confidence=confidence,
            copies=copies,
        )


def _shown_for(query: Query, other: Corrected) -> Notice:
    return Notice(
        f"Nothing holds {query.text!r} as it stands: shown for {other.text!r}.",
        zh=f"没有内容包含“{query.text}”，以下是“{other.text}”的结果。",
    )


def _left_out(words: Sequence[str], videos: int) -> Notice:
    return Notice(
        f"Left out {videos} {'video' if videos == 1 else 'videos'} whose words hold {'、'.join(words)}; "
        "pictures were not looked at for that.",
        zh=f"排除了 {videos} 个文字里有“{'、'.join(words)}”的视频；排除时没有看画面。",
    )


def _not_learned(words: str, *, searched: bool) -> Notice:
    """searched: whether pictures were, for what else the query holds."""
    return Notice(
        f"The model has not learned {words}: "
        + ("what is seen cannot answer that." if searched else "pictures were not searched."),
        zh=f"模型没有学过“{words}”，" + ("画面回答不了这一点。" if searched else "所以没有查画面。"),
    )


def title_of(titles: Sequence[tuple[str, str]]) -> str:
    """The title to show, of (source, text)."""
    order = {"manifest": 0, "metadata": 1}
    return min(titles, key=lambda title: order.get(title[0], 2))[1] if titles else ""


def _with_best_frames(hits: Sequence[Hit], vector: NDArray[np.float32], frames: StoredFrames) -> list[Hit]:
    """The hits with the frame closest to the query in each moment, as far as frames can be read."""
    found = frames.of({clip for hit in hits for moment in hit.moments if (clip := _clip_of(moment)) is not None})
    return [
        replace(hit, moments=tuple(_with_best_frame(moment, found, vector) for moment in hit.moments)) for hit in hits
    ]


def _clip_of(moment: Moment) -> int | None:
    return next((match.clip_id for match in moment.matches if match.clip_id is not None), None)


def _with_best_frame(moment: Moment, frames: Frames, vector: NDArray[np.float32]) -> Moment:
    """`best_ms` set to the frame of the moment's clip closest to the query, of those within the moment's span."""
    clip = _clip_of(moment)
    if clip is None or clip not in frames:
        return moment
    times, vectors = frames[clip]
    inside = [i for i, time in enumerate(times) if moment.start_ms <= time <= moment.end_ms]
    if not inside:
        return moment
    return replace(moment, best_ms=times[inside[int(np.argmax(vectors[inside] @ vector))]])


def _candidates(count: int) -> int:
    """How many videos to choose `count` results from."""
    return max(3 * count, 20)       # 4 times as many change 0.6 % of the first twenty of a million clips, for 8 % of the time
