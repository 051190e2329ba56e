"""Scenes with animals and plants, out of doors."""

from __future__ import annotations

from data_pipeline.miniature.spec import SceneSpec, Shot, actor

NATURE = (
    SceneSpec(
        name="cat-walk", background="meadow", seconds=4.0,
        actors=(actor("large orange cat", motion="left_to_right"),),
        title="橘猫散步记", caption="一只橙色的大猫在草地上从左走到右", tags=("宠物", "散步"), date="2024-03-02",
        spoken=((300, 1900, "今天天气真好"), (2100, 3800, "我们去后山走一走")),
    ),
    SceneSpec(
        name="dog-ball", background="meadow", seconds=5.0,
        actors=(actor("large white dog", motion="still"), actor("small red ball", motion="bounce")),
        title="周末陪来福玩耍", caption="一只白色的狗在草地上看着跳动的红色足球", tags=("宠物",), date="2024-03-09",
        on_screen=((1000, 4000, "再来一次！"),),
    ),
    SceneSpec(
        name="rabbits-snow", background="snow", seconds=6.0, container="mkv",
        actors=(actor("medium white rabbit", motion="bounce", count=3),),
        title="雪后来了三位客人", caption="三只白色的兔子在雪地上跳", tags=("动物", "冬天"), date="2024-01-21",
        sidecar=True, spoken=((500, 2600, "脚印一直通到松树林"), (3000, 5600, "它们在雪下面找青草吃")),
    ),
    SceneSpec(
        name="butterfly-circle", background="meadow", seconds=4.0,
        actors=(actor("medium purple butterfly", motion="circle"),),
        title="春天的第一位舞者", caption="一只紫色的蝴蝶在草地上空绕圈飞", tags=("昆虫", "春天"), date="2024-03-05",
        on_screen=((800, 3200, "惊蛰 三月五日"),),
    ),
    SceneSpec(
        name="birds-sea", background="sea", seconds=6.0,
        actors=(actor("medium blue bird", motion="left_to_right", count=2),),
        title="海边的清晨", caption="两只蓝色的鸟从左到右飞过海面", tags=("鸟类",), date="2023-10-12",
        spoken=((400, 2600, "候鸟每年十月飞往南方"), (3000, 5500, "明年春天它们再回到这里")),
    ),
    SceneSpec(
        name="ducks-line", background="meadow", seconds=5.0,
        actors=(actor("medium yellow duck", motion="left_to_right", count=4),),
        title="排队去池塘", caption="四只黄色的鸭子排成一队从左走到右", tags=("动物",), date="2024-04-18",
    ),
    SceneSpec(
        name="fish-reef", background="underwater", seconds=6.0, container="mkv",
        actors=(actor("large orange fish", motion="left_to_right"),),
        title="海底世界 第3集", caption="一条橙色的大鱼在水下从左游到右", tags=("纪录片",), date="2023-07-30",
        spoken=((500, 2700, "小丑鱼住在海葵的触手之间"), (3100, 5700, "它们一生都不离开自己的家")),
    ),
    SceneSpec(
        name="fish-school", background="underwater", seconds=4.0,
        actors=(actor("small blue fish", motion="right_to_left", count=5),),
        title="我的潜水日记", caption="五条蓝色的小鱼在水下从右游到左", tags=("潜水",), date="2023-08-15",
        on_screen=((500, 3500, "水下18米 1080p"),),
    ),
    SceneSpec(
        name="balloon-goodbye", background="meadow", seconds=5.0,
        actors=(actor("medium red balloon", motion="rise"),),
        title="再见，小红", caption="一个红色的气球从草地升上天空", tags=("短片",), date="2022-06-01",
    ),
    SceneSpec(
        name="dog-first-snow", background="room", seconds=2.5,
        actors=(actor("large orange dog", motion="still"),),
        parts=(Shot(background="snow", actors=(actor("large orange dog", motion="left_to_right"),), seconds=3.5),),
        title="豆豆第一次出远门", caption="一只橙色的狗先在房间里，后来跑过雪地", tags=("宠物", "冬天"),
        date="2023-12-24", spoken=((200, 2200, "外面怎么全是白的"), (3000, 5600, "好冷啊，可是真好玩")),
    ),
    SceneSpec(
        name="flowers-wind", background="meadow", seconds=4.0,
        actors=(actor("large pink flower", motion="sway", count=3),),
        title="山坡上的风", caption="三朵粉色的花在草地上随风摇摆", tags=("植物",), date="2024-05-02",
    ),
    SceneSpec(
        name="pollination", background="meadow", seconds=5.0,
        actors=(actor("large yellow flower", motion="still"), actor("medium blue butterfly", motion="circle")),
        title="授粉的秘密", caption="一朵黄色的花旁边有一只蓝色的蝴蝶绕圈飞", tags=("植物", "昆虫"), date="2024-05-20",
        spoken=((600, 2300, "花粉粘在它的腿上"), (2600, 4700, "再被带到另一株植物")),
    ),
)
