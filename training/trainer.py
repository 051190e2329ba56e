"""The training loop: from a recipe to a checkpoint, and on from wherever an earlier run was ended."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch

from data_pipeline.corpus.files import only_writer, write_json
from retrieval.errors import InputError
from retrieval.model import save_dual_encoder
from training.adapters import merged
from training.batches.batch import BadSample, Batch
from training.batches.loading import Loaded, load_ahead
from training.batches.order import PlannedBatch, planned_batches
from training.card import CARD_NAME, RECIPE_NAME, REPORT_NAME, TrainingReport, model_card, report_as_json
from training.errors import TrainingError
from training.gradients import Objective, backward
from training.logs import LOG_NAME, RunLog
from training.optimising import (
    AveragedModel,
    build_optimiser,
    clamp_logit_scale,
    learning_rate_share,
    set_learning_rate,
)
from training.processes import Processes, join_processes
from training.recipe import Recipe
from training.recipe_file import differing_settings, plain, recipe_text
from training.setup import Setup, note_learned, prepare
from training.states import STATES, Progress, State, load_state, save_state, state_files
from training.step_objective import objective_of
from training.stopping import StopSignals
from training.weights import trained

MODEL, START, BOARD = "model", "start", "tensorboard"
_FOLDERS = (MODEL, STATES, START, BOARD)
_FEW_BAD = 10       # so many bad samples in an epoch never end a run, whatever share they are

Planned = Loaded[PlannedBatch, Batch]


@dataclass(frozen=True, kw_only=True)
class StepReport:
    """A step that is done, for whoever shows progress. step: how many are done; validation: of the last one, None = none yet."""

    step: int
    of_steps: int
    terms: dict[str, float]
    clips_per_second: float
    seconds_left: float
    validation: dict[str, float] | None
    bad: tuple[BadSample, ...]


def train(
    recipe: Recipe, output: Path, *, device: str = "auto", restart: bool = False,
    on_step: Callable[[StepReport], None] | None = None,
) -> TrainingReport:
    """Train into `output`, going on from the state that is there when it is of the same recipe and data.

    output/model holds the best averaged weights so far, output/log.jsonl a line a step. SIGINT and SIGTERM save a state
    and end the run early. restart: forget what is there. Raises TrainingError (another recipe, a loss that is no number,
    too many bad samples, a full disk), InputError (also when the recipe reads what the run would write over), ModelError,
    CorpusError.
    """
    require_apart(read_by(recipe), output)
    with ExitStack() as stack:
        processes = stack.enter_context(join_processes(device))
        stop = stack.enter_context(StopSignals())
        if processes.first:
            stack.enter_context(only_writer(output))
            if restart:
                forget(output)
            _require_own_model(output)
        processes.wait()
        setup = prepare(recipe, output / START, processes)
        if processes.first:         # which writes the model
            note_learned(setup)
        trainer = Trainer(setup, output, processes, on_step=on_step)
        trainer.resume()
        if processes.first:
            (output / RECIPE_NAME).write_text(recipe_text(recipe), encoding="utf-8")
        return trainer.run(stop)


def read_by(recipe: Recipe) -> Iterator[str]:
    """The files, folders and hub names that a recipe begins with and learns from."""
    yield from (*recipe.data.train.shards, *recipe.data.validation.shards)
    if recipe.model.start is not None:
        yield recipe.model.start
    if recipe.model.new is not None and recipe.model.new.vocabulary is not None:
        yield recipe.model.new.vocabulary
    if recipe.teacher is not None:
        yield recipe.teacher.model


def require_apart(names: Iterable[str], output: Path) -> None:
    """Raise InputError when one of these files or folders lies in what a run into `output` replaces or deletes."""
    own = [(output / name).resolve() for name in _FOLDERS]
    for name in names:
        place = Path(name).expanduser().resolve()
        if any(place.is_relative_to(folder) for folder in own):
            raise InputError(f"{name} lies in what a run into {output} writes over: choose another --output.")


def forget(output: Path) -> None:
    """Delete what a run wrote into its folder; nothing where there was none."""
    if not _holds_run(output):
        return
    for name in _FOLDERS:
        shutil.rmtree(output / name, ignore_errors=True)
    for name in (LOG_NAME, REPORT_NAME, RECIPE_NAME):
        (output / name).unlink(missing_ok=True)


def _holds_run(output: Path) -> bool:
    return (output / LOG_NAME).is_file() or bool(state_files(output / STATES))


def _require_own_model(output: Path) -> None:
    """Raise InputError when there is a folder in the place of the model that no run of this output wrote."""
    if (output / MODEL).exists() and not _holds_run(output):
        raise InputError(f"{output / MODEL} is there already and is of no run in {output}: choose another --output.")


class Trainer:
    """One run: what changes from step to step, and the steps."""

    def __init__(
        self, setup: Setup, output: Path, processes: Processes, *, on_step: Callable[[StepReport], None] | None = None
    ) -> None:
        self._setup = setup
        self._recipe = setup.recipe
        self._output = output
        self._processes = processes
        self._on_step = on_step or (lambda step: None)
        self._model = setup.model
        self._weights = [*setup.model.parameters(), *setup.heads.parameters()]
        self._optimiser = build_optimiser(setup.model, setup.recipe.optimiser, heads=setup.heads)
        decay = setup.recipe.ema_decay
        self._average = AveragedModel(setup.model, decay=decay) if decay is not None else None
        self._progress = Progress()
        self._last_validation: dict[str, float] | None = None

    def resume(self) -> None:
        """Go on from the last state in the output folder, if there is one.

        Raises TrainingError when it is of another recipe or of other data.
        """
        files = state_files(self._output / STATES)
        if not files:
            return
        state = load_state(files[-1])
        differing = differing_settings(state.recipe, plain(self._recipe))
        if differing:
            raise TrainingError(
                f"{self._output} holds a run of another recipe ({', '.join(differing)}): give that one, choose another "
                "--output, or begin anew with --restart."
            )
        if state.data != self._setup.data.fingerprint:
            raise TrainingError(
                f"{self._output} holds a run on other training samples: bring those back, choose another --output, or "
                "begin anew with --restart."
            )
        if state.start != self._setup.start_revision:
            raise TrainingError(
                f"{self._output} holds a run that began with other weights than {self._setup.checkpoint.directory} has now: "
                "bring those back, choose another --output, or begin anew with --restart."
            )
        self._model.load_state_dict(state.model, strict=False)
        self._setup.heads.load_state_dict(state.heads)
        if self._average is not None and state.average is not None:
            self._average.model.load_state_dict(state.average, strict=False)
        self._optimiser.load_state_dict(state.optimiser)
        own = self._processes.first         # what was counted is counted once
        self._progress = state.progress if own else replace(state.progress, bad={})

    def run(self, stop: StopSignals) -> TrainingReport:
        """Do the remaining steps, or as many as are done when a stop is asked for."""
        self._began, self._first = time.perf_counter(), self._progress.position.step
        stopped = False
        own = self._output if self._processes.first else None
        with closing(RunLog(own, step=self._first)) as self._log:
            if self._validation_is_due():       # where the one before failed, and its state was saved
                self._validate()
                self._save()
            for loaded in self._batches():
                self._step(loaded)
                step = self._progress.position.step
                if self._validation_is_due():
                    self._validate()
                stopped = self._processes.any([stop.asked])[0] and step < self._setup.steps
                if step % self._recipe.checkpoint.every == 0 or step == self._setup.steps or stopped:
                    self._save()
                if stopped:
                    break
        return self._report(finished=not stopped)

    def _batches(self) -> Iterator[Planned]:
        recipe, data = self._recipe, self._setup.data
        plans = planned_batches(
            data.videos, size_at=recipe.batch.size.at, seed=recipe.seed, start=self._progress.position,
            steps=self._setup.steps,
        )  # fmt: skip
        return load_ahead(
            plans, lambda plan: data.batch(plan, recipe, self._processes).pinned(self._processes.device),
            workers=recipe.data.workers,
        )

    def _step(self, loaded: Planned) -> None:
        began = time.perf_counter()
        plan, batch, recipe = loaded.plan, loaded.batch, self._recipe
        torch.manual_seed(_step_seed(recipe.seed, plan.step, self._processes.rank))
        self._model.train()
        self._setup.heads.train()
        self._optimiser.zero_grad(set_to_none=True)
        terms = backward(
            self._model, batch, self._objective(batch, step=plan.step), bf16=recipe.precision == "bf16",
            micro_batch=recipe.batch.micro_batch, videos=recipe.looks_at_videos,
        )  # fmt: skip
        self._processes.average_gradients(self._weights)
        norm = torch.nn.utils.clip_grad_norm_(self._weights, recipe.optimiser.gradient_clip or math.inf)
        self._refuse_no_number(plan, batch, terms["loss"], float(norm))
        share = learning_rate_share(plan.step, steps=self._setup.steps, settings=recipe.schedule)
        set_learning_rate(self._optimiser, share)
        self._optimiser.step()
        clamp_logit_scale(self._model, largest=recipe.optimiser.max_logit_scale)
        if self._average is not None:
            self._average.update(self._model, step=plan.step)
        self._record(loaded, terms, float(norm), time.perf_counter() - began + loaded.wait_seconds)

    def _objective(self, batch: Batch, *, step: int) -> Objective:
        average = None if self._average is None else self._average.model
        return objective_of(self._setup, batch, step=step, processes=self._processes, average=average)

    def _refuse_no_number(self, plan: PlannedBatch, batch: Batch, loss: float, norm: float) -> None:
        broken = not (math.isfinite(loss) and math.isfinite(norm))
        if not self._processes.any([broken])[0]:
            return
        keys = [key for keys in self._processes.collect(batch.keys if broken else ()) for key in keys]
        files = state_files(self._output / STATES)
        last = f"the last good state is {files[-1].name}" if files else "no state was saved before"
        more = f" and {len(keys) - 4} more" if len(keys) > 4 else ""
        raise TrainingError(
            f"The loss or its gradient is no finite number at step {plan.step + 1} (loss {loss}, gradient {norm}; samples "
            f"{', '.join(keys[:4])}{more}): lower the learning rate or look at these samples; {last}."
        )

    def _record(self, loaded: Planned, terms: dict[str, float], norm: float, seconds: float) -> None:
        names, batch = list(terms), loaded.batch
        *means, wait, bad_here = self._processes.mean([*terms.values(), loaded.wait_seconds, float(len(batch.bad))])
        terms = dict(zip(names, means, strict=True))
        bad: tuple[BadSample, ...] = ()
        if bad_here:
            bad = tuple(one for part in self._processes.collect(batch.bad) for one in part)
        progress, clips = self._progress, len(loaded.plan.numbers)
        self._progress = replace(
            progress, position=loaded.plan.after, clips=progress.clips + clips, seconds=progress.seconds + seconds,
            bad=progress.bad | _named(bad), bad_visits=progress.bad_visits + len(bad),
        )  # fmt: skip
        step = self._progress.position.step
        if step % self._recipe.log.every == 0 or bad or step == self._setup.steps:
            self._log.write(
                step, epoch=loaded.plan.epoch, **terms, lr=self._optimiser.param_groups[-1]["lr"],
                logit_scale=float(self._model.logit_scale.detach()), gradient_norm=norm, clips=self._progress.clips,
                seconds=round(seconds, 4), data_wait=round(wait / seconds, 4), clips_per_second=round(clips / seconds, 1),
                **({"bad": [asdict(one) for one in bad]} if bad else {}),
            )  # fmt: skip
        self._refuse_many_bad()
        done = step - self._first
        self._on_step(StepReport(
            step=step, of_steps=self._setup.steps, terms=terms, clips_per_second=clips / seconds,
            seconds_left=(time.perf_counter() - self._began) / done * (self._setup.steps - step),
            validation=self._last_validation, bad=bad,
        ))  # fmt: skip

    def _refuse_many_bad(self) -> None:
        visits, clips = self._progress.bad_visits, self._progress.clips
        few = _FEW_BAD * (self._progress.position.epoch + 1)
        if visits > max(few, self._recipe.data.max_bad_share * (clips + visits)):
            _, message = next(iter(self._progress.bad.values()))
            raise TrainingError(
                f"{visits:,} of {clips + visits:,} samples could not be used, more than data.max_bad_share allows, for one: "
                f"{message}"
            )

    def _validation_is_due(self) -> bool:
        step = self._progress.position.step
        due = step > 0 and (step % self._recipe.evaluation.every == 0 or step == self._setup.steps)
        return due and self._progress.validated != step

    def _validate(self) -> None:
        """Score the averaged weights, and keep them as the model when they are the best so far; a failure leaves a state."""
        step, before = self._progress.position.step, self._progress
        if self._processes.first:
            try:
                self._score(step)
            except Exception:
                self._progress = before
                self._write_state()
                raise
        self._progress = replace(self._progress, validated=step)
        self._processes.wait()

    def _score(self, step: int) -> None:
        model = self._average.model if self._average is not None else self._model
        found = self._setup.validator(model.eval(), bf16=self._recipe.precision == "bf16")
        self._last_validation = found.figures
        self._log.write(step, validation=found.figures)
        self._progress = replace(self._progress, bad=self._progress.bad | _named(found.bad))
        if self._progress.best is None or found.figures["r_sum"] > self._progress.best:
            self._progress = replace(
                self._progress, best=found.figures["r_sum"], best_step=step, validation=found.figures
            )
            self._write_model(share=found.figures.get("reranked.share"))

    def _write_model(self, *, share: float | None) -> None:
        """share: of the token-wise score when re-ranking; None = as it is."""
        directory = self._output / MODEL
        model = self._average.model if self._average is not None else self._model
        if share is not None:
            model.interaction = replace(model.interaction, share=share)
        dtype = torch.float16 if self._recipe.checkpoint.dtype == "float16" else torch.float32
        save_dual_encoder(
            merged(model), directory, files_from=self._setup.checkpoint.directory, dtype=dtype,
            clip_vectors=self._setup.clip_vectors,
        )  # fmt: skip
        (directory / RECIPE_NAME).write_text(recipe_text(self._recipe), encoding="utf-8")
        (directory / CARD_NAME).write_text(model_card(self._setup, self._progress), encoding="utf-8")

    def _save(self) -> None:
        if self._processes.first:
            self._write_state()
        self._processes.wait()

    def _write_state(self) -> None:
        own = {name: weight.detach() for name, weight in trained(self._model).items()}
        average = None
        if self._average is not None:
            average = {name: weight for name, weight in self._average.model.named_parameters() if name in own}
        state = State(
            recipe=plain(self._recipe), data=self._setup.data.fingerprint, start=self._setup.start_revision,
            progress=self._progress, model=own, average=average, optimiser=self._optimiser.state_dict(),
            heads=self._setup.heads.state_dict(),
        )  # fmt: skip
        save_state(self._output / STATES, state, keep=self._recipe.checkpoint.keep)

    def _report(self, *, finished: bool) -> TrainingReport:
        step = self._progress.position.step
        report = TrainingReport(finished=finished, steps=step, of_steps=self._setup.steps, progress=self._progress)
        if self._processes.first:
            write_json(self._output / REPORT_NAME, report_as_json(report, self._setup))
        return report


def _named(bad: tuple[BadSample, ...]) -> dict[str, tuple[str, str]]:
    return {one.key: (one.kind, one.message) for one in bad}


def _step_seed(seed: int, step: int, rank: int) -> int:
    """What dropout draws in a step depends on nothing that went before: a resume has no generator to restore."""
    return int(np.random.SeedSequence((seed, step, rank)).generate_state(1, np.uint64)[0] >> 1)
