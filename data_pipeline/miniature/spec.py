"""A scene as pure data: all that is needed to draw it, and all that is true of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from retrieval.errors import InputError

Container = Literal["mp4", "mkv", "webm"]
Relation = Literal["chases", "follows"]
Line = tuple[int, int, str]         # start_ms, end_ms, text

_SAFE_NAME = re.compile(r"\w[\w-]*")


@dataclass(frozen=True, kw_only=True)
class Actor:
    """One or more things of a kind that do the same."""

    thing: str                      # a key of things.THINGS
    colour: str                     # a key of colours.PAINTS
    size: str                       # a key of picture.SIZES
    motion: str                     # a key of motions.MOTIONS
    count: int = 1
    then: str | None = None         # the motion of the second half of the shot, `motion` being that of the first
    shift: tuple[float, float] = (0.0, 0.0)     # from its usual place, in widths and heights of the frame
    scale: float = 1.0              # of its size, close to 1: two things of one size are not drawn alike


def actor(look: str, *, motion: str, count: int = 1) -> Actor:
    """An actor from three words, size, colour and thing: `actor("large red cat", motion="bounce")`."""
    size, colour, thing = look.split()
    return Actor(thing=thing, colour=colour, size=size, motion=motion, count=count)


@dataclass(frozen=True, kw_only=True)
class Shot:
    """What is seen between two cuts. Actors stand from left to right in their order.

    `relation`: the first of two actors chases or follows the second; both then have the same motion across the frame.
    """

    background: str                 # a key of backgrounds.BACKGROUNDS
    actors: tuple[Actor, ...]
    seconds: float
    relation: Relation | None = None
    variant: int = 0                # which of the pictures of its background


@dataclass(frozen=True, kw_only=True)
class SceneSpec:
    """A clip of the miniature world. Times are milliseconds from the start of the clip.

    `background` to `variant` are the first shot; `parts` are the shots that follow it, each after a cut.
    Raises InputError when the data contradict themselves: a bad name, a line outside the clip, an empty line.
    """

    name: str                       # the file's stem
    background: str
    actors: tuple[Actor, ...]
    seconds: float
    relation: Relation | None = None
    variant: int = 0
    title: str                      # as a person would call the video
    caption: str                    # what is seen
    tags: tuple[str, ...] = ()
    date: str = ""                  # ISO 8601 day
    spoken: tuple[Line, ...] = ()   # the subtitle track
    sidecar: bool = False           # the subtitle track is an .srt file beside the clip, not a stream inside it
    on_screen: tuple[Line, ...] = ()    # text drawn into the picture
    parts: tuple[Shot, ...] = ()
    container: Container = "mp4"

    def __post_init__(self) -> None:
        if not _SAFE_NAME.fullmatch(self.name):
            raise InputError(f"The scene name {self.name!r} cannot be a file name: use letters, digits, _ and - only.")
        if any(shot.seconds <= 0 for shot in self.shots):
            raise InputError(f"The scene {self.name} has a shot that lasts no time: give each shot some seconds.")
        for start_ms, end_ms, text in (*self.spoken, *self.on_screen):
            if not (0 <= start_ms < end_ms <= self.duration_ms and text.strip()):
                raise InputError(
                    f"The line {text!r} ({start_ms} to {end_ms} ms) of the scene {self.name} is empty or lies outside"
                    f" the clip, which lasts {self.duration_ms} ms: correct its span or its text."
                )

    @property
    def shots(self) -> tuple[Shot, ...]:
        """All shots in order of time."""
        first = Shot(
            background=self.background, actors=self.actors, seconds=self.seconds, relation=self.relation,
            variant=self.variant,
        )
        return (first, *self.parts)

    @property
    def duration_ms(self) -> int:
        return round(1000 * sum(shot.seconds for shot in self.shots))

    @property
    def cuts_ms(self) -> tuple[int, ...]:
        """The times at which a new shot begins, the start of the clip excepted."""
        cuts, seconds = [], 0.0
        for shot in self.shots[:-1]:
            seconds += shot.seconds
            cuts.append(round(1000 * seconds))
        return tuple(cuts)

    @property
    def file_name(self) -> str:
        return f"{self.name}.{self.container}"
