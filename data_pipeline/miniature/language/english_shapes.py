"""Shapes of English sentences: which words stand where.

{who} has its number (a small red cat, two dogs), {what} is the bare noun with its adjectives; {does} and {doing} are its
motion (walks, walking), {is_doing} agrees with it in number; {where} is on the grass, {place} grass, {are} is or are.
"""

from __future__ import annotations

ONE_EN = (
    "{who}",
    "there {are} {who}",
    "a video of {who}",
    "{who} {where}",
    "there {are} {who} {where}",
    "a video of {who} {where}",
    "{who} {does}",
    "{who} {is_doing}",
    "{who} {doing}",
    "there {are} {who} {doing}",
    "{who} {does} {where}",
    "{who} {is_doing} {where}",
    "{where}, {who} {does}",
    "{where}, {who} {is_doing}",
    "{who} {doing} {where}",
    "there {are} {who} {doing} {where}",
    "a video of {who} {doing} {where}",
    "we see {who} {doing} {where}",
    "the video shows {who} {doing} {where}",
    "{where} there {are} {who} {doing}",
    "you can see {who} {where}, {doing}",
    "look, {who} {is_doing} {where}",
)

BARE_EN = ("{what}", "{what} {where}", "{what} {doing}", "{what} {doing} {where}", "{where}, {what} {doing}")

CLAUSES_EN = ("{who}", "{who} {where}", "{who} {does}", "{who} {doing}", "{who} {does} {where}", "{who} {doing} {where}")

THEN_EN = ("first {a} and then {b}", "first {a}, then {b}", "{a} and then {b}", "{a}, then {b}", "{a} and afterwards {b}")

SHOTS_EN = (
    "first {a}, then {b}",
    "{a}, and then {b}",
    "at first {a}, later {b}",
    "first {a}, next {b}",
    "the video starts with {a} and ends with {b}",
    "{a}, then cut to {b}",
)

PAIR_EN = (
    "{who1} and {who2}",
    "there {are1} {who1} and {who2}",
    "{who1} and {who2} {where}",
    "there {are1} {who1} and {who2} {where}",
    "{where} there {are1} {who1} and {who2}",
    "{who1} {does1} and {who2} {does2}",
    "{who1} {doing1} and {who2} {doing2}",
    "{who1} and {who2} both {both}",
    "{where}, {who1} {does1} while {who2} {does2}",
    "{where}, {who1} {is_doing1} and {who2} {is_doing2}",
    "{who1} {doing1} and {who2} {doing2} {where}",
    "{where}, {who1} and {who2} both {both}",
)

LEFT_OF_EN = (
    "{who1} to the left of {who2}",
    "{who2} to the right of {who1}",
    "{who1} {are1} to the left of {who2}",
    "{who1} on the left and {who2} on the right",
    "{where}, {who1} {are1} to the left of {who2}",
    "{where}, {who2} {are2} to the right of {who1}",
    "{who1} to the left of {who2} {where}",
    "on the left {who1} {does1}, on the right {who2} {does2}",
    "{who1} {doing1} on the left and {who2} {doing2} on the right",
    "{where}, {who1} {does1} on the left and {who2} {does2} on the right",
    "{where}, {who2} {does2} on the right and {who1} {does1} on the left",
    "{who1} {doing1} {where}, and to the right {who2} {doing2}",
    "{who2} {doing2} {where}, and to the left {who1} {doing1}",
    "{where}, on the left {who1} {is_doing1}, and on the right {who2} {is_doing2}",
    "{where}, {who1} on the left and {who2} on the right both {both}",
)

CHASES_EN = (
    "{who1} {chases1} {who2}",
    "{who1} chasing {who2}",
    "{who2} being chased by {who1}",
    "{who1} {chases1} {who2} {where}",
    "{who1} chasing {who2} {where}",
    "{where}, {who2} {are2} chased by {who1}",
    "{who1} {chases1} {who2} {direction1}",
    "{who1} chasing {who2} {direction1}",
    "{who1} {chases1} {who2} {direction1} {where}",
    "{who1} chasing {who2} {direction1} {where}",
    "{where}, {who1} {chases1} {who2} {direction1}",
    "{who2} {are2} chased {direction1} by {who1} {where}",
    "{where}, {who1} {are1} chasing {who2} {direction1}",
)

FOLLOWS_EN = (
    "{who1} {follows1} {who2}",
    "{who1} following {who2}",
    "{who1} following behind {who2}",
    "{who1} {follows1} {who2} {where}",
    "{who1} following {who2} {where}",
    "{where}, {who2} {are2} followed by {who1}",
    "{who1} {follows1} {who2} {direction1}",
    "{who1} following {who2} {direction1}",
    "{who1} {follows1} {who2} {direction1} {where}",
    "{who1} following {who2} {direction1} {where}",
    "{where}, {who1} {follows1} {who2} {direction1}",
    "{where}, {who1} {follows1} behind {who2} {direction1}",
    "{where}, {who2} {doing2}, followed by {who1}",
)

RELATIONS_EN = {None: PAIR_EN, "left_of": LEFT_OF_EN, "chases": CHASES_EN, "follows": FOLLOWS_EN}

DIRECTIONS_EN = {
    "left_to_right": ("from left to right", "from the left to the right"),
    "right_to_left": ("from right to left", "from the right to the left"),
}

SCENE_EN = ("{place}", "{where}")

SHORT_RELATIONS_EN = {
    None: ("{a} {b}", "{a} and {b}", "{b} and {a}"),
    "left_of": ("{a} left of {b}", "{b} right of {a}"),
    "chases": ("{a} chasing {b}",),
    "follows": ("{a} following {b}",),
}
