"""How a motion is said in English: a verb in its base form and what follows it.

{v} is the thing's own verb: walk, fly, drive. The verb of a phrase is its first word.
"""

from __future__ import annotations

from data_pipeline.miniature.language.chinese_words import Manner

MOTIONS_EN: dict[str, dict[Manner | None, tuple[str, ...]]] = {
    "still": {
        None: ("stay still", "remain motionless"),
        "animal": ("stand still",),
        "plant": ("stand still",),
    },
    "left_to_right": {
        None: ("{v} from left to right", "{v} from the left to the right", "{v} across from left to right"),
    },
    "right_to_left": {
        None: ("{v} from right to left", "{v} from the right to the left", "{v} across from right to left"),
    },
    "rise": {None: ("rise", "rise slowly", "rise into the air", "move upwards"), "floater": ("float upwards",)},
    "fall": {None: ("fall", "fall down", "drop down", "sink down"), "floater": ("float downwards",)},
    "bounce": {None: ("bounce up and down", "bounce", "jump up and down"), "animal": ("hop up and down",)},
    "circle": {None: ("{v} in a circle", "{v} in circles", "circle around")},
    "sway": {None: ("sway", "sway from side to side", "rock from side to side", "sway back and forth")},
    "approach": {None: ("come closer", "come closer and closer", "{v} towards the camera", "get nearer and nearer")},
    "recede": {
        None: ("get farther and farther away", "{v} away from the camera", "{v} away into the distance"),
    },
    "spin": {None: ("spin", "spin around", "spin on the spot", "rotate on the spot", "turn round and round")},
    "zigzag": {None: ("zigzag across", "{v} in a zigzag", "{v} along a zigzag path", "zigzag along")},
}


def motion_phrases_en(motion: str, *, verb: str, manner: Manner) -> list[str]:
    """Every way to say the motion, its verb in the base form."""
    table = MOTIONS_EN[motion]
    return [phrase.format(v=verb) for phrase in (*table[None], *table.get(manner, ()))]
