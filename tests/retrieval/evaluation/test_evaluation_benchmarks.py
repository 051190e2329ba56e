"""Benchmarks are read from the layouts in which they are published; what is missing is counted and named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from retrieval.errors import InputError
from retrieval.evaluation.benchmarks import (
    msrvtt_training_videos,
    read_json_lines_benchmark,
    read_msrvtt,
    read_msrvtt_cn,
    read_vatex,
)

TEST_CSV = (
    'key,vid_key,video_id,sentence\nret0,msr9770,video9770,a cat sleeps\nret1,msr7020,video7020,"a dog, running"\n'
)


def official(videos: dict[str, str], captions: int) -> str:
    """The layout of MSR-VTT's videodatainfo files; sentences stand in no order there."""
    rows = [
        {"category": 3, "url": "https://example.org", "video_id": video, "start time": 1.5, "end time": 9.0,
         "split": split, "id": int(video[5:])}
        for video, split in videos.items()
    ]  # fmt: skip
    sentences = [
        {"caption": f"{video} caption {number}", "video_id": video, "sen_id": captions * index + number}
        for index, video in enumerate(videos)
        for number in range(captions)
    ]
    return json.dumps({"info": {"year": "2016"}, "videos": rows, "sentences": sentences[::-1]})


def msrvtt(directory: Path) -> Path:
    (directory / "annotation").mkdir()
    (directory / "MSRVTT_JSFUSION_test.csv").write_text(TEST_CSV)
    (directory / "MSRVTT_train.9k.csv").write_text("video_id\nvideo0\nvideo1\nvideo7021\n")
    (directory / "annotation" / "train_val_videodatainfo.json").write_text(
        official({"video0": "train", "video1": "train", "video6513": "validate"}, 2)
    )
    (directory / "annotation" / "test_videodatainfo.json").write_text(
        official({"video7020": "test", "video9770": "test"}, 20)
    )
    for name in ("video7020", "video9770"):
        (directory / f"{name}.mp4").touch()
    return directory


def test_msrvtt_1k_a_has_one_caption_for_each_video(tmp_path):
    found = read_msrvtt(msrvtt(tmp_path))
    assert found.protocol == "MSR-VTT 1k-A, trained on 9k"
    assert found.video_ids == ("video9770", "video7020")
    assert [(query.text, dict(query.relevant)) for query in found.queries] == [
        ("a cat sleeps", {"video9770": 1.0}),
        ("a dog, running", {"video7020": 1.0}),
    ]
    assert found.judgements.one_to_one
    assert found.missing == ()


def test_msrvtt_full_asks_every_caption_of_the_test_videos_in_order(tmp_path):
    found = read_msrvtt(msrvtt(tmp_path), protocol="full")
    assert found.video_ids == ("video7020", "video9770")
    assert len(found.queries) == 40
    assert [query.text for query in found.queries[:2]] == ["video7020 caption 0", "video7020 caption 1"]
    assert list(found.judgements.items) == [0] * 20 + [1] * 20


def test_msrvtt_in_one_file_gives_the_same_test_set(tmp_path):
    apart = read_msrvtt(msrvtt(tmp_path), protocol="full")
    one = tmp_path / "one"
    one.mkdir()
    (one / "MSRVTT_data.json").write_text(official({"video0": "train", "video7020": "test", "video9770": "test"}, 20))
    together = read_msrvtt(one, protocol="full", videos=tmp_path)
    assert together.split_hash == apart.split_hash


def test_a_set_that_is_not_of_the_published_size_says_so(tmp_path):
    assert "2 videos and 2 captions, where 1,000 and 1,000 were published" in read_msrvtt(msrvtt(tmp_path)).notices[0]


def test_msrvtt_training_lists_hold_no_test_video(tmp_path):
    msrvtt(tmp_path)
    assert msrvtt_training_videos(tmp_path) == ("video0", "video1", "video7021")
    assert msrvtt_training_videos(tmp_path, protocol="7k") == ("video0", "video1", "video6513")
    assert msrvtt_training_videos(tmp_path, protocol="full") == ("video0", "video1")
    (tmp_path / "MSRVTT_train.9k.csv").write_text("video_id\nvideo0\nvideo7020\n")
    with pytest.raises(InputError, match="video7020 is listed for training but is a test video"):
        msrvtt_training_videos(tmp_path)


