"""Which model a command uses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from retrieval.errors import ModelError
from retrieval.library import Library
from retrieval.notices import Notice, in_chinese
from retrieval.records import Generation
from retrieval.search.channels import MEANING, VISUAL

if TYPE_CHECKING:
    from retrieval.encoders import SentenceModel, TextEncoder

_Encoder = TypeVar("_Encoder")

NO_MODEL = "none"
_IN_CHINESE = {VISUAL: "画面", MEANING: "语义"}
MODEL_SETTING = "model"  # where the library's model was loaded from: a folder or a hub name
SENTENCES_SETTING = "sentences"  # the same of its sentence model


def place_key(generation: Generation) -> str:
    """The setting that remembers where the model of a generation was last loaded from."""
    return f"model of {generation.revision}/{generation.preprocessing}/{generation.dimension}"


def remembered_model(library: Library) -> str | None:
    """Where the model of the vectors of clips that are searched was last loaded from, None = nobody noted it."""
    return remembered(library, library.generation(), MODEL_SETTING)


def remembered_sentences(library: Library) -> str | None:
    """The same of the vectors of texts."""
    return remembered(library, library.text_generation(), SENTENCES_SETTING)


def remembered(library: Library, active: Generation | None, setting: str) -> str | None:
    """What is noted of this very generation goes before the library's own model: another may have taken over since, when the
    last vector of the one before went."""
    noted = None if active is None else library.setting(place_key(active))
    return noted or library.setting(setting)


def lasting_name(name: str) -> str:
    """The name of a model as it can be remembered: a folder's is found again from any other, a hub's is left as it is."""
    return str(Path(name).absolute()) if Path(name).is_dir() else name


def visual_channel_off(error: ModelError) -> str:
    """What `add` says when it goes on without a model."""
    return f"The visual channel is off, text channels only: {error}"


def channel_off(channel: str, error: ModelError) -> Notice:
    """What a search says that goes on without the model of a channel."""
    return Notice(f"The {channel} channel is off: {error}", zh=f"{_IN_CHINESE[channel]}通道已关闭：{in_chinese(error.args[0])}")


def text_encoder_for(library: Library, asked: str | None) -> tuple[TextEncoder | None, str | None]:
    """(encoder, notice): the model that was asked for, else the library's own; without one, None and why.

    A library without vectors, or `none`, gives (None, None). Raises ModelError when a model was asked for by name and
    cannot be loaded or did not make the library's vectors.
    """
    place = remembered_model(library)
    return _encoder_for(library.generation(), asked, place, _load_model, channel=VISUAL, option="--model")


def sentence_model_for(library: Library, asked: str | None) -> tuple[SentenceModel | None, str | None]:
    """The same for the sentence model that reads the library's texts."""
    place = remembered_sentences(library)
    return _encoder_for(
        library.text_generation(), asked, place, load_sentences, channel=MEANING, option="--sentences"
    )


def load_sentences(name: str, generation: Generation | None) -> SentenceModel:
    """The sentence model of that name. Raises ModelError when it is not the one that made vectors of this generation."""
    from retrieval.encoders import load_sentence_encoder, made_text_vectors

    if generation is not None and not made_text_vectors(name, generation):  # cheap: it does not load the weights
        raise ModelError(
            f"The sentence model at {name} did not make this library's vectors of texts ({generation.encoder}, "
            f"{generation.revision}): name that one, or run `wenshi library embed --sentences {name}` to change."
        )
    return load_sentence_encoder(name)


def _load_model(name: str, generation: Generation) -> TextEncoder:
    from retrieval.encoders import load_text_encoder, read_text_generation

    found = read_text_generation(name)  # cheap: it does not load the weights
    if not found.same_vectors(generation):
        raise ModelError(
            f"The model at {name} ({found.revision}) did not make this library's vectors "
            f"({generation.encoder}, {generation.revision}): search with that one, or make vectors of this one with "
            "`wenshi library build`."
        )
    return load_text_encoder(name)


def _encoder_for(
    generation: Generation | None, asked: str | None, place: str | None, load: Callable[[str, Generation], _Encoder],
    *, channel: str, option: str,
) -> tuple[_Encoder | None, str | None]:  # fmt: skip
    name = asked or place
    if generation is None or asked == NO_MODEL:
        return None, None
    if name is None:
        return None, Notice(
            f"The {channel} channel is off: say with {option} where {generation.encoder} is.",
            zh=f"{_IN_CHINESE[channel]}通道已关闭：请用 {option} 指明 {generation.encoder} 在哪里。",
        )
    try:
        return load(name, generation), None
    except ModelError as error:
        if asked is not None:
            raise
        return None, channel_off(channel, error)
