"""How a motion is said in Chinese: a table of phrases, some only for some manners of moving.

A phrase can stand after 在草地上, after 先 and 然后, and before 的. {v} is the thing's own verb (走, 飞),
{p} its posture (站, 放).
"""

from __future__ import annotations

from data_pipeline.miniature.language.chinese_words import Manner, ThingWords

Phrases = dict[Manner | None, tuple[str, ...]]      # under None for every manner

MOTIONS_ZH: dict[str, Phrases] = {
    "still": {
        None: ("一动不动", "静止不动", "{p}着不动"),
        "animal": ("站着一动不动",),
    },
    "left_to_right": {
        None: ("从左{v}到右", "从左边{v}到右边", "从左往右{v}", "由左向右{v}", "自左向右{v}", "从左侧{v}到右侧"),
    },
    "right_to_left": {
        None: ("从右{v}到左", "从右边{v}到左边", "从右往左{v}", "由右向左{v}", "自右向左{v}", "从右侧{v}到左侧"),
    },
    "rise": {
        None: ("升起来", "慢慢升起", "往上升", "缓缓上升"),
        "flier": ("向上飞", "往高处飞"),
        "floater": ("飘起来", "往上飘"),
        "swimmer": ("向上游", "往上游去"),
    },
    "fall": {
        None: ("落下来", "往下落", "掉下来", "从高处落下"),
        "flier": ("往下飞", "降下来"),
        "floater": ("飘下来", "往下飘"),
        "swimmer": ("往下游", "向下游去"),
        "plant": ("飘落下来",),
    },
    "bounce": {
        None: ("上下跳动", "跳个不停", "一跳一跳"),
        "animal": ("蹦蹦跳跳", "蹦个不停"),
        "object": ("弹个不停", "上下弹跳"),
    },
    "circle": {
        None: ("绕圈{v}", "绕着圈{v}", "绕圈子", "{v}着绕圈"),
    },
    "sway": {
        None: ("左右摇摆", "摇来摇去", "晃来晃去", "左右摇晃"),
        "plant": ("随风摇摆",),
    },
    "approach": {
        None: ("越来越近", "离镜头越来越近", "朝镜头{v}过来", "迎面{v}来"),
    },
    "recede": {
        None: ("越来越远", "离镜头越来越远", "向远处{v}去", "渐渐{v}远"),
    },
    "spin": {
        None: ("原地旋转", "原地打转", "不停地旋转", "转个不停"),
    },
    "zigzag": {
        None: ("沿之字形{v}", "走之字形", "沿之字形路线{v}", "曲曲折折地{v}", "拐来拐去地{v}"),
    },
}

_STATES = ("still",)
_STATE_WORDS = ("越来越", "个不停", "不停地", "渐渐", "慢慢", "缓缓")


def motion_phrases(motion: str, words: ThingWords, *, verb: str) -> list[str]:
    """Every way to say that a thing of these words does the motion, with one of its verbs."""
    table = MOTIONS_ZH[motion]
    phrases = (*table[None], *table.get(words.manner, ()))
    return [phrase.format(v=verb, p=words.posture) for phrase in phrases if _reads_well(phrase, verb)]


def takes_zheng(motion: str, phrase: str) -> bool:
    """Whether 正 or 正在 may stand before the phrase: it names something that goes on, not a state."""
    return motion not in _STATES and not any(word in phrase for word in _STATE_WORDS)


def _reads_well(phrase: str, verb: str) -> bool:
    """A verb of two characters (行驶) takes no further character: 行驶来 is no word."""
    return len(verb) == 1 or phrase.endswith("{v}") or "{v}" not in phrase or "{v}到" in phrase
