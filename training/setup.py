"""What a run is made of, from its recipe: the first weights, the samples, the objective, the length."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from data_pipeline.corpus.errors import CorpusError
from data_pipeline.corpus.shard_list import LIST_NAME
from data_pipeline.corpus.shard_reader import decode
from retrieval.disk import replace_directory, require_room
from retrieval.encoders.checkpoint import Checkpoint, open_checkpoint
from retrieval.encoders.fingerprint import content_revision
from retrieval.encoders.hub import find_checkpoint
from retrieval.encoders.loading import read_generation
from retrieval.errors import InputError
from retrieval.model import (
    ClipVectors,
    DualEncoder,
    InteractionSettings,
    TemporalSettings,
    VideoSettings,
    load_dual_encoder,
    save_dual_encoder,
)
from retrieval.model.smaller import TowerSize, build_smaller
from retrieval.model.tiny import build_tiny, settings_of
from retrieval.model.whitening import whiten_patches
from retrieval.model.word_table import WORDS_NAME, WordTable, load_words, mine_words
from training.adapters import add_adapters
from training.batches.batch import Batch, BatchMaker, Visit
from training.batches.learned import tokens_in
from training.batches.order import PlannedBatch, steps_of
from training.batches.samples import Samples, fingerprint, open_samples, training_texts, video_codes
from training.batches.tokens import TextReader
from training.batches.words import WordList, WordRows
from training.cross_modal import CrossModal, CrossModalObjective, shared_tower
from training.objectives import RetrievalObjective
from training.processes import Processes
from training.recipe import NewModel, Recipe
from training.states import STATES, state_files
from training.teaching import open_teacher
from training.terms import Term, build_terms
from training.validation import Validator
from training.weights import freeze, keeps_clip_vectors, learns_texts, place_of, require_something_to_train

VOCABULARY = "vocabulary.txt"
_MADE_FOR = "made_for.txt"         # in the start folder: a digest of what it was made of
_CROSS_MODAL = "cross_modal"


@dataclass(frozen=True, kw_only=True)
class TrainingData:
    """The training samples and what makes batches of them."""

    samples: Samples
    videos: NDArray[np.int64]
    fingerprint: str
    maker: BatchMaker

    def batch(self, plan: PlannedBatch, recipe: Recipe, processes: Processes) -> Batch:
        """This process's part of a planned batch; what it shows depends on seed, epoch and sample alone."""
        data = recipe.data
        frames, texts = data.frames.at(plan.step), data.texts.at(plan.step)

        def visit(number: int) -> Visit:
            random = Random(f"{recipe.seed} {plan.epoch} {number}")
            return Visit(
                frames=frames, texts=texts, crop=data.crop, shuffled=data.frame_order == "shuffled", random=random
            )

        share = len(plan.numbers) // processes.count
        own = plan.numbers[processes.rank * share : (processes.rank + 1) * share]
        return self.maker.training_batch(own.tolist(), visit, planned=plan.numbers.tolist())

    def words(self, batch: Batch, recipe: Recipe, processes: Processes, *, step: int) -> WordRows | None:
        """The words to ask for at this step, of those that the clips of all processes hold: the same for each of them."""
        if not recipe.objective.words.used:
            return None
        held = [words for part in processes.collect(batch.held_words) for words in part]
        return self.maker.word_rows(held, Random(f"words {recipe.seed} {step}"))


@dataclass(frozen=True, kw_only=True)
class Setup:
    """A run before its first step; the model is on the processes' device.

    heads: weights that are trained along and are no part of the finished model. cross_modal: None = not asked for. terms:
    the others, which have their weights among the heads.
    """

    recipe: Recipe
    checkpoint: Checkpoint
    model: DualEncoder
    data: TrainingData
    validator: Validator
    validation_clips: int
    objective: RetrievalObjective
    cross_modal: CrossModalObjective | None
    terms: tuple[Term, ...]
    heads: nn.ModuleDict
    teacher: DualEncoder | None             # another model; None = none, or the average
    steps: int
    start_revision: str
    clip_vectors: ClipVectors | None        # of the start, where training changes none; None = the model makes its own


