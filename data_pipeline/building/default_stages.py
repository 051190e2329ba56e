"""The stages of a real build: which part does what, with which settings and models. The only place that knows all parts."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from data_pipeline.building.models import ModelsLoader, load_models
from data_pipeline.building.settings import BuildSettings
from data_pipeline.building.stages import FoundLines, Stage, StageProgress, Stages, parameters_of
from data_pipeline.corpus.examined import Examined, examine
from data_pipeline.corpus.measured import CandidateRow, SourceRow
from data_pipeline.corpus.shard_list import RowFailure
from data_pipeline.evidence.covers import CoverFolders, cover_evidence, embedded_cover_evidence
from data_pipeline.evidence.ocr import OcrEngine
from data_pipeline.evidence.ocr_engines import ocr_engine
from data_pipeline.evidence.subtitles import sidecar_evidence, subtitle_evidence
from data_pipeline.evidence.titles import content_titles
from data_pipeline.looking.look import LOOK_VERSION, Looked, LookSettings, look
from data_pipeline.pairs.candidates import candidate_rows
from data_pipeline.relevance.model import TextPictureModel
from data_pipeline.relevance.scoring import scored
from data_pipeline.sound.engines import SpeechEngine
from data_pipeline.sound.listen import LISTEN_VERSION, Heard, believed, listen
from data_pipeline.sound.policy import POLICY_VERSION
from data_pipeline.sound.sherpa_tagger import SherpaTagger
from data_pipeline.sound.voice import SileroVoice
from data_pipeline.sources.uploaders import corpus_salt, uploader_hash
from retrieval.errors import WenshiError
from retrieval.video import SidecarFolders, VideoInfo

_EXAMINE_VERSION = _SUBTITLES_VERSION = _COVER_VERSION = "1"
_PAIR_VERSION, _SCORE_VERSION = "3", "2"


def default_stages(settings: BuildSettings, directory: Path, load: ModelsLoader = load_models) -> Stages:
    """Load every engine and model that the settings ask for; `load` gives the heavy ones.

    Raises InputError for an engine that does not exist, ModelError when one or its model is not there.
    """
    models, ocr = load(settings), _ocr(settings)
    voice = SileroVoice() if settings.speech.voice else None
    tagger = None if settings.speech.tagger is None else SherpaTagger(settings.speech.tagger)
    return Stages(
        examine=Stage(name="examine", version=_EXAMINE_VERSION, run=examine, result=Examined | RowFailure),
        look=_look_stage(settings, ocr),
        listen=_listen_stage(settings, models.speech, voice, tagger),
        subtitles=Stage(name="subtitles", version=_SUBTITLES_VERSION, run=_subtitles, result=FoundLines),
        cover=None if ocr is None else _cover_stage(ocr),
        pair=_pair_stage(settings),
        score=_score_stage(models.relevance),
        sidecars=partial(_sidecars, SidecarFolders()),
        find_cover=CoverFolders().find,
        title=_title,
        uploader_hash=partial(uploader_hash, salt=corpus_salt(directory)),
        judge=lambda heard: believed(heard, voice=voice, tagger=tagger).segments,
        cpu_seconds=models.cpu_seconds,
    )


def _ocr(settings: BuildSettings) -> OcrEngine | None:
    asked = settings.screen_text
    return None if asked.engine is None else ocr_engine(
        asked.engine, threads=settings.threads, model_directory=None if asked.models is None else Path(asked.models)
    )


def _look_stage(settings: BuildSettings, ocr: OcrEngine | None) -> Stage:
    wanted = settings.look
    look_settings = LookSettings(
        keyframe_every_ms=wanted.keyframe_every_ms, picture_side=wanted.picture_side, threads=settings.threads
    )
    parameters = asdict(look_settings)
    del parameters["threads"]       # changes nothing in what is found
    return Stage(
        name="look", version=LOOK_VERSION, result=Looked, binary="pictures", parameters=parameters_of(parameters),
        run=lambda path, video_id, progress: look(path, video_id, settings=look_settings, ocr=ocr, progress=progress),
        model_digest="" if ocr is None else _identity(ocr),
    )


def _cover_stage(ocr: OcrEngine) -> Stage:
    def read(path: str, beside: Path | None, duration_ms: int) -> FoundLines:
        lines, notice = embedded_cover_evidence(path, ocr, duration_ms=duration_ms) if beside is None \
            else cover_evidence(beside, ocr, duration_ms=duration_ms)
        return FoundLines(tuple(lines), () if notice is None else (notice,))

    return Stage(name="cover", version=_COVER_VERSION, run=read, result=FoundLines, model_digest=_identity(ocr))


def _identity(ocr: OcrEngine) -> str:
    return f"{ocr.name} {ocr.version} {ocr.digest}"


def _listen_stage(
    settings: BuildSettings, engine: SpeechEngine | None, voice: SileroVoice | None, tagger: SherpaTagger | None
) -> Stage:
    listeners = [one for one in (engine, voice, tagger) if one is not None]
    return Stage(
        name="listen", version=LISTEN_VERSION, result=Heard, parameters=parameters_of(settings.speech.language),
        run=lambda path, video_id, progress: listen(
            path, video_id, engine=engine, tagger=tagger, voice=voice, policy=None, progress=progress
        ),
        model_digest=", ".join(f"{one.name} {one.version} {one.model_digest}" for one in listeners),
    )


def _pair_stage(settings: BuildSettings) -> Stage:
    def pair(
        source: SourceRow, video_id: str, shard: str, duration_ms: int, title: str | None, cover: Any, speech: Any,
        subtitles: Any, screen_texts: Any,
    ) -> tuple[CandidateRow, ...]:
        return tuple(candidate_rows(
            source, video_id=video_id, shard=shard, duration_ms=duration_ms, title=title, cover=cover,
            speech=speech, subtitles=subtitles, screen_texts=screen_texts, settings=settings.pairs,
        ))  # fmt: skip

    return Stage(
        name="pair", version=_PAIR_VERSION, run=pair, result=tuple[CandidateRow, ...],
        parameters=parameters_of([settings.pairs.model_dump(mode="json"), POLICY_VERSION]),     # what is said is judged before
    )  # fmt: skip


def _score_stage(model: TextPictureModel | None) -> Stage | None:
    if model is None:
        return None

    def score(candidates: Any, keyframes: Any, pictures: Any, screen_texts: Any, shots: Any) -> tuple[CandidateRow, ...]:
        return tuple(scored(
            candidates, keyframes=keyframes, pictures=pictures, screen_texts=screen_texts, shots=shots, model=model
        ))  # fmt: skip

    return Stage(
        name="score", version=_SCORE_VERSION, run=score, result=tuple[CandidateRow, ...],
        model_digest=f"{model.name} {model.digest}",
    )


def _subtitles(path: str, info: VideoInfo, duration_ms: int, progress: StageProgress) -> FoundLines:
    """A track that cannot be read damages the video and no more."""
    try:
        lines = subtitle_evidence(path, info, duration_ms=duration_ms, progress=lambda: progress(duration_ms, duration_ms))
    except WenshiError as error:
        return FoundLines(notices=(f"Its subtitles could not be read ({error}).",))
    return FoundLines(tuple(lines))


def _sidecars(folders: SidecarFolders, path: str, duration_ms: int) -> FoundLines:
    lines, notices = sidecar_evidence(path, duration_ms=duration_ms, folders=folders)
    return FoundLines(tuple(lines), tuple(notices))


def _title(source: SourceRow, info: VideoInfo) -> str | None:
    """What the owner calls the video, else what its container does."""
    titles = (piece.text for piece in content_titles(info, duration_ms=info.duration_ms) if piece.kind == "title")
    return source.title or next(titles, None)
