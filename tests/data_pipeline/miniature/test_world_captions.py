"""Captions say exactly what their condition asserts; a reader that shares nothing with the grammar agrees."""

from __future__ import annotations

import dataclasses
import re
from collections import defaultdict
from collections.abc import Iterator
from random import Random

import pytest

from data_pipeline.miniature.captions import Caption, captions, say
from data_pipeline.miniature.language.chinese_words import COLOURS_ZH, SIZES_ZH, THINGS_ZH
from data_pipeline.miniature.spec import SceneSpec
from data_pipeline.miniature.truth import ActorCondition, Condition, ShotCondition, condition_of, satisfies
from data_pipeline.miniature.world import generate

LEVELS = ("short", "medium", "full")
SPECS = [clip.spec for split in ("train", "composition") for clip in generate(150, seed=8, split=split)]

CHINESE = {
    "cat": "猫", "dog": "狗", "rabbit": "兔子", "duck": "鸭子", "bird": "鸟", "fish": "(?<!鲸)鱼", "butterfly": "蝴蝶",
    "horse": "马(?!路)", "cow": "(?<!蜗)牛", "pig": "猪", "chicken": "鸡", "elephant": "大象", "turtle": "乌龟",
    "frog": "青蛙", "snail": "蜗牛", "crab": "螃蟹", "whale": "鲸鱼", "car": "(?<!公共)汽车|轿车",
    "bus": "公交车|公共汽车|巴士", "bicycle": "自行车|单车", "boat": "帆船", "plane": "(?<!直升)飞机", "rocket": "火箭",
    "truck": "卡车|货车", "train": "火车|列车", "helicopter": "直升", "submarine": "潜水?艇", "balloon": "气球",
    "ball": "足球", "flower": "花", "umbrella": "伞", "lantern": "灯笼", "teacup": "杯", "tree": "树(?!林)",
    "mushroom": "蘑菇", "apple": "苹果", "house": "房[子屋]", "clock": "钟", "chair": "椅子", "hat": "帽子",
    "kite": "风筝", "guitar": "吉他", "robot": "机器人", "drum": "鼓",
    "red": "(?<!粉)红", "orange": "橙|橘", "yellow": "黄", "green": "绿", "blue": "蓝", "purple": "紫", "pink": "粉",
    "white": "白", "black": "黑", "gray": "灰", "brown": "棕|褐", "cyan": "青色",
    "small": "小", "medium": "中等|中号|不大不小|大小适中", "large": "大(?!海|象)",
    "meadow": "草", "sea": "海", "street": "街|马路", "night": "夜", "snow": "雪", "room": "房间|屋里|室内",
    "underwater": "水[下里中]", "desert": "沙漠", "forest": "林", "stage": "舞台",
    "still": "不动|静静地", "left_to_right": "[从由自]左", "right_to_left": "[从由自]右", "rise": "(?<!直)升|[往向]上|往高|飘起",
    "fall": "落|掉|[往向]下|降下|飘下", "bounce": "跳|弹|蹦", "circle": "圈", "sway": "摇|晃", "approach": "近|过来|迎面",
    "recede": "越来越远|远处.去|渐渐.远", "spin": "旋转|打转|转个", "zigzag": "之字|曲折|曲曲|拐来",
    "1": "一(?=[只匹头条辆艘架枚列个盏朵把棵座栋顶台面])", "2": "两", "3": "三", "4": "四", "5": "五",
    "chases": "追", "follows": "跟", "left_of": "[左右](?!右|.?摇)",
}
MEDIUM = re.compile(CHINESE["medium"] + "|大小")
CROSSING = re.compile("[从由自][左右][边侧]?(往|向|.{1,2}到)[左右][边侧]?")
ENGLISH = {
    "one": 1, "a": 1, "an": 1, "two": 2, "three": 3, "four": 4, "five": 5, "grey": "gray", "turquoise": "cyan",
    "little": "small", "tiny": "small", "big": "large", "huge": "large", "bunny": "rabbit", "bunnies": "rabbit",
    "tortoise": "turtle", "sailboat": "boat", "airplane": "plane", "lorry": "truck", "lorries": "truck",
    "bike": "bicycle", "football": "ball", "soccer": "ball", "cup": "teacup", "butterflies": "butterfly", "buses": "bus",
}

NOT_A_NUMBER = re.compile("a video of|in a (room|meadow|desert|zigzag|circle)|on a (street|stage)|along a|[,.]")
PLAIN = {*THINGS_ZH, *COLOURS_ZH, *SIZES_ZH, "1", "2", "3", "4", "5"}


def facts_asserted(condition: Condition) -> set[str]:
    facts = set()
    for shot in condition.shots:
        facts |= {shot.scene, shot.relation}
        for actor in shot.actors:
            facts |= {str(value) for value in dataclasses.astuple(actor) if value is not None}
    return {fact for fact in facts if fact is not None}