def prepare(recipe: Recipe, start: Path, processes: Processes) -> Setup:
    """Open everything that the recipe names; what the run begins with is made in `start` first, unless it is there.

    What is there was made by an earlier call: it is kept for a run that has a state, and while recipe and data ask for the same.
    Raises InputError, ModelError, CorpusError for what cannot be used, TrainingError when validation has too few samples.
    """
    _check_sizes(recipe, processes)
    samples, validation = open_samples(recipe.data.train), open_samples(recipe.data.validation)
    steps = recipe.schedule.steps or steps_of(
        recipe.schedule.epochs or 0, samples=len(samples), size_at=recipe.batch.size.at
    )
    if processes.first:
        _keep_only_for(recipe, samples, start)
        write_new_model(recipe, start)
    processes.wait()
    named = None if recipe.model.shrinks else recipe.model.start
    checkpoint = open_checkpoint(start) if named is None else find_checkpoint(named)
    model = _starting_model(recipe, checkpoint).to(processes.device)
    model.significant_words = words = _significant_words(recipe, model, samples, start, processes)
    reader = TextReader(checkpoint, max_tokens=recipe.data.max_tokens, words=words)
    videos = video_codes(samples)
    clips = min(len(validation), recipe.evaluation.clips or len(validation))
    validator = Validator(
        BatchMaker(validation, video_codes(validation), reader=reader, preprocessing=model.preprocessing),
        clips=clips,
        visit=Visit(
            frames=recipe.evaluation.frames or recipe.data.frames.values[-1], texts=recipe.evaluation.texts,
            shuffled=recipe.data.frame_order == "shuffled",
        ),
        workers=recipe.data.workers,
        token_wise=any(weight > 0 for _, weight in recipe.objective.token_wise),
    )  # fmt: skip
    if processes.first:         # which scores
        validator.require_two()
    heads = _heads(recipe, model)
    terms = _terms(recipe, model, heads, reader)
    return Setup(
        recipe=recipe, checkpoint=checkpoint, model=model, steps=steps,
        data=TrainingData(
            samples=samples, videos=videos, fingerprint=fingerprint(samples),
            maker=BatchMaker(
                samples, videos, reader=reader, preprocessing=model.preprocessing,
                words=WordList(samples, recipe.objective.words) if recipe.objective.words.used else None,
                keep_bytes=recipe.data.keep_mb * 10**6,
            ),
        ),
        start_revision=checkpoint.commit or content_revision(checkpoint.directory),
        clip_vectors=_kept_clip_vectors(recipe, model, checkpoint), validator=validator, validation_clips=clips,
        objective=RetrievalObjective(recipe.objective, interaction=model.interaction), heads=heads, terms=terms,
        cross_modal=_cross_modal(recipe, heads, reader, steps=steps),
        teacher=open_teacher(recipe.teacher, checkpoint, device=processes.device),
    )  # fmt: skip


def note_learned(setup: Setup) -> None:
    """Add the tokens of the training texts to those that the model has learned, if those are known and texts are trained."""
    model, recipe = setup.model, setup.recipe
    if model.learned_tokens is not None and learns_texts(model):
        reader = TextReader(setup.checkpoint, max_tokens=recipe.data.max_tokens)
        model.learned_tokens |= tokens_in(setup.data.samples, recipe.data.texts.values, reader)


def write_new_model(recipe: Recipe, directory: Path) -> None:
    """Write the model that a recipe makes to begin with; nothing when it starts from one as it is, or one is there.

    The folder appears when the model is finished: a kill leaves none that is half begun. Raises InputError when the
    vocabulary cannot be read or the sizes do not fit.
    """
    if (directory / "model.safetensors").is_file():
        return
    partial = directory.with_name(f".{directory.name}.part")
    shutil.rmtree(partial, ignore_errors=True)
    if recipe.model.start is not None and recipe.model.shrinks:
        sizes = (recipe.model.small_text, recipe.model.small_video)
        text, video = (None if size is None else TowerSize(**size.model_dump()) for size in sizes)
        build_smaller(find_checkpoint(recipe.model.start), partial, text=text, video=video, seed=recipe.seed)
    elif recipe.model.new is not None:
        _build_new(recipe, recipe.model.new, partial)
    else:
        return
    if (directory / _MADE_FOR).is_file():
        shutil.copyfile(directory / _MADE_FOR, partial / _MADE_FOR)
    replace_directory(partial, directory)


