"""Which model a command uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from retrieval.errors import ModelError
from retrieval.library import Library

if TYPE_CHECKING:
    from retrieval.encoders import TextEncoder

NO_MODEL = "none"
MODEL_SETTING = "model"  # where the library's model was loaded from: a folder or a hub name


def visual_channel_off(error: ModelError) -> str:
    """What `add` says when it goes on without a model."""
    return f"The visual channel is off, text channels only: {error}"


def text_encoder_for(library: Library, asked: str | None) -> tuple[TextEncoder | None, str | None]:
    """(encoder, notice): the model that was asked for, else the library's own; without one, None and why.

    A library without vectors, or `none`, gives (None, None). Raises ModelError when a model was asked for by name and
    cannot be loaded or did not make the library's vectors.
    """
    generation = library.generation()
    name = asked or library.setting(MODEL_SETTING)
    if generation is None or asked == NO_MODEL:
        return None, None
    if name is None:
        return None, f"The visual channel is off: say with --model where {generation.encoder} is."
    from retrieval.encoders import load_encoder, read_generation

    try:
        found = read_generation(name)  # cheap: it does not load the weights
        if not found.same_vectors(generation):
            raise ModelError(
                f"The model at {name} ({found.revision}) did not make this library's vectors "
                f"({generation.encoder}, {generation.revision}): search with that one, or add the videos anew with this one."
            )
        return load_encoder(name), None
    except ModelError as error:
        if asked is not None:
            raise
        return None, f"The visual channel is off: {error}"
