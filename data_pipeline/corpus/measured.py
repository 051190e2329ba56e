"""What was measured of every video, before anything is decided: the rows that a corpus keeps for kept and rejected alike.

Times are integer ms on the video's presentation timeline; shares are 0..1; a score is None when nobody has computed it.
A stage gives such rows; decisions (thresholds, duplicates, balance, split) are made on them later, without any model.
"""

from __future__ import annotations

from dataclasses import dataclass

from data_pipeline.corpus.rows import Score

IMPORTED = -1       # in place of a segment: a line of a subtitle track, or of speech that came along


@dataclass(frozen=True, kw_only=True)
class SourceRow:
    """A file that was asked for, and what its owner says about it. `source_id` is the key of the accounts.

    caption_*: texts that came along, of equal length; those without a span have -1 for start and end.
    """

    source_id: str                  # 32 hex digits over `uri`
    uri: str                        # absolute path
    title: str | None = None
    topics: tuple[str, ...] = ()
    category: str | None = None
    uploader: str | None = None     # as given: only its salted hash leaves this table
    license_code: str | None = None
    license_url: str | None = None
    publish_date: str | None = None     # ISO 8601 day
    split: str | None = None        # where the owner has decided already
    captions: tuple[str, ...] = ()
    caption_starts_ms: tuple[int, ...] = ()
    caption_ends_ms: tuple[int, ...] = ()
    caption_kind: str = "caption"   # caption, asr or subtitle
    origin: str = "folder"          # folder, manifest, cnvid, webdataset


@dataclass(frozen=True, kw_only=True)
class MeasuredVideo:
    """A row of the accounts: measured, or failed at a stage with a reason. Facts are None where the file was not read so far.

    status: measured or failed. error_kind is a stable word; `retryable` says whether another try could end otherwise.
    keyframe_hashes: 64-bit difference hashes of the kept keyframes, in order of time (signed, as parquet has them).
    """

    source_id: str
    shard: str
    status: str
    error_stage: str | None = None
    error_kind: str | None = None
    error: str | None = None        # one sentence of at most 500 characters
    retryable: bool = False
    attempts: int = 1
    video_id: str | None = None
    path: str | None = None
    file_bytes: int | None = None
    container: str | None = None
    video_codec: str | None = None
    audio_codec: str | None = None
    width: int | None = None
    height: int | None = None
    rotation: int | None = None
    duration_ms: int | None = None
    frames_per_second: Score | None = None
    has_audio: bool | None = None
    damage: str | None = None
    title: str | None = None        # the owner's, or the file's own
    topics: tuple[str, ...] = ()    # the owner's, else the hashtags of its title and captions
    category: str | None = None
    uploader_hash: str | None = None
    license_code: str | None = None
    license_url: str | None = None
    publish_date: str | None = None
    split: str | None = None
    shots: int = 0
    speech_ms: int | None = None    # of the audio spans; None where nobody has listened
    music_ms: int | None = None
    singing_ms: int | None = None
    silence_ms: int | None = None
    keyframe_hashes: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ShotRow:
    """A shot; shots tile the video from its first frame to its end."""

    video_id: str
    shot: int                       # 0, 1, ... in order of time
    start_ms: int
    end_ms: int


@dataclass(frozen=True, kw_only=True)
class KeyframeRow:
    """A frame that was looked at. dropped: None for a kept one, else black, uniform, duplicate (of the kept
    one before it) or thinned (of a video with too many)."""

    video_id: str
    keyframe: int
    time_ms: int
    shot: int
    sharpness: Score
    luma_mean: Score                # 0..255
    luma_deviation: Score
    hash64: int                     # difference hash, signed
    dropped: str | None = None


@dataclass(frozen=True, kw_only=True)
class AudioSpanRow:
    """What is heard in a span: speech, music, singing, noise or silence; spans of several labels may overlap."""

    video_id: str
    span: int
    start_ms: int
    end_ms: int
    label: str
    score: Score
    engine: str                     # "silero-vad 6" "sherpa-onnx 2.0.1 ced-tiny"


@dataclass(frozen=True, kw_only=True)
class SpeechRow:
    """A segment of recognised speech, as the engine gave it, and what the policy found: `flags` is empty for a good one.

    average_logprob, no_speech, compression: as Whisper defines them, where the engine gives them.
    voice_share, music_share, singing_share: of the segment, by the audio spans; None where nobody has listened.
    flags: no_voice, no_speech, compression, repeated, invention, repeated_elsewhere, lyrics, music.
    """

    video_id: str
    segment: int
    start_ms: int
    end_ms: int
    text: str
    language: str | None
    average_logprob: Score | None
    no_speech: Score | None
    compression: Score | None
    voice_share: Score | None
    music_share: Score | None
    singing_share: Score | None
    flags: tuple[str, ...]
    engine: str
    model_digest: str


@dataclass(frozen=True, kw_only=True)
class ScreenTextRow:
    """A line of text while it was on the screen.

    quad: x and y of the corners in shares of the picture, clockwise from the top left; 8 numbers. area: share of the picture.
    role: subtitle, title_card, watermark, interface or scene. repeats_speech: the segment that says the same, where one does,
    or IMPORTED.
    """

    video_id: str
    track: int
    start_ms: int
    end_ms: int
    looks: int
    text: str
    confidence: Score
    quad: tuple[float, ...]
    area: Score
    role: str
    repeats_speech: int | None = None
    engine: str = ""


@dataclass(frozen=True, kw_only=True)
class CandidateRow:
    """A text and the span of a video it may tell of, with every score; whether it becomes a pair is decided later.

    kind: caption, title, cover, asr or subtitle. text: cleaned, with the on-screen text of the span joined where that is wanted;
    the parts are cleaned too. relevance_*: cosine of the text with the kept keyframes of the span; masked_*: the same with
    on-screen text covered in the pictures and left out of the text. flags: of the speech segments it was made of, and
    what cleaning found: bait, personal_data, short.
    """

    pair_id: str                    # starts of the video's and the source's id, a number; with _ between
    video_id: str
    source_id: str
    shard: str
    kind: str
    start_ms: int
    end_ms: int
    text: str
    language: str
    characters: int                 # letters and digits only
    title_part: str = ""
    speech_part: str = ""
    screen_part: str = ""
    source: str = ""                # engine, "manifest", a track, or the file of a cover
    flags: tuple[str, ...] = ()
    keyframes: int = 0              # of the span, that were scored; 0 beside a score: by the nearest one of its shot
    relevance_mean: Score | None = None
    relevance_max: Score | None = None
    relevance_top3: Score | None = None
    masked_mean: Score | None = None
    masked_max: Score | None = None
    masked_top3: Score | None = None
    relevance_model: str | None = None


@dataclass(frozen=True, kw_only=True)
class StageRow:
    """What a stage cost for a video, and whether it had to run: the only rows that differ between two runs."""

    video_id: str
    stage: str
    version: str
    parameters: str                 # 16 hex digits
    model_digest: str
    cached: bool
    cpu_ms: int
    wall_ms: int


@dataclass(frozen=True, kw_only=True)
class DecisionRow:
    """What became of a candidate: kept in a split, or rejected for the first of the reasons that apply.

    reason: "" for kept; else one of `data_pipeline.selection.reasons.REASONS`, among them the flags of candidates. Clusters
    are ids of the first member, of a pair and of a video; alone: the row's own.
    """

    pair_id: str
    keep: bool
    reason: str
    split: str
    text_cluster: str
    video_cluster: str
