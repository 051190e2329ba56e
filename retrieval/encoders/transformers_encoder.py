"""Chinese-CLIP, CLIP, SigLIP and SigLIP 2 as one text and frame encoder."""

from __future__ import annotations

from retrieval.encoders.checkpoint import Checkpoint
from retrieval.encoders.running import Runner
from retrieval.encoders.tokenizing import Tokenizer
from retrieval.encoders.tower_encoder import TowerEncoder
from retrieval.model.storing import load_dual_encoder
from retrieval.records import Generation


class TransformersEncoder(TowerEncoder):
    """The towers of a transformers checkpoint, with the temporal aggregation that stands in it."""

    def __init__(
        self, checkpoint: Checkpoint, *, generation: Generation, device: str = "auto", batch_size: int = 32
    ) -> None:
        runner = Runner(checkpoint.name, device=device, batch_size=batch_size)
        super().__init__(
            load_dual_encoder(checkpoint, device=runner.device),
            Tokenizer(checkpoint),
            generation=generation,
            runner=runner,
            pads_to_context=checkpoint.family.pads_to_context,
        )
