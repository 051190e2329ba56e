"""What a training run is made of: every setting, its meaning and its default."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, RootModel, field_validator, model_serializer, model_validator

from retrieval.settings import Section

T = TypeVar("T")
AVERAGE = "average"         # a teacher


class Staged(RootModel[tuple[tuple[int, T], ...]], Generic[T]):
    """A value that may change while training goes on: `4`, or pairs of (first step, value) such as [[0, 1], [2000, 4]]."""

    model_config = ConfigDict(frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _one_value_is_one_stage(cls, value: Any) -> Any:
        return value if isinstance(value, list | tuple) else ((0, value),)

    @model_validator(mode="after")
    def _in_order(self) -> Staged[T]:
        steps = [step for step, _ in self.root]
        if not steps or steps[0] != 0 or steps != sorted(set(steps)):
            raise ValueError("stages must begin at step 0 and go up")
        return self

    def at(self, step: int) -> T:
        """The value at a step, counted from 0."""
        return [value for first, value in self.root if first <= step][-1]

    @property
    def values(self) -> tuple[T, ...]:
        return tuple(value for _, value in self.root)

    @model_serializer(mode="plain")
    def _plain(self) -> Any:
        stages = [[step, v.model_dump() if isinstance(v, BaseModel) else v] for step, v in self.root]
        return stages[0][1] if len(stages) == 1 else stages


class Temporal(Section):
    """How frames become a clip, see `retrieval.model.TemporalSettings`."""

    aggregation: Literal["mean", "max", "attention", "transformer", "recurrent", "non_local", "sequential"] = "transformer"
    layers: int = Field(default=1, ge=1)
    heads: int = Field(default=4, ge=1)
    positions: int = Field(default=77, ge=1)


class Video(Section):
    """What looks at several frames at once, see `retrieval.model.VideoSettings`."""

    tower: Literal["single", "grid", "token_shift", "two_stream", "inflated", "slow_fast", "video_swin"] = "single"
    share: float = Field(default=0.125, gt=0, le=0.5)
    tubelet: int = Field(default=3, ge=1)
    shared: bool = False
    every: int = Field(default=4, ge=1)
    width: int = Field(default=32, ge=1)
    head_width: int = Field(default=16, ge=1)
    depths: tuple[int, ...] = Field(default=(2, 2, 2), min_length=1)
    window: tuple[int, int, int] = (8, 4, 4)
    patch: int = Field(default=4, ge=1)


class Interaction(Section):
    """How words meet frames, see `retrieval.model.InteractionSettings`."""

    neighbour_weight: float = 0.0
    neighbours: int = Field(default=1, ge=1)
    text_weights: Literal["uniform", "significant"] = "uniform"
    sentence_weight: float = Field(default=0.0, ge=0, le=1)


class Frames(Section):
    """How patches become a frame, see `retrieval.model.FrameSettings`."""

    pooling: Literal["class", "max_mean"] = "max_mean"


class NewModel(Section):
    """A small untrained model, see `retrieval.model.tiny.TinySettings`.

    vocabulary: a file with one word or character a line; None = vocabulary.txt beside the training shards. whiten: the
    patch embedding begins with what patches of so many training samples differ in, see `retrieval.model.whitening`; 0 =
    at random.
    """

    vocabulary: str | None = None
    side: int = 96
    patch: int = 16
    width: int = 192
    layers: int = 6
    heads: int = 3
    text_width: int = 192
    text_layers: int = 3
    text_heads: int = 3
    context: int = 52
    dropout: float = Field(default=0.0, ge=0, lt=1)
    dimension: int = 192
    frames: Frames = Frames()
    whiten: int = Field(default=500, ge=0)


class SmallTower(Section):
    """The size of a tower that takes the place of the start's; of the same width it begins with some of its blocks."""

    width: int = Field(ge=1)
    layers: int = Field(ge=1)
    heads: int = Field(ge=1)


