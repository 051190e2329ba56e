"""What each of two gloo processes does in the test of several processes: `python -m ... FOLDER`, started with torchrun's
environment. Everything that it finds is left in FOLDER for the test to compare.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import torch

from retrieval.model import DualEncoder, load_dual_encoder
from tests.training.cross_modal_world import batch_to_read, network_for, objective_for
from tests.training.training_world import small_recipe
from training.batches.batch import Batch
from training.batches.order import Position, planned_batches
from training.batches.tokens import TokenRows
from training.cross_modal import shared_tower
from training.gradients import Features, backward
from training.objectives import RetrievalObjective
from training.processes import Processes, join_processes
from training.recipe import Losses, MaskedLanguage, Matching, Objective, Recipe, TextVideo
from training.setup import prepare
from training.step_objective import objective_of
from training.trainer import train

READ_TOGETHER = {
    "masked_language": MaskedLanguage(weight=1.0, masking="significant", share=0.5),
    "matching": Matching(weight=1.0, negatives=3, mining="nearest", easy_floor=0.2), "text_video": TextVideo(weight=1.0),
}  # fmt: skip
CASES = {
    "pooled": {"pooled": Losses(info_nce=1.0)},
    "both scores": {"token_wise": Losses(info_nce=0.5)},
    "by rows": {"token_wise": Losses(info_nce=0.5), "chunk": 2},
    "gradient cache": {"token_wise": Losses(info_nce=0.5)},
    "hard negatives": {"pooled": Losses(neg_nce=1.0), "token_wise": Losses(neg_nce=0.5)},
    "hard negatives by rows": {"pooled": Losses(neg_nce=1.0), "token_wise": Losses(neg_nce=0.5), "chunk": 2},
    "read together": READ_TOGETHER,
    "read together by the gradient cache": READ_TOGETHER,
    "hardest alone": {"token_wise": Losses(info_nce=0.5, neg_nce=0.5), "hardest": 2},
    "joint softmax": {"pooled": Losses(mil_nce=1.0), "token_wise": Losses(mil_nce=0.5), "chunk": 3},
}
TERMS = (
    "batch.size=8", "objective.local_words.weight=0.7", "objective.partial_order.weight=0.5",
    "objective.queue={weight: 0.5, size: 12, decay: 0.5}",
    "objective.words={pooled: 0.5, token_wise: 0.25, count: 5, fewest: 2}",
)  # fmt: skip
# Of a teacher that lies in the folder.
TAUGHT = ("text: 1", "words: 0.5", "video: 1", "frames: 0.5", "text_relations: 1", "video_relations: 0.5")
MICRO_BATCH = {"gradient cache": 3, "read together by the gradient cache": 3}
CLIPS = 8
TRAINING = (
    "batch.size=8", "schedule.steps=5", "evaluation.every=3", "objective.token_wise.info_nce=0.5", "data.crop=0.1",
    "objective.masked_language.weight=0.5", "objective.matching.weight=0.5", "objective.text_video.weight=0.5",
)  # fmt: skip


def found(model: DualEncoder, batch: Batch, processes: Processes, case: str) -> dict[str, object]:
    """Loss and gradients of this process's rows of a batch, averaged over processes."""
    settings = Objective(**CASES[case])
    objective, network = RetrievalObjective(settings, interaction=model.interaction), network_for(model).train()
    place = {
        "text_ids": batch.text_ids, "gather": processes.gather if processes.count > 1 else None,
        "first": processes.rank * len(batch),
    }  # fmt: skip

    def terms_of(features: Features, scale: torch.Tensor) -> dict[str, torch.Tensor]:
        terms = objective(*features, logit_scale=scale, **place)
        if settings.cross_modal:
            read = objective_for(network, settings)(shared_tower(model), batch.texts, features, step=2, **place)
            terms["loss"] = terms["loss"] + read["loss"]
        return terms

    model.zero_grad(set_to_none=True)
    terms = backward(model, batch, terms_of, bf16=False, micro_batch=MICRO_BATCH.get(case))
    weights = {**dict(model.named_parameters()), **dict(network.named_parameters(prefix="network"))}
    processes.average_gradients(weights.values())
    gradients = {name: weight.grad.clone() for name, weight in weights.items() if weight.grad is not None}
    return {"loss": processes.mean([terms["loss"]])[0], "gradients": gradients}


def found_terms(folder: Path, processes: Processes) -> list[dict[str, object]]:
    """Terms and gradients of two steps on real batches, by every term that looks at more than a batch's pairs."""
    recipe = small_recipe(
        folder / "shards", *TERMS, f"teacher={{model: {folder / 'teacher'}, {', '.join(TAUGHT)}}}",
        model={"start": str(folder / "checkpoint")},
    )  # fmt: skip
    setup = prepare(recipe, folder / "terms", processes)
    plans = planned_batches(
        setup.data.videos, size_at=recipe.batch.size.at, seed=recipe.seed, start=Position(), steps=2
    )
    weights = {**dict(setup.model.named_parameters()), **dict(setup.heads.named_parameters())}
    results: list[dict[str, object]] = []
    for plan in plans:
        batch = setup.data.batch(plan, recipe, processes)
        objective = objective_of(setup, batch, step=plan.step, processes=processes)
        for weight in weights.values():
            weight.grad = None
        terms = backward(setup.model, batch, objective, bf16=False)
        processes.average_gradients(weights.values())
        gradients = {name: weight.grad.clone() for name, weight in weights.items() if weight.grad is not None}
        terms = dict(zip(terms, processes.mean(list(terms.values())), strict=True))
        results.append({"terms": terms, "gradients": gradients})
    return results


def own_rows(batch: Batch, rank: int) -> Batch:
    """Half of the batch, its texts no longer than they need to be: the other process's have another length."""
    half = batch.part(slice(rank * CLIPS // 2, (rank + 1) * CLIPS // 2))
    attended = half.texts.attended
    assert attended is not None
    width = int(attended.sum(1).max())
    told = half.texts.significance
    assert told is not None
    texts = TokenRows(
        ids=half.texts.ids[:, :width], attended=attended[:, :width], words=half.texts.words[:, :width],
        significance=told.each(lambda tensor: tensor[:, :width]),
    )  # fmt: skip
    return replace(half, texts=texts)


def training_recipe(folder: Path) -> Recipe:
    """A short run from weights that are there: what begins at random depends on the number of threads."""
    return small_recipe(folder / "shards", *TRAINING, model={"start": str(folder / "checkpoint")})


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    with join_processes("cpu") as processes:
        model = load_dual_encoder(folder / "checkpoint").train()
        batch = own_rows(batch_to_read(CLIPS), processes.rank)
        results = {case: found(model, batch, processes, case) for case in CASES}
        ragged = torch.full((2, 2 + processes.rank), float(processes.rank), requires_grad=True)
        gathered = processes.gather(ragged)
        (gathered * torch.arange(1.0, 13.0).view(4, 3) * (processes.rank + 1)).sum().backward()
        results["gather"] = {"value": gathered.detach(), "gradient": ragged.grad}
        results["agreed"] = {"any": processes.any([processes.rank == 1, False]), "mean": processes.mean([processes.rank])}
        results["terms"] = found_terms(folder, processes)
        torch.save(results, folder / f"rank-{processes.rank}.pt")
    os.environ["MASTER_PORT"] = str(int(os.environ["MASTER_PORT"]) + 1)
    report = train(training_recipe(folder), folder / "together", device="cpu")
    torch.save(report.progress.bad, folder / f"bad-{os.environ['RANK']}.pt")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
