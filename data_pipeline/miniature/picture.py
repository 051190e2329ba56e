"""From a scene and a time to a picture: pure, and the same on every call."""

from __future__ import annotations

from collections.abc import Mapping

from PIL import Image

from data_pipeline.miniature.backgrounds import BACKGROUNDS, background
from data_pipeline.miniature.colours import PAINTS
from data_pipeline.miniature.motions import MOTIONS, Pose
from data_pipeline.miniature.spec import Actor, SceneSpec, Shot
from data_pipeline.miniature.sprites import ANGLE_STEP, PHASES, shadow, sprite
from data_pipeline.miniature.things import THINGS
from retrieval.errors import InputError

SIZES: dict[str, float] = {"small": 0.26, "medium": 0.4, "large": 0.58}     # side of a thing in heights of the frame
MOST_THINGS = 8             # in one shot: more of them would hide each other


def draw_shot(shot: Shot, *, seconds: float, width: int, height: int) -> Image.Image:
    """Draw what is seen `seconds` after the shot began, as an RGB picture of width x height."""
    picture = background(shot.background, width=width, height=height).copy()
    total = sum(actor.count for actor in shot.actors)
    slot = 0
    for actor in shot.actors:
        for _ in range(actor.count):
            _draw_one(picture, shot, actor, slot=slot, slots=total, seconds=seconds)
            slot += 1
    return picture


def check_scene(spec: SceneSpec) -> None:
    """Raise InputError when a scene asks for something that cannot be drawn; the message names what can."""
    for shot in spec.shots:
        _check_known(spec, "background", shot.background, BACKGROUNDS)
        for actor in shot.actors:
            _check_known(spec, "thing", actor.thing, THINGS)
            _check_known(spec, "colour", actor.colour, PAINTS)
            _check_known(spec, "size", actor.size, SIZES)
            _check_known(spec, "motion", actor.motion, MOTIONS)
        total = sum(actor.count for actor in shot.actors)
        if any(actor.count < 1 for actor in shot.actors) or total > MOST_THINGS:
            raise InputError(
                f"A shot of the scene {spec.name} holds {total} things or a count below one: use 1 to {MOST_THINGS}."
            )


def _check_known(spec: SceneSpec, what: str, name: str, known: Mapping[str, object]) -> None:
    if name not in known:
        raise InputError(f"The scene {spec.name} names the unknown {what} {name!r}: choose one of {', '.join(known)}.")


def _draw_one(picture: Image.Image, shot: Shot, actor: Actor, *, slot: int, slots: int, seconds: float) -> None:
    thing, motion, place = THINGS[actor.thing], MOTIONS[actor.motion], BACKGROUNDS[shot.background]
    pose = motion.pose(min(1.0, seconds / shot.seconds))
    side = max(8, round(SIZES[actor.size] * pose.scale * picture.height))
    beating = thing.restless or motion.travels
    phase = int((seconds * thing.beats + 0.37 * slot) % 1 * PHASES) if beating else 0
    turn = round(pose.turn / ANGLE_STEP) * ANGLE_STEP
    figure = sprite(actor.thing, colour=actor.colour, side=side, phase=phase, turn=turn, mirrored=pose.to_left)
    x, y = _middle(pose, actor, shot, slot=slot, slots=slots)
    left, top = round(x * picture.width), round(y * picture.height)
    if thing.place == "ground" and place.shadows and not motion.tall:
        floor = round(place.ground * picture.height)
        soft = shadow(side)
        picture.paste(soft, (left - soft.width // 2, floor - soft.height * 2 // 3), soft)
    picture.paste(figure, (left - figure.width // 2, top - figure.height // 2), figure)


def _middle(pose: Pose, actor: Actor, shot: Shot, *, slot: int, slots: int) -> tuple[float, float]:
    """Its middle in shares of the frame: slots lie side by side, and what stands has its feet on the ground."""
    place, thing, motion = BACKGROUNDS[shot.background], THINGS[actor.thing], MOTIONS[actor.motion]
    x = (slot + 0.5) / slots
    if motion.name in ("left_to_right", "right_to_left"):
        x = 0.5 + (x - 0.5) * 0.8           # a group that crosses stays closer, so that all of it crosses
    if motion.tall:
        y = 0.5
    elif thing.place == "ground":
        y = place.ground - SIZES[actor.size] * pose.scale * 0.46
    else:
        y = place.air
    lift = 0.05 * (slot % 2) if slots > 1 and thing.place == "air" else 0.0
    return x + pose.x, y + pose.y - lift
