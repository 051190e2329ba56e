"""What people say around a video: titles, spoken lines, text on the screen, tags, and lines of songs.

None of it describes the picture exactly; that is what captions are for.
"""

from __future__ import annotations

from datetime import date, timedelta
from random import Random

from data_pipeline.miniature.language.chinese_words import SCENES_ZH, THINGS_ZH
from data_pipeline.miniature.spec import Line, Shot

TITLES = (
    "今天又挖到宝了", "记录一下今天的小确幸", "看完心情都变好了", "这一幕我能看一整天", "手机随手拍的，别介意",
    "第一次拍视频，请多关照", "周末都在干什么", "今天的更新来了", "分享一个有意思的瞬间", "最后三秒别眨眼",
    "谁还没看过这个", "生活需要一点仪式感", "一个人也要好好过", "慢下来看一看", "猜猜接下来会发生什么", "动画练习第三天",
    "我的小世界", "解压小视频", "睡前看一看", "无聊的时候就看这个",
)
THING_TITLES = (
    "{thing}的一天", "关于{thing}的小视频", "有人喜欢{thing}吗", "{thing}来了", "拍到{thing}了", "给大家看看{thing}",
    "画了{thing}", "{thing}合集第{number}期", "{thing}日常{number}", "今天的主角是{thing}", "原来{thing}是这样的",
    "和{thing}有关的回忆",
)
SCENE_TITLES = (
    "{place}随拍", "在{place}的一天", "{place}风景", "{place}打卡", "想去{place}走走", "{place}的时光", "{place}vlog{number}",
)
SPOKEN = (
    "大家好，欢迎来到我的频道", "今天给大家看点不一样的", "喜欢的话点个赞吧", "我们接着往下看", "这个地方我来过很多次",
    "当时我都没反应过来", "你们觉得怎么样", "评论区告诉我", "下期再见", "注意看这里", "天气真不错", "声音有点小，抱歉",
    "先说结论，值得一看", "其实没有那么难", "我也是第一次见", "别着急，慢慢来", "这是昨天下午拍的", "朋友推荐我来的",
    "记得打开声音", "后面还有更精彩的", "说实话我有点意外", "好了，我们开始吧", "这一段我剪了很久", "风有点大",
)
ON_SCREEN = (
    "第{number}集", "VLOG {number}", "北京 {clock}", "上海 {clock}", "成都 {clock}", "青岛 {clock}", "杭州 {clock}",
    "广州 {clock}", "未完待续", "关注不迷路", "原创作品", "请勿转载", "片场花絮", "全剧终", "高清修复", "Day {number}",
)
TAGS = ("生活", "动画", "日常", "短片", "记录", "分享", "治愈", "搞笑", "教程", "创意", "旅行", "手绘")
MANNER_TAGS = {
    "animal": ("动物", "萌宠"), "flier": ("天空", "飞行"), "swimmer": ("动物", "水族"), "floater": ("节日", "童年"),
    "vehicle": ("交通", "出行"), "plant": ("植物", "自然"), "object": ("静物", "好物"),
}
CHATTER = (
    "今天又是元气满满的一天，{fact}也来凑热闹", "最近工作太忙了，看到{fact}才想起来更新", "有人问我为什么拍{fact}，没有为什么",
    "记得点赞收藏，下次还拍{fact}", "这条视频剪了三天，{fact}只是顺便", "说到{fact}，我想起小时候的事",
    "谢谢大家的支持，{fact}在此谢过", "粉丝投稿：和{fact}有关的一段故事", "年底了，总结一下今年，当然少不了{fact}",
    "不管怎么说，{fact}总能让人开心", "老规矩，先看{fact}再聊天", "新设备到了，拿{fact}试一试效果",
)
PLACE_CHATTER = (
    "今天又是元气满满的一天，{fact}见", "最近工作太忙了，好想去{fact}", "有人问我为什么总拍{fact}，没有为什么",
    "说到{fact}，我想起小时候的事", "粉丝投稿：和{fact}有关的一段故事", "年底了，总结一下今年，当然少不了{fact}",
    "不管怎么说，{fact}总能让人平静", "新设备到了，拿{fact}试一试效果",
)
"""Talk that mentions one true fact among much that has nothing to do with the picture."""
LYRICS = (
    "我把思念写成歌 唱给远方的你听", "月光落在窗前 你的笑还在眼前", "一步一步走过春夏秋冬 等一个人", "啦啦啦 啦啦啦 跟着节奏摇摆",
    "如果时光能倒流 我还会牵你的手", "风吹过那年夏天 谁在轻轻唱", "想你的夜 星星都睡了", "爱过的人 走散在人海里",
    "别回头 别回头 明天还有太阳", "你是我心里 唱不完的那首歌", "梦里花开又花落 醒来只剩我", "哦 宝贝 不要说再见",
    "雨下了一整夜 我的心也湿了", "让我再看你一眼 再爱你一遍", "从前的我们 多么天真", "一颗心飘呀飘 飘到你身旁",
)
_EPOCH = date(2021, 1, 1)
_DAYS = 1500


def title(shots: tuple[Shot, ...], random: Random) -> str:
    """A title as a person gives it: mostly about one thing or the place, sometimes about nothing."""
    thing = random.choice(THINGS_ZH[random.choice(shots[0].actors).thing].names)
    place = random.choice(SCENES_ZH[shots[0].background].names)
    shapes = random.choices((THING_TITLES, SCENE_TITLES, TITLES), weights=(6, 2, 2))[0]
    return random.choice(shapes).format(thing=thing, place=place, number=random.randint(1, 99))


def spoken_lines(duration_ms: int, random: Random) -> tuple[Line, ...]:
    """One or two lines that somebody says, one after the other."""
    return _in_turn(random.sample(SPOKEN, 2 if duration_ms > 3200 else 1), duration_ms, random)


def lyric_lines(duration_ms: int, random: Random) -> tuple[Line, ...]:
    """Lines of a song, over the whole clip."""
    return _in_turn(random.sample(LYRICS, 2), duration_ms, random)


def screen_lines(duration_ms: int, random: Random) -> tuple[Line, ...]:
    """One line in the picture for most of the clip."""
    clock = f"{random.randrange(24):02}:{random.randrange(60):02}"
    text = random.choice(ON_SCREEN).format(number=random.randint(1, 99), clock=clock)
    start = random.randrange(0, 600, 100)
    return ((start, duration_ms - random.randrange(0, 500, 100), text),)


def tags(shots: tuple[Shot, ...], random: Random) -> tuple[str, ...]:
    """One to three tags; one of them goes with what is seen."""
    fitting = random.choice(MANNER_TAGS[THINGS_ZH[shots[0].actors[0].thing].manner])
    return (fitting, *random.sample(TAGS, random.choice((0, 1, 2))))


def day(random: Random) -> str:
    """An ISO 8601 day."""
    return (_EPOCH + timedelta(days=random.randrange(_DAYS))).isoformat()


def _in_turn(texts: list[str], duration_ms: int, random: Random) -> tuple[Line, ...]:
    room = duration_ms // len(texts)
    lines = []
    for k, text in enumerate(texts):
        start = k * room + random.randrange(0, 400, 100)
        lines.append((start, (k + 1) * room - 100, text))
    return tuple(lines)
