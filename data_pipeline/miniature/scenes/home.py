"""Scenes at home, at school and on feast days."""

from __future__ import annotations

from data_pipeline.miniature.spec import SceneSpec, Shot, actor

HOME = (
    SceneSpec(
        name="good-tea", background="room", seconds=6.0,
        actors=(actor("large blue teacup", motion="still"),),
        title="一杯好茶", caption="房间里放着一只蓝色的茶杯，冒着热气", tags=("茶",), date="2024-04-06",
        spoken=((500, 2500, "水温八十五度最合适"), (3000, 5500, "第二泡的味道最好")),
    ),
    SceneSpec(
        name="cat-patrol", background="room", seconds=4.0,
        actors=(actor("medium white cat", motion="left_to_right"), actor("small red teacup", motion="still")),
        title="主子巡视领地", caption="一只白色的猫从一只红色的茶杯旁走过", tags=("宠物", "搞笑"), date="2024-02-29",
        on_screen=((1200, 3800, "别碰那个杯子"),),
    ),
    SceneSpec(
        name="lantern-festival", background="night", seconds=5.0,
        actors=(actor("medium red lantern", motion="sway", count=3),),
        title="元宵节", caption="三盏红色的灯笼在夜空下摇摆", tags=("节日",), date="2024-02-24",
        on_screen=((500, 4500, "正月十五 猜灯谜"),),
    ),
    SceneSpec(
        name="rainy-day", background="street", seconds=3.5,
        actors=(actor("large red umbrella", motion="still"),),
        title="梅雨季节的下午", caption="街道上立着一把红色的雨伞", tags=("天气",), date="2023-06-19",
        spoken=((300, 1700, "出门记得带伞"), (1900, 3300, "地铁口有人在卖栀子花")),
    ),
    SceneSpec(
        name="strong-wind", background="meadow", seconds=4.0,
        actors=(actor("medium purple umbrella", motion="fall"),),
        title="七级大风", caption="一把紫色的雨伞从空中落到草地上", tags=("天气",), date="2023-04-11",
    ),
    SceneSpec(
        name="indoor-football", background="room", seconds=4.0,
        actors=(actor("medium green ball", motion="bounce"),),
        title="室内足球训练 编号abc123", caption="一个绿色的足球在房间里跳动", tags=("运动", "教程"), date="2023-03-14",
    ),
    SceneSpec(
        name="flower-arranging", background="room", seconds=6.0, sidecar=True,
        actors=(actor("large yellow flower", motion="still"), actor("large pink flower", motion="still")),
        title="十分钟学会插花", caption="房间里有一朵黄色的花和一朵粉色的花", tags=("教程", "生活"), date="2024-03-08",
        spoken=((500, 2600, "先剪去多餘的葉子"), (3000, 5600, "瓶裡的水要兩天換一次")),
    ),
    SceneSpec(
        name="birthday", background="room", seconds=5.0, container="webm",
        actors=(actor("medium pink balloon", motion="rise", count=5),),
        title="安安五岁啦", caption="五个粉色的气球在房间里升起", tags=("家庭",), date="2023-10-01",
        spoken=((500, 2200, "祝你生日快乐"), (2600, 4600, "快许一个愿望，再吹蜡烛")),
    ),
    SceneSpec(
        name="tea-garden", background="meadow", seconds=2.5,
        actors=(actor("large white flower", motion="sway", count=2),),
        parts=(Shot(background="room", actors=(actor("large white teacup", motion="still"),), seconds=3.0),),
        title="从山上到桌上", caption="两朵白色的花在草地上摇摆，然后是房间里一只白色的茶杯", tags=("茶", "纪录片"),
        date="2024-04-20", on_screen=((200, 2300, "清明前采摘"), (2800, 5200, "杭州 龙井村")),
    ),
    SceneSpec(
        name="toy-unboxing", background="room", seconds=4.0, container="webm",
        actors=(actor("large pink rabbit", motion="approach"),),
        title="毛绒玩具开箱", caption="一只粉色的兔子在房间里越来越近", tags=("开箱",), date="2024-05-11",
        on_screen=((500, 3500, "B站UP主 小满"),),
    ),
    SceneSpec(
        name="cat-and-dog", background="room", seconds=3.0,
        actors=(actor("large purple cat", motion="bounce"),),
        parts=(Shot(background="street", actors=(actor("large green dog", motion="right_to_left"),), seconds=5.0),),
        title="一对冤家的日常", caption="一只紫色的猫在房间里跳，然后一只绿色的狗在街道上从右跑到左", tags=("动画",),
        date="2022-11-05", on_screen=((3400, 7600, "下午三点 接孩子放学"),),
    ),
)