def _keep_only_for(recipe: Recipe, samples: Samples, start: Path) -> None:
    """Delete what was made in `start` for another recipe or other data, unless a state says that a run began with it."""
    if state_files(start.with_name(STATES)):
        return
    wanted, note = _made_for(recipe, samples), start / _MADE_FOR
    if note.is_file() and note.read_text(encoding="ascii", errors="replace") == wanted:
        return
    require_room(start, own=note.is_file(), what="beginning of a run")
    shutil.rmtree(start, ignore_errors=True)
    start.mkdir(parents=True, exist_ok=True)
    note.write_text(wanted, encoding="ascii")


def _made_for(recipe: Recipe, samples: Samples) -> str:
    """64 hex digits over all that decides what a run begins with."""
    digest = hashlib.sha256(f"{recipe.model.model_dump_json()} {recipe.seed} {fingerprint(samples)}\n".encode())
    if recipe.model.start is not None:
        checkpoint = find_checkpoint(recipe.model.start)
        digest.update((checkpoint.commit or content_revision(checkpoint.directory)).encode())
    vocabulary = _vocabulary(recipe)
    lists = [Path(folder) / LIST_NAME for folder in recipe.data.train.shards]        # with the hash of each shard
    for path in lists if vocabulary is None else [vocabulary, *lists]:
        digest.update(path.read_bytes() if path.is_file() else b"")
    return digest.hexdigest()


def _vocabulary(recipe: Recipe) -> Path | None:
    """The file with the vocabulary of a new model; None = the start brings its own."""
    if recipe.model.new is None:
        return None
    return Path(recipe.model.new.vocabulary or Path(recipe.data.train.shards[0]) / VOCABULARY)


def _build_new(recipe: Recipe, new: NewModel, directory: Path) -> None:
    vocabulary = cast(Path, _vocabulary(recipe))
    temporal, interaction = recipe.model.temporal, recipe.model.interaction
    values = new.model_dump(exclude={"vocabulary", "whiten"})
    if temporal is not None:
        values["temporal"] = temporal.model_dump()
    if interaction is not None:
        values["interaction"] = interaction.model_dump()
    build_tiny(directory, vocabulary=_words(vocabulary), settings=settings_of(values), seed=recipe.seed)
    if new.whiten:
        model = load_dual_encoder(directory)
        shown = _sample_pictures(open_samples(recipe.data.train), new.whiten, side=new.side)
        whiten_patches(model, shown, seed=recipe.seed)
        save_dual_encoder(model, directory, files_from=directory)


def _significant_words(
    recipe: Recipe, model: DualEncoder, samples: Samples, start: Path, processes: Processes
) -> WordTable | None:
    """The significant words of the training texts, mined once and kept in the start folder; None when nothing uses them."""
    if model.interaction.text_weights == "uniform" and not recipe.objective.needs_significance:
        return None
    path = start / WORDS_NAME
    if processes.first and not path.is_file():
        start.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.name}.part")
        mine_words(training_texts(samples)).save(unfinished)
        unfinished.replace(path)
    processes.wait()
    return load_words(path)


def _sample_pictures(samples: Samples, count: int, *, side: int) -> NDArray[np.uint8]:
    """A frame of each of so many samples, evenly spread over all, as squares; those that cannot be read are left out."""
    pictures = []
    for place, number in enumerate(np.linspace(0, len(samples) - 1, min(count, len(samples))).round().astype(int)):
        with contextlib.suppress(CorpusError):
            sample = samples[int(number)]
            picture = decode(sample, [place % len(sample.jpegs)])[0]
            if picture.shape[:2] != (side, side):
                picture = np.asarray(Image.fromarray(picture).resize((side, side)))
            pictures.append(picture)
    if not pictures:
        raise InputError("None of the training samples can be read: write the shards again.")
    return np.stack(pictures)


