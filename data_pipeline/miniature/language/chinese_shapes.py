"""Shapes of Chinese sentences: which words stand where.

{who} is counted and described (一只红色的小猫), {what} only described (红色的小猫), {n} only counted (一只);
{where} is 草地上 and {place} is 草地; {does} is a motion or two in their order, {doing} a single one that can stand
before 的, {going} one that can follow 正. {head} is the bare name and {said} the colour and size said of it afterwards.
"""

from __future__ import annotations

ONE = (
    "{who}",
    "有{who}",
    "画面里有{who}",
    "镜头里出现{who}",
    "{who}在{where}",
    "{where}有{who}",
    "画面里，{where}有{who}",
    "可以看到{where}有{who}",
    "{who}{does}",
    "有{who}{does}",
    "画面里，{who}{does}",
    "镜头里{who}{does}",
    "{n}{doing}的{what}",
    "{who}正在{going}",
    "{who}在{where}{does}",
    "{where}，{who}{does}",
    "在{where}，{who}{does}",
    "{where}有{who}{does}",
    "有{who}在{where}{does}",
    "画面里{who}在{where}{does}",
    "镜头里{who}在{where}{does}",
    "看，{who}在{where}{does}",
    "可以看到{who}在{where}{does}",
    "拍到{who}在{where}{does}",
    "{where}拍到{who}{does}",
    "{who}{does}，背景是{place}",
    "背景是{place}，{who}{does}",
    "{n}在{where}{doing}的{what}",
    "{where}{n}{doing}的{what}",
    "{where}有{n}{doing}的{what}",
    "{who}正在{where}{going}",
    "{where}，{who}正在{going}",
    "{where}静静地{posture}着{who}",
    "{where}有{n}{head}{does}，{said}",
    "{n}{head}在{where}{does}，{said}",
    "有{n}{head}，{said}，在{where}{does}",
    "{where}有{n}{head}，{said}",
)

BARE = (
    "{what}",
    "{what}在{where}",
    "{where}的{what}",
    "{where}有{what}",
    "{what}{does}",
    "{doing}的{what}",
    "画面里{what}{does}",
    "{what}在{where}{does}",
    "{where}，{what}{does}",
    "{where}的{what}{does}",
    "{where}{doing}的{what}",
    "{where}有{what}{does}",
    "{what}{does}，背景是{place}",
)
"""Shapes for one actor whose number is unsaid."""

SHORT = (
    "{who}",
    "{who}在{where}",
    "{where}的{what}",
    "{where}有{who}",
    "{who}{does}",
    "{doing}的{what}",
    "{who}在{where}{does}",
    "{where}{doing}的{what}",
)
"""Shapes for one actor as people type them into a search box; those with {what} only where the number is unsaid."""

CLAUSES = (
    "{who}",
    "{who}在{where}",
    "{where}有{who}",
    "{who}{does}",
    "{who}在{where}{does}",
    "{where}有{who}{does}",
)
"""Shapes for one of two shots."""

THEN = ("先{a}，然后{b}", "先{a}再{b}", "先{a}，接着{b}", "{a}，随后{b}", "{a}，然后{b}", "先{a}，后{b}")
"""Two motions of one actor in their order."""

SHOTS = (
    "先是{a}，然后是{b}",
    "{a}，然后{b}",
    "{a}，接着{b}",
    "前半段{a}，后半段{b}",
    "一开始{a}，后来{b}",
    "{a}，镜头一转，{b}",
    "先看到{a}，再看到{b}",
    "{a}，切换镜头后{b}",
)
"""Two shots in their order."""

PAIR = (
    "{who1}和{who2}",
    "{who1}与{who2}",
    "画面里有{who1}和{who2}",
    "有{who1}，还有{who2}",
    "{where}有{who1}和{who2}",
    "{where}有{who1}，还有{who2}",
    "{who1}和{who2}在{where}",
    "{who1}{does1}，{who2}{does2}",
    "有{who1}{does1}，还有{who2}{does2}",
    "{who1}和{who2}都{both}",
    "{where}，{who1}{does1}，{who2}{does2}",
    "{where}有{who1}{does1}，还有{who2}{does2}",
    "{who1}和{who2}都在{where}{both}",
    "{where}，{who1}和{who2}一起{both}",
)
"""Two actors of one shot that stand in no said relation; {both} is what both do."""

