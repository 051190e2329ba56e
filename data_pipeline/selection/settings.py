"""How candidates become pairs."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import Field, field_validator, model_validator

from data_pipeline.sources.licences import licence
from retrieval.settings import Section

ScoreName = Literal["relevance_mean", "relevance_max", "relevance_top3", "masked_mean", "masked_max", "masked_top3"]
SCORES: tuple[ScoreName, ...] = get_args(ScoreName)
SPEECH_FLAGS = ("no_voice", "no_speech", "compression", "repeated", "invention", "repeated_elsewhere", "lyrics", "music")


class SelectionSettings(Section):
    """What is rejected, in the order of `reasons.REASONS`; a share or a number that is None rejects nothing.

    score: the column that is held against `threshold`, or against the threshold that keeps `keep_share` of what nothing else
    rejects. level: whether it is that of the pair, or the mean over the pairs of its video.
    rejected_flags: flags of candidates that reject them. licenses: those that are allowed, by any usual name; kept as codes.
    min_ms, max_ms: of the span. repeated_videos: a text of speech or subtitles in more videos than this was not said there.
    near_text: Jaccard likeness of 2- and 3-grams from which two texts are one. near_hash_bits, near_video_share: two
    videos are one where this share of the shorter one's keyframes has a partner, in the same order, that differs in at most
    so many of 64 bits. drop_duplicate_*: keep only the best of a cluster.
    category_cap, topic_cap: the most videos with the same one.
    validation_share, test_share: of the groups of videos whose owner has not decided. A group: the same video, or uploader.
    """

    score: ScoreName = "masked_top3"
    threshold: float | None = None
    keep_share: float | None = Field(default=None, gt=0, le=1)
    level: Literal["pair", "video"] = "pair"
    rejected_flags: tuple[str, ...] = (*SPEECH_FLAGS, "short")
    licenses: tuple[str, ...] | None = None
    min_characters: int = Field(default=2, ge=0)
    min_ms: int = Field(default=0, ge=0)
    max_ms: int | None = Field(default=None, ge=1)
    repeated_videos: int | None = Field(default=10, ge=1)
    near_text: float = Field(default=0.8, ge=0.6, le=1)
    near_hash_bits: int = Field(default=6, ge=0, le=16)
    near_video_share: float = Field(default=0.6, gt=0, le=1)
    drop_duplicate_texts: bool = True
    drop_duplicate_videos: bool = True
    category_cap: int | None = Field(default=None, ge=1)
    topic_cap: int | None = Field(default=None, ge=1)
    validation_share: float = Field(default=0.05, ge=0, le=1)
    test_share: float = Field(default=0.0, ge=0, le=1)
    uploader_in_one_split: bool = True
    seed: int = 0

    @field_validator("licenses")
    @classmethod
    def _in_normal_form(cls, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if names is None:
            return None
        known = {name: licence(name) for name in names}
        if unknown := [name for name, found in known.items() if found is None]:
            raise ValueError(f"the licence {unknown[0]!r} is not known: use a code such as CC-BY-4.0")
        return tuple(dict.fromkeys(found.code for found in known.values() if found is not None))

    @model_validator(mode="after")
    def _agree(self) -> SelectionSettings:
        if self.threshold is not None and self.keep_share is not None:
            raise ValueError("give a threshold or a keep_share, not both")
        if self.validation_share + self.test_share > 1:
            raise ValueError("validation_share and test_share are more than 1 together")
        if self.max_ms is not None and self.max_ms < self.min_ms:
            raise ValueError("max_ms is less than min_ms")
        return self

    @property
    def filters(self) -> bool:
        """Whether relevance decides anything."""
        return self.threshold is not None or self.keep_share is not None