def _words(path: Path) -> Sequence[str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"The vocabulary {path} cannot be read ({error}): name a file with one word or character a line in "
            "model.new.vocabulary."
        ) from error
    return [line.strip() for line in lines if line.strip()]


def _starting_model(recipe: Recipe, checkpoint: Checkpoint) -> DualEncoder:
    settings = recipe.model
    torch.manual_seed(recipe.seed)      # a new temporal aggregation or video tower draws its weights here
    temporal = None
    if settings.temporal is not None:
        temporal = TemporalSettings.read(settings.temporal.model_dump())
    video = None
    if settings.video is not None:
        video = VideoSettings.read(settings.video.model_dump())
    model = load_dual_encoder(checkpoint, temporal=temporal, video=video, attention=settings.attention)
    if settings.interaction is not None:
        model.interaction = InteractionSettings.read(settings.interaction.model_dump())
    freeze(model, recipe.optimiser.frozen)
    if recipe.adapters is not None:
        add_adapters(model, recipe.adapters, seed=recipe.seed)
    require_something_to_train(model)
    return model


def _heads(recipe: Recipe, model: DualEncoder) -> nn.ModuleDict:
    heads = nn.ModuleDict()
    if recipe.objective.cross_modal:
        torch.manual_seed(recipe.seed)
        heads[_CROSS_MODAL] = CrossModal(shared_tower(model), dimension=model.dimension)
    return heads.to(model.logit_scale.device)


def _terms(recipe: Recipe, model: DualEncoder, heads: nn.ModuleDict, reader: TextReader) -> tuple[Term, ...]:
    """The terms of the recipe, those with weights among the heads."""
    torch.manual_seed(recipe.seed)
    terms = build_terms(recipe, model, longest_text=reader.longest)
    heads.update({name: term.to(model.logit_scale.device) for name, term in terms.items() if isinstance(term, nn.Module)})
    return tuple(terms.values())


def _cross_modal(
    recipe: Recipe, heads: nn.ModuleDict, reader: TextReader, *, steps: int
) -> CrossModalObjective | None:
    if not recipe.objective.cross_modal:
        return None
    return CrossModalObjective(
        recipe.objective, cast(CrossModal, heads[_CROSS_MODAL]), seed=recipe.seed, steps=steps,
        pairs_at_once=recipe.batch.micro_batch,
        vocabulary=reader.vocabulary(significant=recipe.objective.masked_language.masking == "significant"),
    )  # fmt: skip


def _kept_clip_vectors(recipe: Recipe, model: DualEncoder, checkpoint: Checkpoint) -> ClipVectors | None:
    """Whose vectors clips go on having, when nothing that makes them is trained or rounded; None = those of the new model."""
    if recipe.model.start is None or recipe.model.small_video is not None or not keeps_clip_vectors(model):
        return None
    config = checkpoint.config
    stored = TemporalSettings.read(config.get("temporal")), VideoSettings.read(config.get("video"))
    if stored != (model.temporal_settings, model.video_settings):
        return None
    if recipe.checkpoint.dtype == "float16" and not _held_by_half(model):
        return None
    generation = read_generation(recipe.model.start)
    return ClipVectors(encoder=generation.encoder, revision=generation.revision)


def _held_by_half(model: DualEncoder) -> bool:
    return all(
        bool((weight.half().float() == weight).all())
        for name, weight in model.named_parameters() if place_of(name).part in ("vision", "temporal")
    )


def _check_sizes(recipe: Recipe, processes: Processes) -> None:
    for size in recipe.batch.size.values:
        if size % processes.count:
            raise InputError(f"batch.size {size} cannot be shared by {processes.count} processes: choose a multiple.")
