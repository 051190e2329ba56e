"""Scenes on roads, at sea and in the sky."""

from __future__ import annotations

from data_pipeline.miniature.spec import SceneSpec, Shot, actor

TRAVEL = (
    SceneSpec(
        name="bus-old-town", background="street", seconds=6.0,
        actors=(actor("large yellow bus", motion="left_to_right"),),
        title="坐公交逛老城", caption="一辆黄色的公交车在街道上从左开到右", tags=("城市",), date="2024-02-11",
        on_screen=((2000, 5000, "下一站 人民广场"),), spoken=((500, 2400, "请给需要帮助的乘客让座"),),
    ),
    SceneSpec(
        name="car-test-drive", background="street", seconds=4.0,
        actors=(actor("large red car", motion="right_to_left"),),
        title="新车试驾", caption="一辆红色的汽车在街道上从右开到左", tags=("汽车",), date="2024-06-08",
        on_screen=((500, 3500, "iPhone15拍摄"),),
    ),
    SceneSpec(
        name="bicycle-trip", background="street", seconds=5.0, container="mkv",
        actors=(actor("large green bicycle", motion="left_to_right"),),
        title="骑行打卡一百天", caption="一辆绿色的自行车在街道上从左骑到右", tags=("运动",), date="2023-09-17",
        spoken=((300, 2000, "戴好头盔再出发"), (2500, 4700, "前面右转就是运河")),
    ),
    SceneSpec(
        name="sailing-lesson", background="sea", seconds=6.0,
        actors=(actor("large blue boat", motion="sway"),),
        title="零基础学帆船", caption="一艘蓝色的帆船在海上摇摆", tags=("运动", "教程"), date="2023-05-06",
        spoken=((500, 2500, "先看风向，再升主帆"), (3000, 5500, "落水时不要松开绳子")),
    ),
    SceneSpec(
        name="flight-ca1234", background="sea", seconds=4.0,
        actors=(actor("medium white plane", motion="left_to_right"),),
        title="从北京飞往上海的CA1234航班", caption="一架白色的飞机从左到右飞过海面", tags=("航空",), date="2024-04-01",
    ),
    SceneSpec(
        name="island-holiday", background="street", seconds=2.5,
        actors=(actor("medium pink plane", motion="rise"),),
        parts=(Shot(background="sea", actors=(actor("large white boat", motion="right_to_left"),), seconds=3.5),),
        title="说走就走的旅行", caption="一架粉色的飞机升空，接着一艘白色的帆船在海上从右到左", tags=("旅行",),
        date="2023-08-03", on_screen=((2700, 5600, "厦门 鼓浪屿"),),
    ),
    SceneSpec(
        name="night-driving", background="night", seconds=6.0, sidecar=True,
        actors=(actor("medium yellow car", motion="approach"),),
        title="新手司机必看", caption="一辆黄色的汽车在夜里越来越近", tags=("汽车", "安全"), date="2024-01-08",
        spoken=((400, 2200, "夜里开车要慢"), (2800, 5400, "会车时请关闭远光灯")),
    ),
    SceneSpec(
        name="parking", background="street", seconds=3.0,
        actors=(actor("medium blue car", motion="still", count=3),),
        title="早高峰的车位去哪了", caption="三辆蓝色的汽车停在街道上", tags=("城市", "汽车"), date="2024-03-25",
    ),
    SceneSpec(
        name="harbour-morning", background="sea", seconds=5.0, container="mkv",
        actors=(actor("medium red boat", motion="left_to_right", count=2),),
        title="渔船出海", caption="两艘红色的帆船在海上从左开到右", tags=("港口",), date="2023-11-11",
        on_screen=((600, 3000, "青岛港 06:30"),),
    ),
    SceneSpec(
        name="rocket-launch", background="meadow", seconds=2.0,
        actors=(actor("large white rocket", motion="still"),),
        parts=(Shot(background="night", actors=(actor("medium white rocket", motion="rise"),), seconds=4.0),),
        title="从草原到星空", caption="一枚白色的火箭停在草地上空，然后在夜空里升起", tags=("航天",), date="2024-05-30",
        spoken=((300, 1900, "五四三二一，点火"), (2600, 5600, "飞行正常，跟踪正常")),
    ),
    SceneSpec(
        name="moon-flight", background="night", seconds=5.0,
        actors=(actor("medium red rocket", motion="circle"),),
        title="绕月飞行模拟", caption="一枚红色的火箭在夜空里绕圈飞", tags=("航天", "动画"), date="2024-06-02",
        on_screen=((500, 4500, "Hello 月球"),),
    ),
    SceneSpec(
        name="green-travel", background="street", seconds=5.0,
        actors=(actor("large green bus", motion="still"), actor("medium orange bicycle", motion="still")),
        title="少开一天车", caption="街道上停着一辆绿色的公交车和一辆橙色的自行车", tags=("公益",), date="2023-09-22",
        on_screen=((500, 4500, "低碳生活 从我做起"),),
    ),
    SceneSpec(
        name="first-landing", background="snow", seconds=5.0, container="webm",
        actors=(actor("medium purple plane", motion="fall"),),
        title="First Landing in Winter", caption="一架紫色的飞机在雪地上空落下", tags=("aviation",), date="2022-12-30",
        spoken=((400, 2300, "Cabin crew, prepare for landing"), (2700, 4700, "欢迎来到哈尔滨 Harbin")),
    ),
)
