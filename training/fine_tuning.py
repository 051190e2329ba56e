"""Fine-tuning on a person's own videos: read them once, train, and say what it was worth; or say what it would take."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from data_pipeline.captioned import TRAIN, VALIDATION, CaptionedVideos
from data_pipeline.corpus.build import SHARDS, CorpusReport, build_corpus
from data_pipeline.corpus.files import file_sha256, write_json
from data_pipeline.corpus.plan import VideoSource
from data_pipeline.corpus.samples import PictureFormat
from data_pipeline.corpus.shard_list import LIST_NAME
from data_pipeline.corpus.shard_reader import ShardDataset
from data_pipeline.sources.files import plain_path
from retrieval.encoders.hub import find_checkpoint
from retrieval.encoders.preprocessing import read_preprocessing
from retrieval.errors import InputError
from retrieval.evaluation import TwoWayMetrics
from retrieval.model import load_dual_encoder
from retrieval.settings import Override
from training.batches.order import steps_of
from training.card import TrainingReport
from training.dry_run import DryRun, try_recipe
from training.errors import TrainingError
from training.gain import Gain, gain
from training.processes import Processes, join_processes
from training.recipe import Recipe
from training.recipe_file import read_recipe
from training.setup import prepare
from training.states import STATES, state_files
from training.trainer import MODEL, START, StepReport, forget, read_by, require_apart, train
from training.validation import Validator

CORPUS, REPORT = "corpus", "fine_tuning.json"
RECIPE = Path("fine_tune")          # the one that comes with Wenshi
_TRAINED_ON = "trained_on.txt"      # a digest of all pictures and captions
STORED_FRAMES = 8                   # of a video, from which each visit takes some
_TRIED = 8                          # videos that are read to estimate
_VALIDATIONS = 5                    # in a run, at least


@dataclass(frozen=True, kw_only=True)
class FineTuned:
    """What became of the videos, of the run, and what it was worth; gain: None = the run was interrupted."""

    corpus: CorpusReport
    report: TrainingReport
    gain: Gain | None


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What fine-tuning would take, extrapolated from a few videos and one small step.

    reading_seconds, frames_bytes: of all videos. training_hours: validation left out. unreadable: of the videos tried.
    """

    train: int
    validation: int
    steps: int
    batch: int
    reading_seconds: float
    frames_bytes: int
    training_hours: float
    run: DryRun
    unreadable: tuple[str, ...]


def fine_tune(
    videos: CaptionedVideos, output: Path, *, model: str, recipe: Path = RECIPE, overrides: Sequence[str] = (),
    device: str = "auto", restart: bool = False, workers: int = 1,
    on_video: Callable[[str, int, int], None] | None = None, on_step: Callable[[StepReport], None] | None = None,
) -> FineTuned:
    """Read the videos into output/corpus, train into output, and compare the model with the one it began with.

    Goes on where an earlier call was ended. A video that cannot be read is named in the report and left out. Raises
    InputError when too few can be read, and what `build_corpus` and `train` raise.
    """
    output = plain_path(output)             # what a recipe names is the same from everywhere
    model = str(plain_path(Path(model).expanduser())) if Path(model).expanduser().exists() else model
    require_apart([model], output)          # before all videos are read
    corpus = _read(videos.sources, output / CORPUS, model=model, workers=workers, on_video=on_video)
    shards = output / CORPUS / SHARDS
    plan = _recipe(recipe, model, shards, overrides, train=_require(shards, corpus))
    require_apart(read_by(plan), output)
    if restart:
        forget(output)
    _require_same_videos(output, shards)
    with join_processes(device) as processes:
        setup = prepare(plan, output / START, processes)
        bf16 = plan.precision == "bf16"
        before = setup.validator.metrics(setup.model.eval(), bf16=bf16)
        validator = setup.validator
        del setup
    report = train(plan, output, device=device, on_step=on_step)
    found = gain(before, _after(output, validator, processes, bf16=bf16)) if report.finished else None
    if found is not None:
        write_json(output / REPORT, found.as_json())
    return FineTuned(corpus=corpus, report=report, gain=found)


