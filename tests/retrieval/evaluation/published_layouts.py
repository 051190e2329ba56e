"""Miniature copies of published benchmarks, in the exact layout of their files."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

MSVD_CAPTIONS = {
    "-4wsuPCjDBc_5_15": [["a", "squirrel", "eats"], ["an", "animal", "eats", "a", "peanut"]],
    "klteYv1Uv9A_27_33": [["someone", "cuts", "garlic"]],
    "_0nX-El-ySo_83_93": [["people", "dance"], ["two", "people", "dance"], ["a", "dance"]],
}
DIDEMO_ROWS = [
    {"annotation_id": 10, "description": "a dog runs in.", "video": "54322086@N00_24085.avi", "num_segments": 6,
     "times": [[0, 0], [0, 1]], "dl_link": "https://example.org/a"},
    {"annotation_id": 11, "description": "first time we see the sea", "video": "12090392@N02_1348.mov", "num_segments": 5,
     "times": [[3, 3], [3, 4], [2, 3]], "dl_link": "https://example.org/b"},
    {"annotation_id": 12, "description": "the dog barks ", "video": "54322086@N00_24085.avi", "num_segments": 6,
     "times": [[4, 5]], "dl_link": "https://example.org/a"},
    {"annotation_id": 13, "description": "left out", "video": "99999@N00_1.avi", "num_segments": 6, "times": [[0, 0]],
     "dl_link": "https://example.org/c"},
]  # fmt: skip
ACTIVITYNET = {
    "v_uqiMw7tQ1Cc": {
        "duration": 55.15, "timestamps": [[0.28, 55.15], [13.79, 9.5]],
        "sentences": ["A weight lifting tutorial is given.", " The coach helps the guy."],
    },
    "v__UwyN53VFGc": {"duration": 20, "timestamps": [[0, 20]], "sentences": [" A man paints. "]},
}  # fmt: skip
LSMDC = (
    "0001_American_Beauty_00.00.51.926-00.00.54.129\t00.00.51.926\t00.00.54.129\t00.00.51.926\t00.00.54.129\t"
    'SOMEONE says "hello", and leaves.\n'
    '"1012_Unbreakable_00.05.16.065-00.05.21.941\t00.05.16.065\t00.05.21.941\t00.05.16.065\t00.05.21.941\tHe sits.\n'
)
CHINAOPEN = {
    "BV1CN411o7WE": {
        "Captions": {"User-title": "自行车压弯！", "Manual-caption": "一个男人骑着自行车。"},
        "Captions-en": {"User-title": "Bikes bend!", "Manual-caption": "A man rides a bicycle."},
        "Labels": {"Object": ["自行车"], "Action": ["骑自行车"], "Scene": ["弯道"], "User-tag": ["骑行"]},
        "Labels-en": {"Object": ["bicycle"], "Action": ["riding"], "Scene": ["curve"], "User-tag": ["riding"]},
    },
    "BV11D4y1S7X5": {
        "Captions": {"User-title": "给兔兔做了一个小球球", "Manual-caption": ""},
        "Captions-en": {"User-title": "A small ball", "Manual-caption": "A person makes a ball."},
        "Labels": {"Object": [], "Action": [], "Scene": [], "User-tag": []},
        "Labels-en": {"Object": [], "Action": [], "Scene": [], "User-tag": []},
    },
}
CBVS = (
    "大宅门演员表\t70001002_a\thttp://example.org/a.jpg/640\t1\n"
    "大宅门演员表\t70001002_b\thttp://example.org/b.png/0\t2\n"
    "大宅门演员表\t80000851_c\thttp://example.org/c.jpg\t0\n"
    "大宅门演员表\t80000851_c\thttp://example.org/c.jpg\t0\n"
    "人生大事\t70001002_d\thttp://example.org/d.jpg/640\t2\n"
    "人生大事\t70001002_a\thttp://example.org/a.jpg/640\t0\n"
    "高达z\t70001002_b\thttp://example.org/b.png/0\t1\n"
    "这一行不完整\t70001002_b\n"
)
MSRVTT_CN = "video7020#zh#0 一只 猫在睡觉\nvideo7020#zh#1 猫睡着了\nvideo9770#zh#0 一条狗在跑\n"


def write_msvd(directory: Path) -> Path:
    """Two test videos, one to train on; the order of the list is not that of the captions."""
    (directory / "train_list.txt").write_text("_0nX-El-ySo_83_93\n")
    (directory / "val_list.txt").write_text("_0nX-El-ySo_83_93\n")
    (directory / "test_list.txt").write_text("klteYv1Uv9A_27_33\n-4wsuPCjDBc_5_15\n")
    (directory / "raw-captions.pkl").write_bytes(pickle.dumps(MSVD_CAPTIONS, protocol=2))
    return directory


def write_didemo(directory: Path) -> Path:
    """The first two videos are in the list, in the other order."""
    (directory / "test_data.json").write_text(json.dumps(DIDEMO_ROWS))
    (directory / "test_list.txt").write_text("12090392@N02_1348.mov\n54322086@N00_24085.avi\n")
    return directory


def write_activitynet(directory: Path) -> Path:
    """val_2 describes one of the videos of val_1 in other words."""
    (directory / "val_1.json").write_text(json.dumps(ACTIVITYNET))
    again = {**ACTIVITYNET["v__UwyN53VFGc"], "sentences": ["Somebody paints a fence."]}
    (directory / "val_2.json").write_text(json.dumps({"v__UwyN53VFGc": again}))
    return directory


def write_chinaopen(directory: Path) -> Path:
    """The file as it is spelled where it is published."""
    (directory / "ChianOpen-1K-annotations.json").write_text(json.dumps(CHINAOPEN))     # its Chinese as \\u escapes, too
    return directory