class Model(Section):
    """Where the weights begin: `start` (a folder or a hub name) or `new`, one of the two.

    small_text, small_video: untrained towers in the place of the start's, to be taught by it; None = the start's own.
    temporal, interaction, video: None = as the start says. attention: "sdpa" or "eager", None = transformers' choice.
    """

    start: str | None = None
    new: NewModel | None = None
    small_text: SmallTower | None = None
    small_video: SmallTower | None = None
    temporal: Temporal | None = None
    interaction: Interaction | None = None
    video: Video | None = None
    attention: Literal["sdpa", "eager"] | None = None

    @model_validator(mode="after")
    def _one_beginning(self) -> Model:
        if (self.start is None) == (self.new is None):
            raise ValueError("give either start (a folder or a hub name) or new (a small untrained model)")
        if self.new is not None and self.shrinks:
            raise ValueError("small_text and small_video take the place of a tower of start, and new has none")
        return self

    @property
    def shrinks(self) -> bool:
        return self.small_text is not None or self.small_video is not None


class Split(Section):
    """Samples of some folders of shards; split: None = all that is there."""

    shards: tuple[str, ...] = Field(min_length=1)
    split: str | None

    @field_validator("shards", mode="before")
    @classmethod
    def _one_folder(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    def overlaps(self, other: Split) -> bool:
        """Whether a sample may be in both."""
        shared = {Path(one).resolve() for one in self.shards} & {Path(one).resolve() for one in other.shards}
        return bool(shared) and (None in (self.split, other.split) or self.split == other.split)


class TextWeights(Section):
    """How often a text is chosen, by what it is: the weights of its language, detail and kind are multiplied, and the
    texts of a sample that are alike in all three share the product.

    An empty mapping makes no difference; in any other, a name that is missing weighs what `other` weighs, and nothing
    where that is missing too. A text without a detail goes by `none`.
    """

    language: Mapping[str, float] = {}
    detail: Mapping[str, float] = {}
    kind: Mapping[str, float] = {}

    @field_validator("language", "detail", "kind")
    @classmethod
    def _usable(cls, weights: Mapping[str, float]) -> Mapping[str, float]:
        if weights and (min(weights.values()) < 0 or not any(weights.values())):
            raise ValueError("weights must not be negative, and one must be above 0")
        return weights


class Data(Section):
    """What is learned from, and what the best model is chosen by.

    test: only to make sure that validation is not the test split. frames: so many a clip, chosen from those stored.
    frame_order: "shuffled" shows them in a random order, in training and in validation: what a model without
    any idea of motion would reach.
    max_tokens: of a text with its special tokens, None = the model's context. crop: a clip is cut to a random part, up to
    this share smaller on each side, and scaled back. keep_mb: so much of decoded pictures stays in each process's memory:
    enough for all of them (samples x stored frames x height x width x 3 bytes) has each decoded once. max_bad_share: more
    bad samples than that end the run.
    """

    train: Split
    validation: Split
    test: Split | None = None
    frames: Staged[int] = Staged[int](((0, 4),))
    frame_order: Literal["time", "shuffled"] = "time"
    texts: Staged[TextWeights] = Staged[TextWeights](((0, TextWeights()),))
    max_tokens: int | None = Field(default=None, ge=3)
    crop: float = Field(default=0.0, ge=0, le=0.5)
    workers: int = Field(default=2, ge=1)
    keep_mb: int = Field(default=0, ge=0)
    max_bad_share: float = Field(default=0.05, ge=0, le=1)

    @field_validator("frames")
    @classmethod
    def _some_frames(cls, frames: Staged[int]) -> Staged[int]:
        if min(frames.values) < 1:
            raise ValueError("a clip needs at least one frame")
        return frames

    @model_validator(mode="after")
    def _chosen_by_validation(self) -> Data:
        if self.validation.split == "test" or (self.test is not None and self.validation.overlaps(self.test)):
            raise ValueError("validation is the test split: the best model must be chosen by other samples")
        if self.validation.overlaps(self.train):
            raise ValueError("validation holds the training samples: name another split")
        return self


class Losses(Section):
    """The weight of each loss on one score; 0 = not used."""

    info_nce: float = Field(default=0.0, ge=0)
    neg_nce: float = Field(default=0.0, ge=0)
    mil_nce: float = Field(default=0.0, ge=0)


class NegNce(Section):
    """What NegNCE is made of, see `training.objectives.neg_nce`.

    margin: a wrong item is hard when it is not so far below a right one. positive_weight, negative_weight: of its parts.
    """

    margin: float = 0.0
    positive_weight: float = Field(default=1.0, ge=0)
    negative_weight: float = Field(default=0.5, ge=0)


class MaskedLanguage(Section):
    """Hidden tokens of a text, guessed from its other tokens and its clip, see `training.objectives.masked_language`.

    masking: "uniform" hides each token with the probability `share`; "significant" hides that share of each text, words
    that say what is seen as far as there are any (MSSM).
    """

    weight: float = Field(default=0.0, ge=0)
    masking: Literal["uniform", "significant"] = "uniform"
    share: float = Field(default=0.15, gt=0, lt=1)


class Curriculum(Section):
    """How often wrong clips are hard ones, see `training.objectives.curriculum_share`; every: None = a seventh of all steps."""

    every: int | None = Field(default=None, ge=1)
    rate: float = Field(default=0.15, ge=0)


class Matching(Section):
    """A score of text and clip read together: each text's own clip against some wrong ones (VTM).

    negatives: so many wrong clips a text, of all processes. mining: "none" = any; "nearest" = those whose pooled score is
    nearest to the own clip's; "top_k" = those with the highest. curriculum: None = hard ones in every step. easy_floor: an
    easy pair, one that the pooled score likes more than the mean, weighs less, and at least this; None = all weigh alike.
    Mining, curriculum and weights together are HSCL.
    """

    weight: float = Field(default=0.0, ge=0)
    negatives: int = Field(default=6, ge=1)
    mining: Literal["none", "nearest", "top_k"] = "none"
    curriculum: Curriculum | None = None
    easy_floor: float | None = Field(default=None, ge=0, le=1)

    @model_validator(mode="after")
    def _something_to_put_off(self) -> Matching:
        if self.curriculum is not None and self.mining == "none":
            raise ValueError("a curriculum needs mining: nearest or top_k")
        return self


class TextVideo(Section):
    """Whether a text is the clip's, read together: each clip with its own text and with another (ITM)."""

    weight: float = Field(default=0.0, ge=0)


class Words(Section):
    """Single words as queries: every clip of the batch with the word in any of its texts is right, every other is wrong.

    pooled, token_wise: weights of the loss on the two scores, 0 = not used. count: so many words a step. languages: of the
    texts that are cut into words. fewest: samples that hold a word of the list; most_share: of all samples, at most.
    """

    pooled: float = Field(default=0.0, ge=0)
    token_wise: float = Field(default=0.0, ge=0)
    count: int = Field(default=128, ge=1)
    languages: tuple[str, ...] = ("zh",)
    fewest: int = Field(default=20, ge=1)
    most_share: float = Field(default=0.5, gt=0, le=1)

    @property
    def used(self) -> bool:
        return self.pooled > 0 or self.token_wise > 0


class LocalWords(Section):
    """Significant words of each text, each for itself, against the frames of all clips: local vision-word matching.

    weight: 0 = not used. count: so many words of a text. positive_frames: which frames of a clip its own words are asked
    of, the middle one as published or all of them.
    """

    weight: float = Field(default=0.0, ge=0)
    count: int = Field(default=3, ge=1)
    positive_frames: Literal["middle", "all"] = "middle"


class PartialOrder(Section):
    """A text and its clip are more alike whole than without what is most important of one of them (TPM-CL).

    triplets: what is partial, the clip as its sentence sees it, the clip as its words see it, or the text. mass: so much of
    the importance goes at most. margin: so much more alike the whole must be.
    """

    weight: float = Field(default=0.0, ge=0)
    triplets: tuple[Literal["video", "video_by_words", "text"], ...] = Field(
        default=("video", "video_by_words", "text"), min_length=1
    )
    mass: float = Field(default=0.6, gt=0, lt=1)
    margin: float = Field(default=0.6, ge=0)


class Queue(Section):
    """Texts and clips of earlier batches as negatives, encoded by copies of the towers that follow slowly (MoCo).

    size: so many of each; decay: of the copies; temperature: what cosines are divided by.
    """

    weight: float = Field(default=0.0, ge=0)
    size: int = Field(default=16384, ge=1)
    decay: float = Field(default=0.9999, gt=0, lt=1)
    temperature: float = Field(default=0.05, gt=0)


class Objective(Section):
    """What is minimised: the sum of weight x loss over both scores, each loss the mean of both directions.

    masked_language, matching, text_video: on texts and clips that are read together by the text tower (SNP).
    identical_texts: whether another clip with the very same text counts as a negative. chunk: so many rows of a
    similarity matrix are held for the gradient at a time and computed again, None = all are held. hardest: token-wise
    losses look at own pairs and, by the pooled score, at so many of each text's and each clip's hardest, None = at all.
    """

    pooled: Losses = Losses(info_nce=1.0)
    token_wise: Losses = Losses()
    words: Words = Words()
    local_words: LocalWords = LocalWords()
    partial_order: PartialOrder = PartialOrder()
    queue: Queue = Queue()
    neg_nce: NegNce = NegNce()
    identical_texts: Literal["ignored", "negative"] = "ignored"
    chunk: int | None = Field(default=None, ge=1)
    hardest: int | None = Field(default=None, ge=1)
    masked_language: MaskedLanguage = MaskedLanguage()
    matching: Matching = Matching()
    text_video: TextVideo = TextVideo()

    @model_validator(mode="after")
    def _hardest_of_something(self) -> Objective:
        if self.hardest is not None and not any(weight > 0 for _, weight in self.token_wise):
            raise ValueError("hardest is for token-wise losses, and none has a weight above 0")
        return self

    @property
    def used(self) -> bool:
        """Whether texts and clips are told apart by any loss: the others go beside such a one."""
        scores = any(weight > 0 for losses in (self.pooled, self.token_wise) for _, weight in losses)
        return scores or self.local_words.weight > 0 or self.queue.weight > 0

    @property
    def looks_at_videos(self) -> bool:
        """Whether any of its terms is used: all are made of texts and clips."""
        return self.used or self.words.used or self.cross_modal or self.partial_order.weight > 0

    @property
    def needs_significance(self) -> bool:
        """Whether a loss asks which tokens are significant."""
        masked = self.masked_language
        return self.local_words.weight > 0 or (masked.weight > 0 and masked.masking == "significant")

    @property
    def cross_modal(self) -> bool:
        """Whether texts and clips are read together."""
        return any(term.weight > 0 for term in (self.masked_language, self.matching, self.text_video))


class Teacher(Section):
    """A model whose vectors are learned from (distillation), beside the objective or alone.

    model: a folder or hub name with the same tokenizer, pictures and dimension, or `average`: the averaged weights of this
    very run (self-distillation). Weights of the terms: text, video: 1 - cosine of the pooled vectors; words, frames: the
    same of each word and frame; text_relations, video_relations: the KL divergence of how each is like the teacher's texts
    of the batch. temperature: of those likenesses.
    """

    model: str
    text: float = Field(default=0.0, ge=0)
    words: float = Field(default=0.0, ge=0)
    video: float = Field(default=0.0, ge=0)
    frames: float = Field(default=0.0, ge=0)
    text_relations: float = Field(default=0.0, ge=0)
    video_relations: float = Field(default=0.0, ge=0)
    temperature: float = Field(default=0.05, gt=0)

    @property
    def looks_at_videos(self) -> bool:
        return max(self.video, self.frames, self.video_relations) > 0

    @property
    def weights(self) -> dict[str, float]:
        """Of the terms that are used, by their names."""
        names = ("text", "words", "video", "frames", "text_relations", "video_relations")
        return {name: weight for name in names if (weight := float(getattr(self, name))) > 0}

    @model_validator(mode="after")
    def _something(self) -> Teacher:
        if not self.weights:
            raise ValueError("at least one term needs a weight above 0")
        return self


class Frozen(Section):
    """What keeps the weights it begins with. text, vision: the tower's embeddings alone, so many of its lowest blocks with the
    embeddings below them, or all of the tower with its projection; 0 = nothing. temporal: what mixes frames in time.

    With vision: all and temporal: true the clips keep their vectors, and a library that is there stays usable.
    """

    text: int | Literal["embeddings", "all"] = 0
    vision: int | Literal["embeddings", "all"] = 0
    temporal: bool = False

    @field_validator("text", "vision", mode="before")
    @classmethod
    def _a_part(cls, part: Any) -> Any:
        if part in ("embeddings", "all") or (type(part) is int and part >= 0):
            return part
        raise ValueError("it should be a number of blocks, embeddings or all")


class Adapters(Section):
    """Low-rank adapters (LoRA) on the linear layers of attention, see `training.adapters`: in the towers they and the
    logit scale alone are trained. The finished model has them merged into its weights.

    rank: of each; alpha: an adapter's product is scaled by alpha / rank; layers, towers: where they are.
    """

    rank: int = Field(default=8, ge=1)
    alpha: float = Field(default=16.0, gt=0)
    layers: tuple[Literal["query", "key", "value", "output"], ...] = Field(default=("query", "value"), min_length=1)
    towers: tuple[Literal["text", "vision"], ...] = Field(default=("text", "vision"), min_length=1)


class Optimiser(Section):
    """AdamW. learning_rate: of new modules; tower_learning_rate: None = the same.

    layer_decay: factor from each block of a tower to the one below it. gradient_clip: longest gradient, None = any.
    """

    learning_rate: float = Field(default=5e-4, gt=0)
    tower_learning_rate: float | None = Field(default=None, gt=0)
    layer_decay: float = Field(default=1.0, gt=0, le=1)
    weight_decay: float = Field(default=0.05, ge=0)
    betas: tuple[float, float] = (0.9, 0.98)
    epsilon: float = Field(default=1e-6, gt=0)
    gradient_clip: float | None = Field(default=1.0, gt=0)
    max_logit_scale: float = Field(default=100.0, gt=1)
    frozen: Frozen = Frozen()


class Schedule(Section):
    """How long: `steps` or `epochs`, one of the two. warm_up: share of all steps; floor: share of the learning rate.

    decay: along a cosine from the warm-up to the floor, or in one step to the floor after a share of all steps, `step_at`.
    """

    steps: int | None = Field(default=None, ge=1)
    epochs: float | None = Field(default=None, gt=0)
    warm_up: float = Field(default=0.05, ge=0, lt=1)
    floor: float = Field(default=0.01, ge=0, le=1)
    decay: Literal["cosine", "step"] = "cosine"
    step_at: float = Field(default=0.6, gt=0, lt=1)

    @model_validator(mode="after")
    def _one_length(self) -> Schedule:
        if (self.steps is None) == (self.epochs is None):
            raise ValueError("give either steps or epochs")
        return self


class BatchSize(Section):
    """size: clips a step, over all processes. micro_batch: clips, and pairs that are read together, that a process holds in
    the graph at a time (gradient cache), None = all of its own.
    """

    size: Staged[int] = Staged[int](((0, 128),))
    micro_batch: int | None = Field(default=None, ge=1)

    @field_validator("size")
    @classmethod
    def _something_to_tell_apart(cls, size: Staged[int]) -> Staged[int]:
        if min(size.values) < 2:
            raise ValueError("a batch needs at least two clips")
        return size


class Evaluation(Section):
    """Validation every so many steps, and at the end. clips: the first so many, None = all; frames: None = as in training.

    texts: of each clip the heaviest text asks for it, the first of those that weigh the same.
    """

    every: int = Field(default=500, ge=1)
    clips: int | None = Field(default=1000, ge=2)
    frames: int | None = Field(default=None, ge=1)
    texts: TextWeights = TextWeights()


class Checkpoint(Section):
    """A state every so many steps, the last `keep` are kept; dtype: of the weights of the finished model."""

    every: int = Field(default=500, ge=1)
    keep: int = Field(default=2, ge=1)
    dtype: Literal["float32", "float16"] = "float32"


class Log(Section):
    """A line every so many steps."""

    every: int = Field(default=1, ge=1)


class Recipe(Section):
    """Everything that decides how a run goes.

    name, description: what the finished model is called, and what its card says it knows. ema_decay: of the averaged
    weights, which become the model; None = the weights themselves.
    """

    name: str
    description: str = ""
    model: Model
    data: Data
    schedule: Schedule
    objective: Objective = Objective()
    teacher: Teacher | None = None
    optimiser: Optimiser = Optimiser()
    adapters: Adapters | None = None
    batch: BatchSize = BatchSize()
    evaluation: Evaluation = Evaluation()
    checkpoint: Checkpoint = Checkpoint()
    log: Log = Log()
    precision: Literal["bf16", "fp32"] = "bf16"
    ema_decay: float | None = Field(default=0.999, gt=0, lt=1)
    seed: int = Field(default=0, ge=0)

    @property
    def looks_at_videos(self) -> bool:
        """Whether any term is made of clips; a text tower may learn from a teacher without."""
        taught = self.teacher is not None and self.teacher.looks_at_videos
        return taught or self.objective.looks_at_videos

    @model_validator(mode="after")
    def _something_to_learn_from(self) -> Recipe:
        if self.teacher is None and not self.objective.used:
            raise ValueError("at least one loss needs a weight above 0")
        if self.teacher is not None and self.teacher.model == AVERAGE and self.ema_decay is None:
            raise ValueError("the teacher is the average, but ema_decay is null: there is none")
        return self