def vatex(directory: Path, rows: int = 3) -> Path:
    content = [
        {"videoID": f"Ab-_{row}_000010_000020", "enCap": [f"English {row} {n}" for n in range(10)],
         "chCap": [f"中文{row}第{n}句" for n in range(10)]}
        for row in range(rows)
    ]  # fmt: skip
    (directory / "vatex_validation_v1.0.json").write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    return directory / "vatex_validation_v1.0.json"


@pytest.mark.parametrize(("language", "first"), [("zh", "中文0第0句"), ("en", "English 0 0")])
def test_vatex_asks_ten_captions_of_one_language_for_each_video(tmp_path, language, first):
    found = read_vatex(vatex(tmp_path), language=language)
    assert found.protocol == f"VATEX {language}, vatex_validation_v1.0"
    assert len(found.queries) == 30
    assert found.queries[0].text == first
    assert list(found.judgements.items) == [0] * 10 + [1] * 10 + [2] * 10


def test_a_part_of_vatex_carries_its_size_in_the_protocol(tmp_path):
    file = vatex(tmp_path)
    part = read_vatex(file, subset=["Ab-_2_000010_000020", "Ab-_0_000010_000020"])
    assert part.video_ids == ("Ab-_0_000010_000020", "Ab-_2_000010_000020")
    assert part.protocol == "VATEX zh, vatex_validation_v1.0, 2 of 3 videos"
    with pytest.raises(InputError, match="does not have 1 videos of the split, the first of which is nowhere"):
        read_vatex(file, subset=["nowhere"])


def test_any_benchmark_can_be_json_lines(tmp_path):
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "a.mp4").touch()
    (tmp_path / "b.mkv").touch()
    (tmp_path / "set.jsonl").write_text(
        '{"video": "clips/a.mp4", "texts": ["一只猫", "猫在睡觉"]}\n'
        '{"video": "b", "text": "一只狗"}\n'
        '{"video": "b", "text": "一只猫"}\n'
        '\n{"video": "c"}\n{"video": "clips/d.mp4"}\n'
        '{"text": "动物", "relevant": {"clips/a.mp4": 2, "b": 1, "c": 0}}\n',
        encoding="utf-8",
    )
    found = read_json_lines_benchmark(tmp_path / "set.jsonl")

    assert [(video.id, video.path) for video in found.videos] == [
        ("clips/a.mp4", tmp_path / "clips" / "a.mp4"),
        ("b", tmp_path / "b.mkv"),
        ("c", None),
        ("clips/d.mp4", None),
    ]
    assert [(query.text, dict(query.relevant)) for query in found.queries] == [
        ("一只猫", {"clips/a.mp4": 1, "b": 1}),
        ("猫在睡觉", {"clips/a.mp4": 1}),
        ("一只狗", {"b": 1}),
        ("动物", {"clips/a.mp4": 2, "b": 1, "c": 0}),
    ]


def test_judged_queries_alone_name_the_gallery(tmp_path):
    (tmp_path / "set.jsonl").write_text('{"text": "x", "relevant": ["a", "b"]}\n{"text": "y", "relevant": {"c": 1}}\n')
    assert read_json_lines_benchmark(tmp_path / "set.jsonl").video_ids == ("a", "b", "c")


def test_a_judgement_of_one_video_is_that_video_and_not_its_letters(tmp_path):
    (tmp_path / "set.jsonl").write_text('{"text": "x", "relevant": "video7020"}\n')
    (query,) = read_json_lines_benchmark(tmp_path / "set.jsonl").queries
    assert query.relevant == {"video7020": 1.0}


def test_a_line_ends_at_a_newline_alone(tmp_path):
    lines = "video7020#zh#0 一个男人\u2028在说话\r\nvideo7021#zh#0 一只\x85猫\n"
    (tmp_path / "msrvtt10kcntest_zh.caption.txt").write_bytes(lines.encode())
    found = read_msrvtt_cn(tmp_path)
    assert [query.text for query in found.queries] == ["一个男人\u2028在说话", "一只\x85猫"]
    assert not [notice for notice in found.notices if "left out" in notice]


def test_missing_videos_are_counted_and_named_and_change_the_protocol(tmp_path):
    (tmp_path / "test.csv").touch()
    full = read_msrvtt(msrvtt(tmp_path))
    (tmp_path / "video7020.mp4").unlink()
    found = read_msrvtt(tmp_path)
    part = found.present()

    assert found.missing == ("video7020",)
    assert found.split_hash == full.split_hash
    assert part.protocol == "MSR-VTT 1k-A, trained on 9k [1 of 2 videos present]"
    assert part.split_hash != full.split_hash
    assert part.video_ids == ("video9770",)
    assert len(part.queries) == 1
    assert "1 of 2 videos present, 1 of 2 queries asked: these figures are not comparable" in part.notices[-1]
    assert "Missing: video7020." in part.notices[-1]
    assert full.present() is full


