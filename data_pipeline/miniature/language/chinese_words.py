"""Chinese words of the miniature world: what its things, colours, sizes and scenes are called.

No synonym says more than its key: 小汽车 would also say that the car is small, 飞鸟 that the bird flies.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Manner = Literal["animal", "flier", "swimmer", "floater", "vehicle", "plant", "object"]


@dataclass(frozen=True, kw_only=True)
class ThingWords:
    """How one kind of thing is spoken of; `verbs` are the ways in which it changes its place."""

    names: tuple[str, ...]
    measures: tuple[str, ...]
    verbs: tuple[str, ...]
    manner: Manner
    posture: str = "停"             # how it is where it stays: 停着, 站着, 放着
    plain_size: bool = True         # 小 and 大 may stand directly before its name


def _animal(names: str, measures: str, verbs: str, *, plain_size: bool = True) -> ThingWords:
    return ThingWords(names=_split(names), measures=_split(measures), verbs=_split(verbs), manner="animal",
                      posture="站", plain_size=plain_size)


def _mover(manner: Manner, names: str, measures: str, verbs: str, *, plain_size: bool = True) -> ThingWords:
    return ThingWords(names=_split(names), measures=_split(measures), verbs=_split(verbs), manner=manner,
                      plain_size=plain_size)


def _object(names: str, measures: str, verbs: str = "移动 滑", posture: str = "放") -> ThingWords:
    manner: Manner = "plant" if names in ("花 花儿", "树", "蘑菇") else "object"
    return ThingWords(names=_split(names), measures=_split(measures), verbs=_split(verbs), manner=manner,
                      posture=posture)


def _split(words: str) -> tuple[str, ...]:
    return tuple(words.split())


THINGS_ZH: dict[str, ThingWords] = {
    "cat": _animal("猫 猫咪", "只", "走 跑"),
    "dog": _animal("狗 狗狗", "只", "跑 走"),
    "rabbit": _animal("兔子", "只", "跑"),
    "duck": _animal("鸭子", "只", "走"),
    "bird": _mover("flier", "鸟 鸟儿", "只", "飞"),
    "fish": _mover("swimmer", "鱼 鱼儿", "条", "游"),
    "butterfly": _mover("flier", "蝴蝶", "只", "飞"),
    "horse": _animal("马 马儿", "匹", "跑 走"),
    "cow": _animal("牛 奶牛", "头", "走"),
    "pig": _animal("猪", "头 只", "走 跑"),
    "chicken": _animal("鸡", "只", "走 跑"),
    "elephant": _animal("大象", "头", "走", plain_size=False),
    "turtle": _animal("乌龟", "只", "爬"),
    "frog": _animal("青蛙", "只", "爬"),
    "snail": _animal("蜗牛", "只", "爬"),
    "crab": _animal("螃蟹", "只", "爬"),
    "whale": _mover("swimmer", "鲸鱼", "条 头", "游"),
    "car": _mover("vehicle", "汽车 轿车", "辆", "开 行驶", plain_size=False),
    "bus": _mover("vehicle", "公交车 公共汽车 巴士", "辆", "开 行驶"),
    "bicycle": _mover("vehicle", "自行车 单车", "辆", "骑"),
    "boat": _mover("vehicle", "帆船", "艘 条", "开 航行"),
    "plane": _mover("flier", "飞机", "架", "飞"),
    "rocket": _mover("flier", "火箭", "枚", "飞"),
    "truck": _mover("vehicle", "卡车 货车", "辆", "开 行驶"),
    "train": _mover("vehicle", "火车 列车", "列", "开 行驶"),
    "helicopter": _mover("flier", "直升机 直升飞机", "架", "飞"),
    "submarine": _mover("vehicle", "潜水艇 潜艇", "艘", "开 航行"),
    "balloon": _mover("floater", "气球", "个 只", "飘"),
    "ball": _object("足球", "个", "滚"),
    "flower": _object("花 花儿", "朵", posture="立"),
    "umbrella": _object("雨伞 伞", "把"),
    "lantern": _mover("floater", "灯笼", "盏 个", "飘"),
    "teacup": _object("茶杯 杯子", "只 个"),
    "tree": _object("树", "棵", posture="立"),
    "mushroom": _object("蘑菇", "个 朵", posture="立"),
    "apple": _object("苹果", "个", "滚"),
    "house": _object("房子 房屋", "座 栋", posture="立"),
    "clock": _object("时钟 钟", "个 座"),
    "chair": _object("椅子", "把"),
    "hat": _object("帽子", "顶", "滑 飘"),
    "kite": _mover("floater", "风筝", "只 个", "飘"),
    "guitar": _object("吉他", "把"),
    "robot": _animal("机器人", "个 台", "走"),
    "drum": _object("鼓", "面 个", "滚 移动"),
}

SOMETHING = ThingWords(names=("东西",), measures=("个",), verbs=("移动",), manner="object")
"""What an actor of unsaid kind is called."""


@dataclass(frozen=True, kw_only=True)
class ColourWords:
    """`adjectives` stand before a noun with or without 的; `short` is the one character that may stand alone."""

    adjectives: tuple[str, ...]
    short: str | None = None


COLOURS_ZH: dict[str, ColourWords] = {
    "red": ColourWords(adjectives=("红色",), short="红"),
    "orange": ColourWords(adjectives=("橙色", "橘色")),
    "yellow": ColourWords(adjectives=("黄色",), short="黄"),
    "green": ColourWords(adjectives=("绿色",), short="绿"),
    "blue": ColourWords(adjectives=("蓝色",), short="蓝"),
    "purple": ColourWords(adjectives=("紫色",), short="紫"),
    "pink": ColourWords(adjectives=("粉色", "粉红色")),
    "white": ColourWords(adjectives=("白色",), short="白"),
    "black": ColourWords(adjectives=("黑色",), short="黑"),
    "gray": ColourWords(adjectives=("灰色",), short="灰"),
    "brown": ColourWords(adjectives=("棕色", "褐色")),
    "cyan": ColourWords(adjectives=("青色",)),
}


@dataclass(frozen=True, kw_only=True)
class SizeWords:
    """`plain` stands directly before a name, `adjectives` take 的, `predicates` come after the noun.

    `of_goods` are adjectives too, though not of living things.
    """

    plain: str | None
    adjectives: tuple[str, ...]
    predicates: tuple[str, ...]
    of_goods: tuple[str, ...] = ()


SIZES_ZH: dict[str, SizeWords] = {
    "small": SizeWords(plain="小", adjectives=("小小", "很小"), predicates=("个头很小", "很小")),
    "medium": SizeWords(plain=None, adjectives=("中等大小", "不大不小"), predicates=("大小适中", "不大不小"),
                        of_goods=("中号",)),
    "large": SizeWords(plain="大", adjectives=("很大", "巨大"), predicates=("个头很大", "很大")),
}


@dataclass(frozen=True, kw_only=True)
class SceneWords:
    """`where` says that something is there (草地上), `names` are the place itself."""

    where: tuple[str, ...]
    names: tuple[str, ...]


SCENES_ZH: dict[str, SceneWords] = {
    "meadow": SceneWords(where=("草地上", "草坪上"), names=("草地", "草坪")),
    "sea": SceneWords(where=("海上", "海面上", "大海上"), names=("大海", "海面")),
    "street": SceneWords(where=("街道上", "街上", "马路上"), names=("街道", "马路")),
    "night": SceneWords(where=("夜空下", "夜里", "夜色中"), names=("夜空", "夜晚")),
    "snow": SceneWords(where=("雪地里", "雪地上"), names=("雪地",)),
    "room": SceneWords(where=("房间里", "屋里", "室内"), names=("房间", "室内")),
    "underwater": SceneWords(where=("水下", "水里", "水中"), names=("水下",)),
    "desert": SceneWords(where=("沙漠里", "沙漠中"), names=("沙漠",)),
    "forest": SceneWords(where=("树林里", "森林里"), names=("树林", "森林")),
    "stage": SceneWords(where=("舞台上",), names=("舞台",)),
}

NUMBERS_ZH = {1: "一", 2: "两", 3: "三", 4: "四", 5: "五"}