def estimate(
    videos: CaptionedVideos, *, model: str, recipe: Path = RECIPE, overrides: Sequence[str] = (), device: str = "auto"
) -> Estimate:
    """Try a few videos and a small step in a folder that is deleted. Raises what `fine_tune` raises."""
    tried = _a_few(videos.sources)
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        corpus = _read(tried, Path(folder), model=model)
        seconds = time.perf_counter() - began
        shards = Path(folder) / SHARDS
        there = _require(shards, corpus)
        stored = sum(path.stat().st_size for path in shards.glob("*.tar"))
        count = videos.count(TRAIN)
        plan = _recipe(recipe, model, shards, overrides, train=count)
        steps = plan.schedule.steps or steps_of(plan.schedule.epochs or 0, samples=count, size_at=plan.batch.size.at)
        small = _recipe(recipe, model, shards, [*overrides, f"batch.size={there}", f"schedule={{steps: {steps}}}"], train=there)
        run = try_recipe(small, device=device)
    size = max(plan.batch.size.values)
    # The largest batch decides the memory, and the small recipe has none as large.
    in_graph, measured = min(size, plan.batch.micro_batch or size), min(there, plan.batch.micro_batch or there)
    run = replace(run, memory_bytes=run.memory_bytes + (in_graph - measured) * run.graph_bytes_per_clip)
    total = len(videos.sources)
    return Estimate(
        train=count, validation=videos.count(VALIDATION), steps=steps, batch=size,
        reading_seconds=seconds / len(tried) * total, frames_bytes=stored * total // max(corpus.clips, 1),
        training_hours=run.seconds_per_clip * sum(plan.batch.size.at(step) for step in range(steps)) / 3600,
        run=run, unreadable=tuple(failure.message for failure in corpus.failures),
    )  # fmt: skip


def _read(
    sources: Sequence[VideoSource], directory: Path, *, model: str, workers: int = 1,
    on_video: Callable[[str, int, int], None] | None = None,
) -> CorpusReport:
    """The videos as shards of pictures in the shape that the model takes."""
    geometry = read_preprocessing(find_checkpoint(model)).geometry
    return build_corpus(
        sources, directory, form=PictureFormat(height=geometry.height, width=geometry.width), fit=geometry.fit,
        frames=STORED_FRAMES, workers=workers, progress=on_video,
    )  # fmt: skip


def _require_same_videos(output: Path, shards: Path) -> None:
    """Raise TrainingError when the run in `output` began with other pictures or captions than the shards have now."""
    note, now = output / _TRAINED_ON, file_sha256(shards / LIST_NAME)
    if state_files(output / STATES) and note.is_file() and note.read_text(encoding="ascii", errors="replace") != now:
        raise TrainingError(
            f"{output} holds a run on other videos or captions: bring those back, choose another --output, or begin anew with "
            "--restart."
        )
    note.write_text(now, encoding="ascii")


def _require(shards: Path, corpus: CorpusReport) -> int:
    """How many training videos there are. Raises InputError when there are too few of them, or to validate with."""
    counts = {}
    for split in (TRAIN, VALIDATION):
        try:
            counts[split] = len(ShardDataset(shards, split=split))
        except InputError:          # none of this split
            counts[split] = 0
        if counts[split] < 2:
            reasons = f"; the first that cannot be read: {corpus.failures[0].message}" if corpus.failures else "."
            raise InputError(
                f"Only {counts[split]} videos with captions are left for {split}, and two are the fewest{reasons}"
            )
    return counts[TRAIN]


def _recipe(path: Path, model: str, shards: Path, overrides: Sequence[str], *, train: int) -> Recipe:
    """The recipe on these shards, its batch no larger than there are videos, and validation a few times in the run."""
    own: list[Override] = [("model.start", model), *((f"data.{split}.shards", str(shards)) for split in (TRAIN, VALIDATION))]
    size = max(read_recipe(path, overrides=own).batch.size.values)
    own += [f"batch.size={train}"] if size > train else []
    first = read_recipe(path, overrides=[*own, *overrides])
    steps = first.schedule.steps or steps_of(first.schedule.epochs or 0, samples=train, size_at=first.batch.size.at)
    every = min(first.evaluation.every, max(1, steps // _VALIDATIONS))
    return read_recipe(path, overrides=[*own, f"evaluation.every={every}", *overrides])


def _a_few(sources: Sequence[VideoSource]) -> list[VideoSource]:
    """Some evenly spread, half of them to validate with: a few may turn out unreadable."""
    places = sorted({round(i * (len(sources) - 1) / (_TRIED - 1)) for i in range(_TRIED)})
    return [replace(sources[place], split=(TRAIN, VALIDATION)[number % 2]) for number, place in enumerate(places)]


def _after(output: Path, validator: Validator, processes: Processes, *, bf16: bool) -> TwoWayMetrics:
    return validator.metrics(load_dual_encoder(output / MODEL, device=processes.device), bf16=bf16)
