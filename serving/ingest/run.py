"""One `add` from paths to report: find files, settle the model, open the library, read."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from data_pipeline.evidence.covers import named_covers
from data_pipeline.evidence.visual_tags import VisualTagger, ZeroShotTagger, read_words
from data_pipeline.manifest import ManifestRow, read_manifest
from data_pipeline.sources.files import FoundFiles, find_videos
from retrieval.encoders import DEFAULT_MODEL, load_encoder, read_generation
from retrieval.errors import InputError, LibraryError, ModelError
from retrieval.library import Library
from retrieval.records import Generation
from retrieval.video import require_decoder
from serving.ingest.adder import Adder
from serving.ingest.calibrating import calibrate_grown, own_models
from serving.ingest.machine import available_cores, readers_that_fit_in_memory
from serving.ingest.meanings import EvidenceReader, Sentences, settle_sentences
from serving.ingest.pool import PoolSettings, ReaderPool
from serving.ingest.report import AddReport, FileOutcome
from serving.ingest.speech import SpeechSettings
from serving.models import NO_MODEL, SENTENCES_SETTING, lasting_name, place_key, remembered_model, visual_channel_off

_MOST_ROWS_NAMED = 20  # of a manifest's rows that match no file


@dataclass(frozen=True, kw_only=True)
class AddOptions:
    """`model`: None = the library's own, else the default, as far as it can be loaded. `sentences`: None = the library's
    own sentence model, if it has one. `tags`: a list of words to look for in the pictures. `readers`: None = one a core."""

    model: str | None = None
    sentences: str | None = None
    tags: Path | None = None
    manifest: Path | None = None
    exclude: tuple[str, ...] = ()
    on_screen_text: bool = True
    speech: SpeechSettings | None = None
    decoder: str = "pyav"
    readers: int | None = None
    stall_seconds: float = 60.0
    memory_bytes: int = 4 << 30


class ProgressDisplay(Protocol):
    def begin(self, files: int) -> None: ...
    def position(self, path: Path, position_ms: int, duration_ms: int) -> None: ...
    def finished(self, outcome: FileOutcome) -> None: ...


class NoDisplay:
    """Shows nothing."""

    def begin(self, files: int) -> None: ...
    def position(self, path: Path, position_ms: int, duration_ms: int) -> None: ...
    def finished(self, outcome: FileOutcome) -> None: ...


def add_videos(
    library_path: Path, paths: Sequence[Path], options: AddOptions, *, progress: ProgressDisplay | None = None
) -> AddReport:
    """Add the videos at `paths` to the library, which is made if it is not there.

    A file that cannot be added is in the report, and so is what ended the run early. Raises InputError, LibraryError or
    ModelError when that comes before the first file is settled.
    """
    found = find_videos(paths, exclude=options.exclude)
    if found.missing:
        raise InputError(_not_there(found.missing))
    _refuse_nothing(found, paths)
    plan = _plan(library_path, found, options)
    with Library.open(library_path, write=True, create=True) as library:
        report = _carry_out(plan, library, options, progress or NoDisplay(), lambda: False)
        calibrate_grown(library, report, lambda: own_models(library), stopping=lambda: False)
        return report


def add_to_library(
    library: Library, paths: Sequence[Path], options: AddOptions, *, progress: ProgressDisplay,
    stopping: Callable[[], bool],
) -> AddReport:
    """The same to a library that is open for writing, until `stopping` says so; what is acknowledged by then stays.

    A path that is not there is in the report. Raises InputError where no other leads to a video.
    """
    found = find_videos(paths, exclude=options.exclude)
    _refuse_nothing(found, paths)
    return add_found(library, found, options, progress=progress, stopping=stopping)


def add_found(
    library: Library, found: FoundFiles, options: AddOptions, *, progress: ProgressDisplay, stopping: Callable[[], bool]
) -> AddReport:
    """The same with files that were looked up already."""
    return _carry_out(_plan(library.directory, found, options), library, options, progress, stopping)


@dataclass(frozen=True)
class _Plan:
    files: list[Path]
    missing: list[Path]
    rows: dict[Path, ManifestRow]
    covers: dict[Path, Path]
    model: NamedModel | None
    sentences: Sentences | None
    tagger: VisualTagger | None
    notices: list[str]


def _refuse_nothing(found: FoundFiles, paths: Sequence[Path]) -> None:
    """InputError where no path leads to a video."""
    if found.videos:
        return
    if found.missing:
        raise InputError(_not_there(found.missing))
    unread = f"; {', '.join(found.unreadable)} cannot be read" if found.unreadable else ""
    raise InputError(f"No video was found under {', '.join(map(str, paths))} ({found.other} other files{unread}).")


def _not_there(paths: Sequence[Path]) -> str:
    return f"There is no file or folder {', '.join(map(str, paths))}."


def _plan(library_path: Path, found: FoundFiles, options: AddOptions) -> _Plan:
    """Everything that can be refused before the library is opened to be written."""
    require_decoder(options.decoder)
    rows, notices = _manifest_rows(options.manifest, found.videos)
    covers, missing = named_covers(rows, options.manifest)
    notices += [*missing, *(f"The folder {folder} cannot be read." for folder in found.unreadable)]
    model = _settle_model(library_path, options.model, notices.append)
    sentences = settle_sentences(library_path, options.sentences, notices.append)
    tagger = _settle_tagger(options.tags, model)
    return _Plan(found.videos, found.missing, rows, covers, model, sentences, tagger, notices)


def _settle_tagger(words: Path | None, model: NamedModel | None) -> VisualTagger | None:
    """Raises InputError for a list that cannot be read, or where there is no model to look for its words."""
    if words is None:
        return None
    listed = read_words(words)
    if model is None:
        raise InputError("--tags looks for words in the pictures, which needs a model: name one with --model.")
    return ZeroShotTagger(load_encoder(model.name), listed)


def _carry_out(
    plan: _Plan, library: Library, options: AddOptions, progress: ProgressDisplay, stopping: Callable[[], bool]
) -> AddReport:
    sentences, notices = plan.sentences, plan.notices
    with ExitStack() as stack:
        reader = None
        if sentences is not None:
            library.set_setting(SENTENCES_SETTING, sentences.name)
            library.set_setting(place_key(sentences.generation), sentences.name)
            reader = stack.enter_context(EvidenceReader(sentences))
        progress.begin(len(plan.files) + len(plan.missing))
        missing = [FileOutcome(str(path), "failed", kind="missing", message=_not_there([path])) for path in plan.missing]
        for outcome in missing:
            progress.finished(outcome)
        with ReaderPool(pool_settings(options, plan.model, len(plan.files))) as pool:
            adder = Adder(
                library, pool, manifest=plan.rows, covers=plan.covers, sentences=reader, tagger=plan.tagger,
                on_progress=progress.position, on_outcome=progress.finished, stopping=stopping,
            )
            report = adder.add(plan.files)
        report.files += len(missing)
        report.outcomes[:0] = missing
        if sentences is not None and library.texts_without_vector(sentences.generation, limit=1):
            notices.append("Some texts that were there before have no vector yet: `wenshi library embed` makes them.")
        library.settle()
    report.notices[:0] = notices
    return report


def _manifest_rows(manifest: Path | None, files: Sequence[Path]) -> tuple[dict[Path, ManifestRow], list[str]]:
    if manifest is None:
        return {}, []
    match = read_manifest(manifest).match(files)
    return dict(match.by_path), match.summary(_MOST_ROWS_NAMED)


@dataclass(frozen=True)
class NamedModel:
    """`name`: where it is loaded from, a folder (absolute) or a hub name."""

    name: str
    generation: Generation


def _settle_model(library_path: Path, asked: str | None, notice: Callable[[str], None]) -> NamedModel | None:
    """What was asked for, the library's own model, or the default when it can be had; None = text only.

    Raises ModelError when a model was asked for by name and is not there, or did not make the library's vectors.
    """
    if asked == NO_MODEL:
        return None
    active, remembered = _vectors_of(library_path)
    name = lasting_name(asked or remembered or os.environ.get("WENSHI_MODEL") or DEFAULT_MODEL)
    try:
        generation = read_generation(name)
        if active is not None and not active.same_vectors(generation):
            raise ModelError(
                f"The library's vectors come from {active.encoder} ({active.revision}), not from {name} "
                f"({generation.revision}): add with the same model; `wenshi library build` makes vectors of another beside them."
            )
    except ModelError as error:
        if asked is not None:
            raise
        notice(visual_channel_off(error))
        return None
    return NamedModel(name, active or generation)


def _vectors_of(library_path: Path) -> tuple[Generation | None, str | None]:
    """What made the vectors of a library, and where that was loaded from; (None, None) where there is no library yet."""
    try:
        with Library.open(library_path) as library:
            return library.generation(), remembered_model(library)
    except LibraryError:
        return None, None  # none yet, or one that says what is wrong with it when it is opened to be written


def pool_settings(options: AddOptions, model: NamedModel | None, files: int) -> PoolSettings:
    """Readers for so many files, as the options say; the model is needed where these name one."""
    cores = available_cores()
    readers = max(min(options.readers or min(cores, readers_that_fit_in_memory()), files), 1)
    return PoolSettings(
        readers=readers,
        threads=max(cores // readers, 1),
        model=model.name if model else None,
        generation=model.generation if model else None,
        model_needed=options.model is not None,
        on_screen_text=options.on_screen_text,
        speech=options.speech,
        decoder=options.decoder,
        stall_seconds=options.stall_seconds,
        memory_bytes=options.memory_bytes,
    )
