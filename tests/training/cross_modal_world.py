"""A small batch to read together, and the objective on it, as the tests of the cross-modal terms need them."""

from __future__ import annotations

from dataclasses import replace

import torch

from retrieval.model import DualEncoder
from tests.training.training_world import random_batch
from training.batches.batch import Batch
from training.batches.tokens import TokenSignificance, Vocabulary
from training.cross_modal import CrossModal, CrossModalObjective, shared_tower
from training.recipe import Objective

MASK = 4
VOCABULARY = Vocabulary(mask_id=MASK, replacements=torch.arange(5, 90))


def batch_to_read(count: int) -> Batch:
    """Noise of several lengths, every other token of which is significant; the last text is that of the first clip."""
    batch = random_batch(count)
    words = batch.texts.words
    places = torch.arange(words.shape[1]).expand(words.shape)
    significance = TokenSignificance(
        significant=words & (places % 2 == 1), word_numbers=torch.where(words, places, -1), weights=words.float()
    )
    return replace(batch, texts=replace(batch.texts, significance=significance))


def network_for(model: DualEncoder) -> CrossModal:
    torch.manual_seed(5)
    return CrossModal(shared_tower(model), dimension=model.dimension)


def objective_for(
    network: CrossModal, settings: Objective, *, steps: int = 70, pairs_at_once: int | None = None
) -> CrossModalObjective:
    return CrossModalObjective(settings, network, vocabulary=VOCABULARY, seed=6, steps=steps, pairs_at_once=pairs_at_once)
