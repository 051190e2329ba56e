"""From a name to an encoder, or to what the encoder would be."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from retrieval.encoders.checkpoint import Checkpoint, require_files
from retrieval.encoders.families import OPEN_CLIP, vector_dimension
from retrieval.encoders.fingerprint import content_revision
from retrieval.encoders.hub import find_checkpoint, find_sentence_model
from retrieval.encoders.onnx.folder import is_text_encoder, read_manifest
from retrieval.encoders.preprocessing import read_preprocessing
from retrieval.errors import ModelError
from retrieval.model.settings import ClipVectors
from retrieval.records import Generation

if TYPE_CHECKING:
    from retrieval.encoders.protocols import ClipEncoder, SentenceModel, TextEncoder, VideoTextEncoder

DEFAULT_MODEL = "OFA-Sys/chinese-clip-vit-base-patch16"


def load_encoder(name: str, *, device: str = "auto", batch_size: int = 32) -> VideoTextEncoder:
    """The encoder of texts and clips in a directory or, by its name owner/model, on the hub.

    device: "auto" (CUDA where there is one), "cpu", "cuda", "cuda:1", "mps". batch_size: texts or pictures that go
    through the model at once; it does not change the vectors. Raises ModelError when the model is not there, of a kind
    that is not supported, incomplete or damaged, or when it sees videos but reads no text.
    """
    checkpoint = find_checkpoint(name)
    if checkpoint.family.kind == "clips":
        raise ModelError(
            f"The model {checkpoint.name} sees videos but reads no text: it finds videos that look alike, and a search "
            "by text needs a model with a text side."
        )
    require_files(checkpoint)
    return _with_texts(checkpoint, device=device, batch_size=batch_size)


def load_text_encoder(name: str, *, device: str = "auto", batch_size: int = 32) -> TextEncoder:
    """The encoder of texts in a folder that was exported for ONNX Runtime, which is loaded without torch; else as
    `load_encoder`.
    """
    if is_text_encoder(Path(name).expanduser()):
        from retrieval.encoders.onnx.encoder import OnnxTextEncoder

        return OnnxTextEncoder(Path(name).expanduser())
    return load_encoder(name, device=device, batch_size=batch_size)


def load_clip_encoder(name: str, *, device: str = "auto", batch_size: int = 32) -> ClipEncoder:
    """The encoder of clips in a directory or on the hub, whether it reads texts too or not; otherwise as `load_encoder`."""
    checkpoint = find_checkpoint(name)
    require_files(checkpoint)
    if checkpoint.family.kind != "clips":
        return _with_texts(checkpoint, device=device, batch_size=batch_size)
    from retrieval.encoders.clip_backbones import VideoEncoder

    return VideoEncoder(checkpoint, generation=_generation(checkpoint), device=device, batch_size=batch_size)


def fetch_model(name: str) -> None:
    """See that every file of a model is on this machine, downloading what is missing. Raises ModelError as load_encoder."""
    require_files(find_checkpoint(name))


def read_generation(name: str) -> Generation:
    """What `load_encoder(name)` puts beside its vectors, from the small files and samples of the weights.

    Takes milliseconds and imports no torch. Raises ModelError when there is no such model or its files are damaged.
    """
    return _generation(find_checkpoint(name, weights=False))


def read_text_generation(name: str) -> Generation:
    """What `load_text_encoder(name)` puts beside its vectors; otherwise as `read_generation`."""
    directory = Path(name).expanduser()
    return read_manifest(directory).generation if is_text_encoder(directory) else read_generation(name)


def load_sentence_encoder(name: str, *, device: str = "auto", batch_size: int = 32) -> SentenceModel:
    """The sentence-transformers model in a directory or on the hub; options and errors as of `load_encoder`."""
    from retrieval.encoders.sentence_encoder import SentenceEncoder

    directory = find_sentence_model(name)
    hub_name = None if directory == Path(name).expanduser() else name
    return SentenceEncoder(directory, name=hub_name, device=device, batch_size=batch_size)


def made_text_vectors(name: str, generation: Generation) -> bool:
    """Whether a sentence model is the one that made vectors, told from its files alone.

    Raises ModelError when there is no such model or its files are damaged.
    """
    from retrieval.encoders.sentence_encoder import PREPROCESSING, sentence_revision

    return (sentence_revision(find_sentence_model(name)), PREPROCESSING) == (generation.revision, generation.preprocessing)


def _with_texts(checkpoint: Checkpoint, *, device: str, batch_size: int) -> VideoTextEncoder:
    generation = _generation(checkpoint)
    if checkpoint.family is OPEN_CLIP:
        from retrieval.encoders.open_clip_encoder import OpenClipEncoder

        return OpenClipEncoder(checkpoint, generation=generation, device=device, batch_size=batch_size)
    if checkpoint.family.kind == "clip_towers":
        from retrieval.encoders.clip_backbones import XClipEncoder

        return XClipEncoder(checkpoint, generation=generation, device=device, batch_size=batch_size)
    from retrieval.encoders.transformers_encoder import TransformersEncoder

    return TransformersEncoder(checkpoint, generation=generation, device=device, batch_size=batch_size)


def _generation(checkpoint: Checkpoint) -> Generation:
    revision = checkpoint.commit or content_revision(checkpoint.directory, open_clip=checkpoint.family is OPEN_CLIP)
    others = ClipVectors.read(checkpoint.config.get("clip_vectors"))
    if others is not None:
        revision = others.revision
    return Generation(
        encoder=checkpoint.name,
        revision=revision,
        preprocessing=read_preprocessing(checkpoint).fingerprint(),
        dimension=vector_dimension(checkpoint.config, family=checkpoint.family),
    )
