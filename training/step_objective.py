"""What a step minimises: every term that the recipe names, on the features of its batch."""

from __future__ import annotations

import torch
from torch import Tensor

from retrieval.model import DualEncoder
from training.batches.batch import Batch
from training.gradients import Features, Objective, encode_words
from training.processes import Processes
from training.setup import Setup
from training.teaching import with_teacher
from training.terms import Pairs
from training.terms.term import weighted


def objective_of(
    setup: Setup, batch: Batch, *, step: int, processes: Processes, average: DualEncoder | None = None
) -> Objective:
    """Features of this process's batch and the logit scale to the terms by name, and their weighted sum `loss`.

    step: counted from 0. average: of the weights so far, the teacher of a recipe that names no other.
    """
    recipe, model, teacher = setup.recipe, setup.model, setup.teacher or average
    bf16 = recipe.precision == "bf16"
    text_ids = batch.text_ids.to(processes.device)
    gather, first = processes.gather if processes.count > 1 else None, processes.rank * len(batch)
    asked = setup.data.words(batch, recipe, processes, step=step)

    def objective(features: Features, logit_scale: Tensor) -> dict[str, Tensor]:
        terms = setup.objective(
            *features, logit_scale=logit_scale, text_ids=text_ids, gather=gather, first=first,
            words=None if asked is None else encode_words(model, asked, bf16=bf16),
        )  # fmt: skip
        pairs = Pairs(
            texts=features[0], videos=features[1], logit_scale=logit_scale, batch=batch, model=model, step=step,
            processes=processes,
        )
        for term in setup.terms:
            found = term(pairs)
            terms = {**terms, **found, "loss": terms["loss"] + weighted(found, weight=term.weight)}
        if recipe.teacher is not None and teacher is not None:
            terms = with_teacher(
                terms, features, batch, teacher=teacher, settings=recipe.teacher, bf16=bf16,
                part=recipe.batch.micro_batch, gather=processes.gather,
            )  # fmt: skip
        if setup.cross_modal is None:
            return terms
        with torch.autocast(processes.device.type, dtype=torch.bfloat16, enabled=bf16):
            read_together = setup.cross_modal(
                model.towers.text_model, batch.texts.to(processes.device), features, step=step, text_ids=text_ids,
                gather=gather, first=first,
            )  # fmt: skip
        return {**terms, **read_together, "loss": terms["loss"] + read_together["loss"]}

    return objective