def facts_read(text: str) -> set[str]:
    found = {fact for fact, words in CHINESE.items() if re.search(words, text)} - {"small", "large", "left_of"}
    for sizes in ("small", "large"):
        found |= {sizes} if re.search(CHINESE[sizes], MEDIUM.sub("", text)) else set()
    aside = re.sub("左右摇.", "", CROSSING.sub("", text))
    return found | ({"left_of"} if re.search("[左右]", aside) else set())


def made_captions(language: str) -> Iterator[tuple[SceneSpec, Caption]]:
    random = Random(3)
    for spec in SPECS:
        for detail in LEVELS:
            for caption in captions(spec, random, count=3, language=language, detail=detail):
                yield spec, caption


def test_a_chinese_text_says_what_its_condition_asserts_and_nothing_else() -> None:
    for _, caption in made_captions("zh"):
        assert facts_read(caption.text) == facts_asserted(caption.condition), caption


def test_an_english_text_names_the_things_colours_sizes_and_numbers_of_its_condition() -> None:
    for _, caption in made_captions("en"):
        text = NOT_A_NUMBER.sub("", caption.text.lower())
        words = [word if word in ENGLISH or word == "bus" else word.removesuffix("s") for word in text.split()]
        said = {str(ENGLISH.get(word, word)) for word in words}
        plain = {
            str(value) for shot in caption.condition.shots for actor in shot.actors
            for value in (actor.thing, actor.colour, actor.size, actor.count) if value is not None
        }
        assert said & PLAIN == plain, caption


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_caption_is_true_of_its_scene(language: str) -> None:
    assert all(satisfies(spec, caption.condition) for spec, caption in made_captions(language))


def test_a_full_caption_leaves_nothing_out() -> None:
    for spec in SPECS[:50]:
        for language in ("zh", "en"):
            [caption] = captions(spec, Random(1), language=language)
            assert caption.condition == condition_of(spec)


def test_a_fact_that_a_caption_mentions_cannot_be_another() -> None:
    flips = {"colour": ("red", "blue"), "size": ("small", "large"), "count": (1, 2), "thing": ("cat", "dog")}
    for spec, caption in made_captions("zh"):
        if len(spec.shots) > 1 or len(caption.condition.shots[0].actors) != 1 or len(spec.actors) > 1:
            continue
        [said], [actor] = caption.condition.shots[0].actors, spec.actors
        for fact, values in flips.items():
            other = values[getattr(actor, fact) == values[0]]
            flipped = dataclasses.replace(spec, actors=(dataclasses.replace(actor, **{fact: other}),))
            assert satisfies(flipped, caption.condition) == (getattr(said, fact) is None), (fact, caption)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_two_conditions_never_share_a_text(language: str) -> None:
    meanings = defaultdict(set)
    for _, caption in made_captions(language):
        meanings[caption.text.lower()].add(meaning(caption.condition))
    assert not {text: said for text, said in meanings.items() if len(said) > 1}


def meaning(condition: Condition) -> tuple[object, ...]:
    """The condition without the order of actors that are only named together."""
    return tuple(
        (shot.scene, shot.relation, shot.actors if shot.relation else tuple(sorted(shot.actors, key=repr)))
        for shot in condition.shots
    )


def test_texts_are_as_long_as_their_level() -> None:
    for _, caption in made_captions("zh"):
        assert len(caption.text) <= {"short": 16, "medium": 46, "full": 46}[caption.detail], caption
    for _, caption in made_captions("en"):
        assert len(caption.text.split()) <= {"short": 12, "medium": 40, "full": 40}[caption.detail], caption


def test_the_same_random_numbers_give_the_same_captions_and_several_differ() -> None:
    for spec in SPECS[:30]:
        first, again = (captions(spec, Random(4), count=5, detail="full") for _ in range(2))
        assert first == again
        assert len({caption.text for caption in first}) == 5


