"""From a scene and a time to a picture: pure, and the same on every call."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from PIL import Image

from data_pipeline.miniature.backgrounds import BACKGROUNDS, VARIANTS, Background, background
from data_pipeline.miniature.colours import PAINTS
from data_pipeline.miniature.motions import MOTIONS, Motion, Pose, in_turn
from data_pipeline.miniature.relations import CROSSINGS, RELATIONS, places_in_relation
from data_pipeline.miniature.spec import Actor, SceneSpec, Shot
from data_pipeline.miniature.sprites import ANGLE_STEP, PHASES, shadow, sprite
from data_pipeline.miniature.things import THINGS
from retrieval.errors import InputError

SIZES: dict[str, float] = {"small": 0.26, "medium": 0.4, "large": 0.58}     # side of a thing in heights of the frame
MOST_THINGS = 8             # in one shot: more of them would hide each other
_LARGEST_SCALE = 2.0        # of Actor.scale


@dataclass(frozen=True, kw_only=True)
class _Standing:
    """One thing of an actor at one time: its middle is `x` of the width and, on the ground or in the air, as posed."""

    actor: Actor
    slot: int
    x: float
    pose: Pose
    motion: Motion          # of the whole shot
    stepping: bool          # legs step and wheels turn at this time


def draw_shot(shot: Shot, *, seconds: float, width: int, height: int) -> Image.Image:
    """Draw what is seen `seconds` after the shot began, as an RGB picture of width x height."""
    picture = background(shot.background, width=width, height=height, variant=shot.variant).copy()
    place = BACKGROUNDS[shot.background]
    for standing in _all_standing(shot, share=min(1.0, seconds / shot.seconds), aspect=width / height):
        _draw_one(picture, place, standing, lifted=sum(actor.count for actor in shot.actors) > 1, seconds=seconds)
    return picture


def check_scene(spec: SceneSpec) -> None:
    """Raise InputError when a scene asks for something that cannot be drawn; the message names what can."""
    for shot in spec.shots:
        _check_known(spec, "background", shot.background, BACKGROUNDS)
        if not 0 <= shot.variant < VARIANTS:
            raise InputError(
                f"A shot of the scene {spec.name} asks for variant {shot.variant} of its background: use 0 to"
                f" {VARIANTS - 1}."
            )
        for actor in shot.actors:
            _check_actor(spec, actor)
        total = sum(actor.count for actor in shot.actors)
        if any(actor.count < 1 for actor in shot.actors) or total > MOST_THINGS:
            raise InputError(
                f"A shot of the scene {spec.name} holds {total} things or a count below one: use 1 to {MOST_THINGS}."
            )
        if shot.relation is not None:
            _check_relation(spec, shot)


def _check_known(spec: SceneSpec, what: str, name: str, known: Collection[str]) -> None:
    if name not in known:
        raise InputError(f"The scene {spec.name} names the unknown {what} {name!r}: choose one of {', '.join(known)}.")


def _check_actor(spec: SceneSpec, actor: Actor) -> None:
    _check_known(spec, "thing", actor.thing, THINGS)
    _check_known(spec, "colour", actor.colour, PAINTS)
    _check_known(spec, "size", actor.size, SIZES)
    _check_known(spec, "motion", actor.motion, MOTIONS)
    if actor.then is not None:
        _check_known(spec, "second motion", actor.then, MOTIONS)
    if not 0 < actor.scale <= _LARGEST_SCALE:
        raise InputError(
            f"The scene {spec.name} scales its {actor.thing} by {actor.scale}: use more than 0 and at most"
            f" {_LARGEST_SCALE:g}."
        )
    if not all(-1 <= way <= 1 for way in actor.shift):
        raise InputError(
            f"The scene {spec.name} shifts its {actor.thing} by {actor.shift}, out of the picture: use -1 to 1."
        )


def _check_relation(spec: SceneSpec, shot: Shot) -> None:
    _check_known(spec, "relation", str(shot.relation), RELATIONS)
    motions = {actor.motion for actor in shot.actors}
    if len(shot.actors) != 2 or len(motions) != 1 or not motions <= set(CROSSINGS):
        raise InputError(
            f"A shot of the scene {spec.name} in which one {shot.relation} the other needs exactly two actors that"
            f" both move {' or both '.join(CROSSINGS)}: give it those, or no relation."
        )
    if any(actor.then is not None for actor in shot.actors):
        raise InputError(
            f"A shot of the scene {spec.name} has a relation and a second motion: keep one of the two."
        )


def _all_standing(shot: Shot, *, share: float, aspect: float) -> Iterator[_Standing]:
    """Every thing of a shot, from left to right, or in the places that its relation gives."""
    total = sum(actor.count for actor in shot.actors)
    related = None
    if shot.relation is not None:
        sides = tuple((actor.count, SIZES[actor.size] * actor.scale / aspect) for actor in shot.actors)
        to_left = shot.actors[0].motion == "right_to_left"
        related = places_in_relation(shot.relation, sides, share=share, to_left=to_left)
    slot = 0
    for actor in shot.actors:
        motion = MOTIONS[actor.motion]
        active = motion
        if actor.then is not None:
            active = MOTIONS[actor.then] if share >= 0.5 else motion
            motion = in_turn(motion, MOTIONS[actor.then])
        for _ in range(actor.count):
            pose = motion.pose(share)
            if related is not None:
                x, pose = related[slot], replace(pose, x=0.0)
            else:
                # A group that crosses stays closer, so that all of it crosses.
                x = 0.5 + ((slot + 0.5) / total - 0.5) * (0.8 if motion.crosses else 1.0)
            yield _Standing(actor=actor, slot=slot, x=x, pose=pose, motion=motion, stepping=active.travels)
            slot += 1


def _draw_one(picture: Image.Image, place: Background, one: _Standing, *, lifted: bool, seconds: float) -> None:
    thing, actor, pose = THINGS[one.actor.thing], one.actor, one.pose
    size = SIZES[actor.size] * actor.scale * pose.scale
    side = max(8, round(size * picture.height))
    phase = int((seconds * thing.beats + 0.37 * one.slot) % 1 * PHASES) if thing.restless or one.stepping else 0
    turn = round(pose.turn / ANGLE_STEP) * ANGLE_STEP % 360
    figure = sprite(actor.thing, colour=actor.colour, side=side, phase=phase, turn=turn, mirrored=pose.to_left)
    y = _height(place, one, size=size, lifted=lifted) + pose.y + actor.shift[1]
    left, top = round((one.x + pose.x + actor.shift[0]) * picture.width), round(y * picture.height)
    if thing.place == "ground" and place.shadows and not one.motion.tall:
        floor = round((place.ground + actor.shift[1]) * picture.height)
        soft = shadow(side)
        picture.paste(soft, (left - soft.width // 2, floor - soft.height * 2 // 3), soft)
    picture.paste(figure, (left - figure.width // 2, top - figure.height // 2), figure)


def _height(place: Background, one: _Standing, *, size: float, lifted: bool) -> float:
    """The height of its middle before it moves: what stands has its feet on the ground."""
    thing = THINGS[one.actor.thing]
    lift = 0.05 * (one.slot % 2) if lifted and thing.place == "air" else 0.0
    if one.motion.tall:
        return 0.5 - lift
    return place.ground - size * 0.46 if thing.place == "ground" else place.air - lift
