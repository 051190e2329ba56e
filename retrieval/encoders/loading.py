"""From a name to an encoder, or to what the encoder would be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from retrieval.encoders.checkpoint import Checkpoint, require_files
from retrieval.encoders.families import vector_dimension
from retrieval.encoders.fingerprint import content_revision
from retrieval.encoders.hub import find_checkpoint
from retrieval.encoders.preprocessing import read_preprocessing
from retrieval.records import Generation

if TYPE_CHECKING:
    from retrieval.encoders.transformers_encoder import TransformersEncoder

DEFAULT_MODEL = "OFA-Sys/chinese-clip-vit-base-patch16"


def load_encoder(name: str, *, device: str = "auto", batch_size: int = 32) -> TransformersEncoder:
    """The encoder in a directory or, by its name owner/model, on the hub.

    device: "auto" (CUDA where there is one), "cpu", "cuda", "cuda:1", "mps". batch_size: texts or pictures that go
    through the model at once; it does not change the vectors. Raises ModelError when the model is not there, of a kind
    that is not supported, incomplete or damaged.
    """
    checkpoint = find_checkpoint(name)
    require_files(checkpoint)
    generation = _generation(checkpoint)
    from retrieval.encoders.transformers_encoder import TransformersEncoder

    return TransformersEncoder(checkpoint, generation=generation, device=device, batch_size=batch_size)


def fetch_model(name: str) -> None:
    """See that every file of a model is on this machine, downloading what is missing. Raises ModelError as load_encoder."""
    require_files(find_checkpoint(name))


def read_generation(name: str) -> Generation:
    """What `load_encoder(name)` puts beside its vectors, from the small files and samples of the weights.

    Takes milliseconds and imports no torch. Raises ModelError when there is no such model or its files are damaged.
    """
    return _generation(find_checkpoint(name, weights=False))


def _generation(checkpoint: Checkpoint) -> Generation:
    return Generation(
        encoder=checkpoint.name,
        revision=checkpoint.commit or content_revision(checkpoint.directory),
        preprocessing=read_preprocessing(checkpoint).fingerprint(),
        dimension=vector_dimension(checkpoint.config, family=checkpoint.family),
    )