CAT = ActorCondition(thing="cat", colour="red", size="small", count=1, motion="left_to_right")
DUCKS = ActorCondition(thing="duck", colour="white", size="large", count=2, motion="left_to_right")
HOUSE = ActorCondition(thing="house", colour="blue", size="medium", count=1, motion="still")
KITES = ActorCondition(thing="kite", colour="yellow", size="small", count=3, motion="rise")
READ: dict[str, Condition] = {      # sentences that were read and found natural
    condition_name: Condition(shots=tuple(ShotCondition(**shot) for shot in shots))
    for condition_name, shots in {
        "alone": [{"actors": (CAT,), "scene": "meadow"}],
        "chase": [{"actors": (CAT, DUCKS), "scene": "snow", "relation": "chases"}],
        "follow": [{"actors": (CAT, DUCKS), "scene": "street", "relation": "follows"}],
        "beside": [{"actors": (HOUSE, KITES), "scene": "desert", "relation": "left_of"}],
        "there and back": [{"actors": (dataclasses.replace(CAT, then="right_to_left"),), "scene": "stage"}],
        "cut": [{"actors": (CAT,), "scene": "room"}, {"actors": (HOUSE,), "scene": "night"}],
    }.items()
}
SENTENCES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "alone": (
        (
            "草坪上有一只猫咪从左往右跑，是红色的，很小",
            "草坪上有一只小小的红猫从左边走到右边",
            "草地上，一只红色的小猫自左向右走",
            "草坪上，一只红色的小猫正在从左往右走",
            "背景是草地，一只红色的小猫咪从左走到右",
        ),
        (
            "We see a small red cat running from the left to the right in a meadow.",
            "You can see a little red cat in a meadow, walking from the left to the right.",
            "On the grass there is a small red cat walking from the left to the right.",
        ),
    ),
    "chase": (
        (
            "雪地上，一只红色的小猫咪追着两只大白鸭子自左向右跑",
            "雪地里，一只小小的红猫追着两只白色的大鸭子由左向右走",
            "雪地里有一只红色的小猫追着两只巨大的白鸭子由左向右走",
            "雪地上有一只红色的小猫追着两只大白鸭子从左边走到右边",
            "一只红色的小猫咪在雪地里追着两只很大的白鸭子自左向右走",
        ),
        (
            "A small red cat chases two big white ducks from left to right on snowy ground.",
            "In the snow, a little red cat is chasing two big white ducks from left to right.",
            "Two big white ducks are chased from the left to the right by a small red cat in the snow.",
        ),
    ),
    "follow": (
        (
            "街上，一只红色的小猫咪跟着两只大白鸭子自左向右跑",
            "街道上，一只小小的红猫跟着两只白色的大鸭子由左向右走",
            "马路上，一只红色的小猫跟着两只巨大的白鸭子自左向右走",
            "街上，一只红色的小猫跟在两只大白鸭子后面从左边走到右边",
            "一只红色的小猫咪在街道上跟着两只很大的白鸭子自左向右走",
        ),
        (
            "A small red cat follows two big white ducks from left to right in the street.",
            "On a street, two big white ducks waddling from the left to the right, followed by a little red cat.",
            "On a street, a small red cat follows behind two big white ducks from the left to the right.",
        ),
    ),
    "beside": (
        (
            "沙漠中，一座不大不小的蓝色房屋在左边立着不动，三个很小的黄风筝在右边慢慢升起",
            "沙漠中，左边一栋中等大小的蓝色房子一动不动，右边三个黄色的小风筝缓缓上升",
            "沙漠里，右边三个黄色的小风筝往上飘，左边一座不大不小的蓝房子立着不动",
            "一栋中号的蓝色房子在沙漠里立着不动，右边有三个很小的黄色风筝缓缓上升",
            "左边一座中号的蓝色的房屋立着不动，右边三只小小的黄色风筝往上升，背景是沙漠",
        ),
        (
            "In a desert, three little yellow kites rise into the air on the right and a medium "
            "blue house stays still on the left.",
            "Three little yellow kites rising in the desert, and to the left a medium sized blue "
            "house remaining motionless.",
            "In the desert, on the left a medium blue house is remaining motionless, and on the "
            "right three little yellow kites are moving upwards.",
        ),
    ),
    "there and back": (
        (
            "有一只红色的小猫咪在舞台上先从左往右跑再自右向左跑",
            "一只小小的红猫在舞台上从左边走到右边，随后从右走到左",
            "画面里一只红色的小猫在舞台上自左向右走，然后从右走到左",
            "镜头里一只红色的小猫在舞台上先从左往右走再自右向左走",
            "拍到一只红色的小猫咪在舞台上从左走到右，然后由右向左走",
        ),
        (
            "On stage, a small red cat is running from the left to the right and afterwards running "
            "from the right to the left.",
            "A little red cat is first walking from the left to the right, then walking across from "
            "right to left on stage.",
            "A small red cat first walks from the left to the right, then walks across from right "
            "to left on a stage.",
        ),
    ),
    "cut": (
        (
            "室内有一只红色的小猫咪由左向右跑，镜头一转，一栋中等大小的蓝房子在夜空下一动不动",
            "一只小小的红猫在屋里从左边走到右边，然后一栋中号的蓝色的房子在夜色中立着不动",
            "一只红色的小猫在房间里自左向右走，切换镜头后夜里有一栋中号的蓝房屋一动不动",
            "先是一只红色的小猫在屋里从左往右走，然后是夜色中有一栋中号的蓝色的房屋立着不动",
            "前半段屋里有一只红色的小猫咪从左走到右，后半段夜色中有一座中号的蓝房子一动不动",
        ),
        (
            "First a little red cat runs from the left to the right indoors, next a medium sized "
            "blue house stays still at night.",
            "A small red cat walks across from left to right indoors, and then a medium sized blue "
            "house stays still under the night sky.",
            "First a little red cat walks across from left to right indoors, then a medium sized "
            "blue house remains motionless under the night sky.",
        ),
    ),
}


@pytest.mark.parametrize("name", SENTENCES)
def test_sentences_that_were_read_and_found_natural(name: str) -> None:
    condition = READ[name]
    for language, expected in zip(("zh", "en"), SENTENCES[name], strict=True):
        said = tuple(say(condition, Random(seed), language=language, detail="full") for seed in range(len(expected)))
        assert said == expected