LEFT_OF = (
    "{who1}在{who2}左边",
    "{who1}在{who2}的左侧",
    "{who2}在{who1}右边",
    "{who1}的右边是{who2}",
    "{who2}的左边有{who1}",
    "左边是{who1}，右边是{who2}",
    "{where}，{who1}在{who2}左边",
    "{where}，{who2}在{who1}的右侧",
    "{where}左边有{who1}，右边有{who2}",
    "左边{who1}{does1}，右边{who2}{does2}",
    "{who1}在左边{does1}，{who2}在右边{does2}",
    "{who2}在右边{does2}，{who1}在左边{does1}",
    "左边的{who1}和右边的{who2}都{both}",
    "{where}，左边{who1}{does1}，右边{who2}{does2}",
    "{where}，右边{who2}{does2}，左边{who1}{does1}",
    "{where}，{who1}在左边{does1}，{who2}在右边{does2}",
    "{where}左边有{who1}{does1}，右边有{who2}{does2}",
    "{who1}在{where}{does1}，右边有{who2}{does2}",
    "{who2}在{where}{does2}，左边有{who1}{does1}",
    "{where}，左边的{who1}和右边的{who2}都{both}",
    "左边{who1}{does1}，右边{who2}{does2}，背景是{place}",
)

CHASES = (
    "{who1}追{who2}",
    "{who1}追着{who2}",
    "{who1}在追赶{who2}",
    "{who2}被{who1}追赶",
    "{who1}在{where}追{who2}",
    "{who1}在{where}追赶{who2}",
    "{where}，{who1}追着{who2}",
    "{where}，{who2}被{who1}追赶",
    "{who1}追着{who2}{does1}",
    "{who2}{does2}，{who1}在后面追",
    "{who1}在{where}追着{who2}{does1}",
    "{where}，{who1}追着{who2}{does1}",
    "{where}有{who1}追着{who2}{does1}",
    "{where}，{who2}{does2}，{who1}在后面追赶",
    "{who2}在{where}{does2}，{who1}在后面追",
    "{where}，{who2}被{who1}追着{does2}",
    "{who2}被{who1}追着在{where}{does2}",
)

FOLLOWS = (
    "{who1}跟着{who2}",
    "{who1}跟在{who2}后面",
    "{who2}后面跟着{who1}",
    "{who1}在{where}跟着{who2}",
    "{where}，{who1}跟在{who2}后面",
    "{where}，{who2}后面跟着{who1}",
    "{who1}跟着{who2}{does1}",
    "{who2}{does2}，{who1}跟在后面",
    "{who1}在{where}跟着{who2}{does1}",
    "{where}，{who1}跟着{who2}{does1}",
    "{where}，{who1}跟在{who2}后面{does1}",
    "{where}，{who2}{does2}，{who1}跟在后面",
    "{who2}在{where}{does2}，{who1}跟在后面",
    "{where}，{who2}{does2}，后面跟着{who1}",
)

RELATIONS = {None: PAIR, "left_of": LEFT_OF, "chases": CHASES, "follows": FOLLOWS}

SCENE = ("{place}", "{where}", "{place}画面", "背景是{place}")
"""Nothing but the scene."""

SHORT_RELATIONS = {
    None: ("{a} {b}", "{b} {a}", "{a}和{b}", "{b}和{a}"),
    "left_of": ("{a}在{b}左边", "{b}在{a}右边", "{a}左 {b}右"),
    "chases": ("{a}追{b}", "{a}追着{b}", "{a}追赶{b}"),
    "follows": ("{a}跟着{b}", "{a}跟在{b}后面"),
}