def test_without_any_video_there_is_nothing_to_measure(tmp_path):
    msrvtt(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="0 of 2 videos present"):
        read_msrvtt(tmp_path, videos=tmp_path / "empty").present()


def test_two_files_for_one_video_are_not_chosen_between(tmp_path):
    msrvtt(tmp_path)
    (tmp_path / "annotation" / "video7020.webm").touch()
    with pytest.raises(InputError, match="could both be video7020"):
        read_msrvtt(tmp_path)


@pytest.mark.parametrize(
    ("name", "text", "read", "message"),
    [
        ("MSRVTT_JSFUSION_test.csv", "a,b\n1,2\n", lambda d: read_msrvtt(d), "no column video_id"),
        ("MSRVTT_JSFUSION_test.csv", "video_id,sentence\nv,\n", lambda d: read_msrvtt(d), "row 2, is incomplete"),
        ("MSRVTT_JSFUSION_test.csv", "video_id,sentence\nv,x\nv,y\n", lambda d: read_msrvtt(d), "names v twice"),
        ("x.csv", "", lambda d: read_msrvtt(d), "holds no MSRVTT_JSFUSION_test.csv"),
        ("x.csv", "", lambda d: read_msrvtt(d / "nowhere"), "is not a folder"),
        ("test_videodatainfo.json", "{}", lambda d: read_msrvtt(d, protocol="full"), "'videos' is missing"),
        (
            "test_videodatainfo.json",
            official({"video1": "train"}, 1),
            lambda d: read_msrvtt(d, protocol="full"),
            "no video",
        ),
        (
            "test_videodatainfo.json",
            official({"video1": "test"}, 0),
            lambda d: read_msrvtt(d, protocol="full"),
            "no caption",
        ),
        ("v.json", "[{}]", lambda d: read_vatex(d / "v.json"), "'videoID' is missing"),
        ("v.json", '[{"videoID": "a", "chCap": []}]', lambda d: read_vatex(d / "v.json"), "no chCap for a"),
        ("v.json", "[", lambda d: read_vatex(d / "v.json"), "is not JSON"),
        ("v.json", "", lambda d: read_vatex(d / "w.json"), "cannot be read"),
        ("s.jsonl", '{"video": "a", "texts": "x"}', lambda d: read_json_lines_benchmark(d / "s.jsonl"), "line 1"),
        ("s.jsonl", '{"text": "a"}', lambda d: read_json_lines_benchmark(d / "s.jsonl"), "line 1"),
        ("s.jsonl", '{"video": 3}', lambda d: read_json_lines_benchmark(d / "s.jsonl"), "3 is not a text"),
        ("s.jsonl", '{"video": "a"}\n{', lambda d: read_json_lines_benchmark(d / "s.jsonl"), "line 2, is not JSON"),
        ("s.jsonl", '{"video": "a"}', lambda d: read_json_lines_benchmark(d / "s.jsonl"), "has no query"),
        (
            "s.jsonl",
            '{"video": "a"}\n{"text": "x", "relevant": ["b"]}',
            lambda d: read_json_lines_benchmark(d / "s.jsonl"),
            "names the video b, which is not in the list",
        ),
        (
            "s.jsonl",
            '{"text": "x", "relevant": {"b": 0}}',
            lambda d: read_json_lines_benchmark(d / "s.jsonl"),
            "has no relevant video",
        ),
    ],
)
def test_another_layout_is_refused_in_a_sentence_that_names_the_file(tmp_path, name, text, read, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=message):
        read(tmp_path)


def test_the_split_hash_knows_texts_judgements_order_and_gallery(tmp_path):
    hashes = set()
    for rows in (
        '{"video": "a", "text": "x"}\n{"video": "b", "text": "y"}',
        '{"video": "b", "text": "y"}\n{"video": "a", "text": "x"}',
        '{"video": "a", "text": "x"}\n{"video": "b", "text": "z"}',
        '{"video": "a", "text": "x"}\n{"video": "b", "text": "y"}\n{"video": "c"}',
        '{"video": "a"}\n{"video": "b", "text": "y"}\n{"text": "x", "relevant": {"a": 2}}',
    ):
        (tmp_path / "set.jsonl").write_text(rows)
        hashes.add(read_json_lines_benchmark(tmp_path / "set.jsonl").split_hash)
    assert len(hashes) == 5
