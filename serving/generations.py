"""Generations of vectors in a library: which there are, where their models lie, and going from one to another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from retrieval.errors import InputError, ModelError
from retrieval.library import GenerationStatus, Library, LibraryStatus, TextGenerationStatus
from retrieval.records import Generation
from serving.models import MODEL_SETTING, SENTENCES_SETTING, lasting_name, place_key, remembered

Channel = Literal["visual", "meaning"]
_SETTINGS: dict[Channel, str] = {"visual": MODEL_SETTING, "meaning": SENTENCES_SETTING}
_SHORTEST = 4       # letters of a revision
_LONGEST_NUMBER = 3


@dataclass(frozen=True, kw_only=True)
class Held:
    """A generation of a library and the share (0 to 1) of the clips or texts that have a vector of it.

    model: where what made it was last loaded from, None = nobody noted it.
    """

    channel: Channel
    generation: Generation
    share: float
    active: bool
    model: str | None

    @property
    def name(self) -> str:
        return f"{self.generation.encoder} ({self.generation.revision})"


@dataclass(frozen=True, kw_only=True)
class Swapped:
    """What is searched now, and what was before: asked for, that comes back."""

    active: Held
    previous: Held | None


def by_channel(status: LibraryStatus) -> Iterator[tuple[Channel, GenerationStatus | TextGenerationStatus]]:
    """All generations, those of clips first, each kind in the order they were begun."""
    yield from (("visual", one) for one in status.generations)
    yield from (("meaning", one) for one in status.text_generations)


def held_generations(library: Library) -> list[Held]:
    """The same with where their models lie."""
    return [
        Held(channel=channel, generation=one.generation, share=one.share, active=one.active,
             model=_place(library, channel, one.generation, active=one.active))
        for channel, one in by_channel(library.status())
    ]  # fmt: skip


def percent(share: float) -> str:
    """A share (0 to 1) in tenths of a percent, never 100 % of what is not all."""
    return f"{int(round(share * 1000, 6)) / 10:g} %"


def chosen(held: Sequence[Held], name: str) -> Held:
    """The one with this number, counted from 1, or with a revision that begins so. InputError for none or several."""
    if name.isdecimal() and len(name) <= _LONGEST_NUMBER:
        if not 1 <= int(name) <= len(held):
            raise InputError(f"There is no generation {name}: `wenshi library generations` lists those that the library holds.")
        return held[int(name) - 1]
    found = [one for one in held if one.generation.revision == name]
    if not found and len(name) >= _SHORTEST:
        found = [one for one in held if one.generation.revision.startswith(name)]
    if not found:
        raise InputError(
            f"The library holds no generation {name!r}: give a number that `wenshi library generations` shows, or at least "
            f"{_SHORTEST} letters of a revision."
        )
    if len(found) > 1:
        raise InputError(f"{name!r} is the revision of {len(found)} generations: give the number of the one that you mean.")
    return found[0]


def model_of(wanted: Held, asked: str | None) -> str:
    """Where the model of a generation is loaded from: what is asked for, else where it last was.

    InputError when nobody knows; ModelError when it cannot be loaded, or did not make these vectors.
    """
    name = asked or wanted.model
    if name is None:
        raise InputError(f"Nobody noted where the model of {wanted.name} is: say it with --model.")
    name = lasting_name(name)
    if not _made(wanted, name):
        raise ModelError(f"The model at {name} did not make the vectors of {wanted.name}: name the one that did with --model.")
    return name


def swap(library: Library, wanted: Held, held: Sequence[Held], *, model: str | None) -> Swapped:
    """Search one of the generations that are held from now on, in one step that is on the disk when this returns.

    model: where what made it is loaded from, None = from where it last was, if that is known.
    """
    setting = _SETTINGS[wanted.channel]
    previous = next((one for one in held if one.channel == wanted.channel and one.active), None)
    place = model or wanted.model
    settings: dict[str, str | None] = {
        place_key(one.generation): one.model for one in (previous,) if one is not None and one.model is not None
    }
    settings |= {setting: place}        # forgotten where nobody knows it: the one before made other vectors
    if place is not None:
        settings |= {place_key(wanted.generation): place}
    library.activate(wanted.generation, settings=settings)
    return Swapped(active=wanted, previous=previous)


def _made(wanted: Held, name: str) -> bool:
    """Without loading its weights."""
    from retrieval.encoders import made_text_vectors, read_text_generation

    if wanted.channel == "meaning":
        return made_text_vectors(name, wanted.generation)
    return read_text_generation(name).same_vectors(wanted.generation)


def _place(library: Library, channel: Channel, generation: Generation, *, active: bool) -> str | None:
    return remembered(library, generation, _SETTINGS[channel]) if active else library.setting(place_key(generation))
