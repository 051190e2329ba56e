"""From a recipe to the terms that it gives a weight."""

from __future__ import annotations

from retrieval.model import DualEncoder
from training.recipe import Recipe
from training.terms.local_words import LocalWordsTerm
from training.terms.partial_order import PartialOrderTerm
from training.terms.queue import QueueTerm
from training.terms.term import Term


def build_terms(recipe: Recipe, model: DualEncoder, *, longest_text: int) -> dict[str, Term]:
    """The terms by the names of their sections; longest_text: the most tokens a text may have, special ones included."""
    objective, terms = recipe.objective, dict[str, Term]()
    ignore_identical = objective.identical_texts == "ignored"
    if objective.local_words.weight > 0:
        terms["local_words"] = LocalWordsTerm(
            objective.local_words, seed=recipe.seed, ignore_identical=ignore_identical
        )
    if objective.partial_order.weight > 0:
        terms["partial_order"] = PartialOrderTerm(
            objective.partial_order, tokens=longest_text, frames=max(recipe.data.frames.values),
            dimension=model.dimension,
        )  # fmt: skip
    if objective.queue.weight > 0:
        terms["queue"] = QueueTerm(
            objective.queue, model, bf16=recipe.precision == "bf16", ignore_identical=ignore_identical,
            micro_batch=recipe.batch.micro_batch,
        )  # fmt: skip
    return terms
