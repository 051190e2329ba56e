"""A corpus from a raw collection by the real stages, its transcripts in place of what a speech engine writes down."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from data_pipeline.building.build import build
from data_pipeline.building.default_stages import default_stages
from data_pipeline.building.local import Work, local_runner
from data_pipeline.building.models import ModelsLoader, load_models
from data_pipeline.building.settings import BuildSettings, Relevance, ScreenText
from data_pipeline.building.stages import FoundLines, Stage, StageProgress, Stages
from data_pipeline.corpus.measured import SpeechRow
from data_pipeline.evidence.subtitles import sidecar_evidence
from data_pipeline.miniature.raw_collection import MANIFEST
from data_pipeline.sound.listen import LISTEN_VERSION, Heard, listen
from data_pipeline.sound.policy import judged
from data_pipeline.sound.voice import SileroVoice
from data_pipeline.sources.reading import read_sources
from retrieval.video import SidecarFolders

ENGINE = "transcript"
_NO_END_MS = 1 << 31


def build_corpus(
    collection: Path, directory: Path, *, model: str, workers: int, say: Callable[[int], None], ocr: bool = True
) -> None:
    """Measure every video; what is there is kept, and another model only scores again. say: videos done so far.

    ocr: whether on-screen text is read; without it masked scores are as the others, and a video costs a fifth.

    Raises CorpusError and InputError as `build`.
    """
    done = 0

    def one(video: object) -> None:
        nonlocal done
        done += 1
        say(done)

    directory.mkdir(parents=True, exist_ok=True)
    settings = BuildSettings(
        relevance=Relevance(model=model), screen_text=ScreenText() if ocr else ScreenText(engine=None), videos_per_shard=100
    )
    rows = read_sources([collection / MANIFEST]).rows
    build(rows, Work(directory=directory, settings=settings, make_stages=stages), local_runner(workers), done=one)


def stages(settings: BuildSettings, directory: Path, load: ModelsLoader = load_models) -> Stages:
    """The stages of every build, but that the words come from the transcript beside the file; voice is really looked for.

    A speech engine is given voice alone and would never see a song's words: here the policy judges every line.
    """
    voice, folders = SileroVoice(), SidecarFolders()

    def heard(path: str, video_id: str, progress: StageProgress) -> Heard:
        sound = listen(path, video_id, engine=None, tagger=None, voice=voice, progress=progress)
        lines, _ = sidecar_evidence(path, duration_ms=_NO_END_MS, folders=folders)
        said = [
            _segment(video_id, place, line.start_ms, line.end_ms, line.text) for place, line in enumerate(lines)
        ]
        spans = sound.audio_spans if sound.status == "heard" else None
        return replace(sound, segments=judged(said, voice=spans, tags=None))

    real = default_stages(settings, directory, load)
    listening = Stage(
        name="listen", version=f"{LISTEN_VERSION} {ENGINE} 1", run=heard, result=Heard,
        model_digest=f"{voice.name} {voice.version} {voice.model_digest}",
    )  # fmt: skip
    return replace(real, listen=listening, sidecars=_none)


def _none(path: str, duration_ms: int) -> FoundLines:
    return FoundLines()


def _segment(video_id: str, place: int, start_ms: int, end_ms: int, text: str) -> SpeechRow:
    return SpeechRow(
        video_id=video_id, segment=place, start_ms=start_ms, end_ms=end_ms, text=text, language="zh", average_logprob=None,
        no_speech=None, compression=None, voice_share=None, music_share=None, singing_share=None, flags=(), engine=ENGINE,
        model_digest="",
    )  # fmt: skip
