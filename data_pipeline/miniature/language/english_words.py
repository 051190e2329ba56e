"""English words of the miniature world, and their forms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from data_pipeline.miniature.language.chinese_words import Manner


@dataclass(frozen=True, kw_only=True)
class EnglishThing:
    """`names` in the singular; `verbs` in their base form, the ways in which it changes its place."""

    names: tuple[str, ...]
    verbs: tuple[str, ...]
    manner: Manner


def _thing(manner: Manner, names: str, verbs: str) -> EnglishThing:
    return EnglishThing(names=tuple(names.split("|")), verbs=tuple(verbs.split()), manner=manner)


THINGS_EN: dict[str, EnglishThing] = {
    "cat": _thing("animal", "cat", "walk run"),
    "dog": _thing("animal", "dog", "run walk"),
    "rabbit": _thing("animal", "rabbit|bunny", "run"),
    "duck": _thing("animal", "duck", "walk waddle"),
    "bird": _thing("flier", "bird", "fly"),
    "fish": _thing("swimmer", "fish", "swim"),
    "butterfly": _thing("flier", "butterfly", "fly flutter"),
    "horse": _thing("animal", "horse", "walk run"),
    "cow": _thing("animal", "cow", "walk"),
    "pig": _thing("animal", "pig", "walk run"),
    "chicken": _thing("animal", "chicken", "walk run"),
    "elephant": _thing("animal", "elephant", "walk"),
    "turtle": _thing("animal", "turtle|tortoise", "crawl"),
    "frog": _thing("animal", "frog", "crawl"),
    "snail": _thing("animal", "snail", "crawl"),
    "crab": _thing("animal", "crab", "crawl"),
    "whale": _thing("swimmer", "whale", "swim"),
    "car": _thing("vehicle", "car", "drive"),
    "bus": _thing("vehicle", "bus", "drive"),
    "bicycle": _thing("vehicle", "bicycle|bike", "ride"),
    "boat": _thing("vehicle", "sailboat|sailing boat", "sail"),
    "plane": _thing("flier", "plane|airplane", "fly"),
    "rocket": _thing("flier", "rocket", "fly"),
    "truck": _thing("vehicle", "truck|lorry", "drive"),
    "train": _thing("vehicle", "train", "travel"),
    "helicopter": _thing("flier", "helicopter", "fly"),
    "submarine": _thing("vehicle", "submarine", "travel sail"),
    "balloon": _thing("floater", "balloon", "float drift"),
    "ball": _thing("object", "football|soccer ball", "roll"),
    "flower": _thing("plant", "flower", "move glide"),
    "umbrella": _thing("object", "umbrella", "move glide"),
    "lantern": _thing("floater", "lantern", "float drift"),
    "teacup": _thing("object", "teacup|cup", "move slide"),
    "tree": _thing("plant", "tree", "move glide"),
    "mushroom": _thing("plant", "mushroom", "move glide"),
    "apple": _thing("object", "apple", "roll"),
    "house": _thing("object", "house", "move glide"),
    "clock": _thing("object", "clock", "move slide"),
    "chair": _thing("object", "chair", "move slide"),
    "hat": _thing("object", "hat", "glide slide"),
    "kite": _thing("floater", "kite", "fly drift"),
    "guitar": _thing("object", "guitar", "move slide"),
    "robot": _thing("animal", "robot", "walk"),
    "drum": _thing("object", "drum", "roll move"),
}

SOMETHING_EN = EnglishThing(names=("thing",), verbs=("move",), manner="object")

COLOURS_EN: dict[str, tuple[str, ...]] = {
    colour: (colour,)
    for colour in ("red", "orange", "yellow", "green", "blue", "purple", "pink", "white", "black", "brown")
} | {"gray": ("gray", "grey"), "cyan": ("cyan", "turquoise")}

SIZES_EN: dict[str, tuple[str, ...]] = {
    "small": ("small", "little", "tiny"),
    "medium": ("medium", "medium sized"),
    "large": ("large", "big", "huge"),
}

SCENES_EN: dict[str, tuple[str, ...]] = {
    "meadow": ("on the grass", "in a meadow"),
    "sea": ("at sea", "on the sea"),
    "street": ("on a street", "in the street"),
    "night": ("at night", "under the night sky"),
    "snow": ("in the snow", "on snowy ground"),
    "room": ("in a room", "indoors"),
    "underwater": ("underwater", "under the water"),
    "desert": ("in the desert", "in a desert"),
    "forest": ("in the forest", "in the woods"),
    "stage": ("on a stage", "on stage"),
}

SCENE_NAMES_EN: dict[str, tuple[str, ...]] = {
    "meadow": ("meadow", "grass"),
    "sea": ("sea",),
    "street": ("street",),
    "night": ("night", "night sky"),
    "snow": ("snow",),
    "room": ("room",),
    "underwater": ("underwater",),
    "desert": ("desert",),
    "forest": ("forest", "woods"),
    "stage": ("stage",),
}

NUMBERS_EN = {2: "two", 3: "three", 4: "four", 5: "five"}

_IRREGULAR_PLURALS = {"fish": "fish", "butterfly": "butterflies", "bunny": "bunnies", "bus": "buses",
                      "lorry": "lorries"}

_FORMS = {      # base form: third person, -ing
    "waddle": ("waddles", "waddling"),
    "drop": ("drops", "dropping"),
    "fly": ("flies", "flying"),
    "run": ("runs", "running"),
    "swim": ("swims", "swimming"),
    "drive": ("drives", "driving"),
    "ride": ("rides", "riding"),
    "travel": ("travels", "traveling"),
    "move": ("moves", "moving"),
    "glide": ("glides", "gliding"),
    "slide": ("slides", "sliding"),
    "rise": ("rises", "rising"),
    "bounce": ("bounces", "bouncing"),
    "circle": ("circles", "circling"),
    "rotate": ("rotates", "rotating"),
    "spin": ("spins", "spinning"),
    "come": ("comes", "coming"),
    "get": ("gets", "getting"),
    "go": ("goes", "going"),
    "chase": ("chases", "chasing"),
    "zigzag": ("zigzags", "zigzagging"),
    "hop": ("hops", "hopping"),
}


def plural(name: str) -> str:
    """The plural of a thing's name."""
    return _IRREGULAR_PLURALS.get(name, f"{name}s")


def third_person(verb: str) -> str:
    """rise: rises."""
    return _FORMS[verb][0] if verb in _FORMS else f"{verb}s"


def gerund(verb: str) -> str:
    """rise: rising."""
    return _FORMS[verb][1] if verb in _FORMS else f"{verb}ing"


def inflected(phrase: str, form: Callable[[str], str]) -> str:
    """The phrase with its first word, a verb in its base form, in another form."""
    verb, _, rest = phrase.partition(" ")
    return f"{form(verb)} {rest}".strip()


def forms(phrase: str) -> tuple[str, str, str]:
    """rise slowly: rise slowly, rises slowly, rising slowly."""
    return phrase, inflected(phrase, third_person), inflected(phrase, gerund)


def article(words: str) -> str:
    """The words with a or an before them."""
    return ("an " if words[0] in "aeiou" else "a ") + words
