"""What is read when a person names folders, tables, lists and shards; and that nothing named is passed over in silence."""

from __future__ import annotations

import io
import json
import os
import tarfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from data_pipeline.sources import read_sources
from data_pipeline.sources.cnvid import write_cnvid
from data_pipeline.sources.uploaders import corpus_salt, uploader_hash
from retrieval.errors import InputError
from serving.cli.main import app


def files(folder: Path, *names: str) -> list[str]:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return [str(folder / name) for name in names]


def tar_of(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def reasons(found) -> dict[str, str]:
    return {one.where: one.reason for one in found.rejected}


def test_a_folder_gives_a_bare_row_for_each_video(tmp_path):
    paths = files(tmp_path, "a.mp4", "b/c.webm", "notes.txt")
    found = read_sources([tmp_path], i_have_rights=True)
    assert [row.uri for row in found.rows] == paths[:2]
    assert {row.origin for row in found.rows} == {"folder"}
    assert (found.rejected, found.other_files) == ((), 1)
    assert len({row.source_id for row in found.rows}) == 2
    assert all(len(row.source_id) == 32 for row in found.rows)


def test_without_a_licence_nothing_is_read_unless_somebody_answers_for_it(tmp_path):
    path, = files(tmp_path, "a.mp4")
    refused = read_sources([tmp_path])
    assert refused.rows == ()
    assert "--i-have-rights" in reasons(refused)[path]
    row, = read_sources([tmp_path], default_license="cc by 4.0").rows
    assert row.license_code == "CC-BY-4.0"
    row, = read_sources([tmp_path], i_have_rights=True).rows
    assert row.license_code is None
    with pytest.raises(InputError, match="not known"):
        read_sources([tmp_path], default_license="whatever")


def test_a_table_has_its_days_read_as_a_manifest_of_a_library_has(tmp_path):
    dates = ["2025 年 3 月 1 日", "01.03.2025", "13/3/2025", "2025-03-01 10:00", "3/4/2025", "2025"]
    files(tmp_path, *(f"{number}.mp4" for number in range(len(dates))))
    table = tmp_path / "t.csv"
    table.write_text("file,date\n" + "".join(f"{number}.mp4,{text}\n" for number, text in enumerate(dates)), encoding="utf-8")
    found = read_sources([table], i_have_rights=True)
    assert [row.publish_date for row in found.rows] == ["2025-03-01", "2025-03-01", "2025-03-13", "2025-03-01", None, None]
    assert [one.where for one in found.notices] == [f"{table} line 6", f"{table} line 7"]


def test_a_table_tells_everything_of_its_files_in_chinese_columns_too(tmp_path):
    path, other = files(tmp_path, "视频/猫.mp4", "b.mp4")
    table = tmp_path / "清单.csv"
    table.write_text(
        "视频,标题,话题,分类,UP主,许可,发布日期,划分,描述\n"
        '视频/猫.mp4,一只猫,"#宠物、搞笑",动物,小王,署名 4.0,2025年3月1日,训练集,猫在睡觉\n'
        "b.mp4,狗,,,,可疑,soon,everything,\n",
        encoding="gb18030",
    )
    found = read_sources([table], i_have_rights=True)
    cat, dog = found.rows
    assert (cat.uri, cat.title, cat.topics, cat.category, cat.uploader) == (path, "一只猫", ("宠物", "搞笑"), "动物", "小王")
    assert (cat.license_code, cat.publish_date, cat.split, cat.origin) == ("CC-BY-4.0", "2025-03-01", "train", "manifest")
    assert (cat.captions, cat.caption_starts_ms, cat.caption_ends_ms) == (("猫在睡觉",), (-1,), (-1,))
    assert (dog.uri, dog.license_code, dog.publish_date, dog.split) == (other, "可疑", None, None)
    assert [one.where for one in found.notices] == [f"{table} line 3"] * 2
    refused = read_sources([table])
    assert [row.title for row in refused.rows] == ["一只猫"]
    assert "可疑" in reasons(refused)[f"{table} line 3"]


@pytest.mark.parametrize("form", ["jsonl", "json", "parquet", "csv"])
def test_every_form_of_table_gives_the_same_rows(tmp_path, form):
    files(tmp_path, "a.mp4", "b.mp4")
    rows = [
        {"uri": "a.mp4", "title": "一", "license": "CC0"},
        {"uri": (tmp_path / "b.mp4").as_uri(), "title": "二", "license": "CC0"},
    ]
    table = tmp_path / f"list.{form}"
    if form == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), table)
    elif form == "json":
        table.write_text(json.dumps(rows))
    elif form == "jsonl":
        table.write_text("\n".join(map(json.dumps, rows)))
    else:
        table.write_text("uri,title,license\n" + "\n".join(",".join(row.values()) for row in rows))
    found = read_sources([table])
    assert [(Path(row.uri).name, row.title, row.license_code) for row in found.rows] == [
        ("a.mp4", "一", "CC0-1.0"), ("b.mp4", "二", "CC0-1.0")
    ]
    assert (found.rejected, found.notices) == ((), ())


def test_every_line_that_is_not_used_is_named_with_its_reason(tmp_path):
    files(tmp_path, "a.mp4")
    table = tmp_path / "list.csv"
    table.write_text(
        "file,title\na.mp4,one\na.mp4,two\nlost.mp4,three\nhttps://example.org/x.mp4,four\n,five\na.mp4,x,y\n"
    )
    found = read_sources([table], i_have_rights=True)
    assert [row.title for row in found.rows] == ["one"]
    told = reasons(found)
    assert "second row" in told[f"{table} line 3"]
    assert "line 2" in told[f"{table} line 3"]
    assert "'lost.mp4' is none of" in told[f"{table} line 4"]
    assert "fetch it first" in told[f"{table} line 5"]
    assert "names no file" in told[f"{table} line 6"]
    assert "3 cells" in told[f"{table} line 7"]
    assert len(found.rejected) == 5


def test_a_table_beside_a_folder_describes_its_files_and_the_others_stay_bare(tmp_path):
    described, bare = files(tmp_path / "videos", "deep/a.mp4", "b.mp4")
    table = tmp_path / "list.jsonl"
    table.write_text('{"file": "a.mp4", "title": "一"}\n')
    found = read_sources([table, tmp_path / "videos"], i_have_rights=True)
    assert {row.uri: row.title for row in found.rows} == {described: "一", bare: None}


@pytest.mark.parametrize("form", ["jsonl", "json", "parquet", "tar"])
def test_nan_is_an_empty_cell(tmp_path, form):
    files(tmp_path, "a.mp4")
    nan = float("nan")
    row = {"file": "a.mp4", "title": nan, "视频标题": "猫", "uploader": nan, "topics": nan, "category": nan, "split": nan,
           "date": nan, "license": nan, "captions": [{"text": "一", "start": nan, "end": nan}]}  # fmt: skip
    table = tmp_path / f"list.{form}"
    if form == "parquet":
        pq.write_table(pa.Table.from_pylist([row]), table)
    elif form == "tar":
        tar_of(table, {"a.mp4": b"video", "a.json": json.dumps(row).encode()})
    else:
        table.write_text(json.dumps([row] if form == "json" else row))
    found = read_sources([table], i_have_rights=True)
    cat, = found.rows
    assert (cat.title, cat.uploader, cat.topics, cat.category, cat.split, cat.publish_date, cat.license_code) == (
        "猫", None, (), None, None, None, None
    )
    assert (cat.captions, cat.caption_starts_ms) == (("一",), (-1,))
    assert (found.rejected, found.notices) == ((), ())


def test_a_cell_of_blanks_hides_no_other_column(tmp_path):
    files(tmp_path, "a.mp4")
    (tmp_path / "list.csv").write_text("file,title,视频标题,text\na.mp4,  ,猫,\u3000\n")
    found = read_sources([tmp_path / "list.csv"], i_have_rights=True)
    assert [row.title for row in found.rows] == ["猫"]
    assert found.notices == ()


@pytest.mark.parametrize(("on_disk", "written"), [
    ("videos/a.mp4", "videos\\a.mp4"), ("videos/café.mp4", "videos/cafe\u0301.mp4"), ("videos/cafe\u0301.mp4", "videos/café.mp4"),
    ("videos/cafe\u0301.mp4", "videos\\café.mp4"), ("a\\b.mp4", "a\\b.mp4"),
])  # fmt: skip
def test_a_table_alone_finds_a_file_whose_name_was_written_on_another_system(tmp_path, on_disk, written):
    path, = files(tmp_path, on_disk)
    table = tmp_path / "list.jsonl"
    table.write_text(json.dumps({"file": written}))
    found = read_sources([table], i_have_rights=True)
    assert [row.uri for row in found.rows] == [path]
    assert found.rejected == ()


def test_two_files_that_differ_by_normal_form_alone_are_told_apart_by_the_exact_name(tmp_path):
    composed, decomposed = files(tmp_path, "café.mp4", "cafe\u0301.mp4")
    table = tmp_path / "list.jsonl"
    table.write_text("\n".join(json.dumps({"file": name}) for name in ("café.mp4", "cafe\u0301.mp4")))
    assert [row.uri for row in read_sources([table], i_have_rights=True).rows] == [composed, decomposed]


@pytest.mark.parametrize("name", ["猫" * 300, "视频/" * 2000 + "a.mp4", "猫\0.mp4", "猫\0/猫.mp4"])
def test_a_name_that_no_file_can_have_is_told(tmp_path, name):
    table = tmp_path / "list.jsonl"
    table.write_text(json.dumps({"file": name}))
    assert "is none of the 0 files" in "".join(reasons(read_sources([table], i_have_rights=True)).values())


def test_captions_with_times_are_read_in_seconds_and_a_bad_one_is_named(tmp_path):
    files(tmp_path, "a.mp4")
    table = tmp_path / "list.jsonl"
    captions = [{"text": "一", "start": 0.5, "end": 2}, {"text": "二", "start": 3, "end": 1}, "三"]
    table.write_text(json.dumps({"file": "a.mp4", "captions": captions}))
    found = read_sources([table], i_have_rights=True)
    row, = found.rows
    assert (row.captions, row.caption_starts_ms, row.caption_ends_ms) == (("一", "三"), (500, -1), (2000, -1))
    assert ["caption 2" in one.reason for one in found.notices] == [True]


@pytest.mark.parametrize("time", ["1e308", "1.7e18", "1e9", "1" + "0" * 400, "Infinity", "NaN", "-1", "true", '"2"'])
def test_a_caption_with_a_time_that_no_video_has_is_left_out_and_named(tmp_path, time):
    files(tmp_path, "a.mp4")
    table = tmp_path / "list.jsonl"
    captions = f'["一", {{"text": "二", "start": 0, "end": {time}}}, {{"text": "三", "start": {time}, "end": 7}}]'
    table.write_text(f'{{"file": "a.mp4", "captions": {captions}}}')
    found = read_sources([table], i_have_rights=True)
    assert [row.captions for row in found.rows] == [("一",)]
    assert [one.reason.partition(":")[0] for one in found.notices] == [f"its caption {n} is left out" for n in (2, 3)]


def test_the_cnvid_layout_is_read_as_it_was_written(tmp_path):
    files(tmp_path, "videos/v1.mp4", "videos/v2.webm", "videos/stray.mp4", "videos/v4.mp4")
    write_cnvid(tmp_path, [
        ("v1", "https://example.org/1", [("今天,天气", 120, 2500), ("好", 2500, 4000)]), ("v2", "b,\"2", []), ("v3", "", []),
    ])  # fmt: skip
    with (tmp_path / "videos.csv").open("a") as more:
        more.write("v4,somewhere\nv4,again\n")
    found = read_sources([tmp_path], default_license="非商用")
    rows = {Path(row.uri).stem: row for row in found.rows}
    assert list(rows) == ["v1", "v2", "v4"]
    assert rows["v1"].captions == ("今天,天气", "好")
    assert (rows["v1"].caption_starts_ms, rows["v1"].caption_ends_ms) == ((120, 2500), (2500, 4000))
    assert {(row.caption_kind, row.origin, row.license_code) for row in found.rows} == {("asr", "cnvid", "NonCommercial")}
    told = reasons(found)
    assert "no video file" in told[f"{tmp_path / 'caption.json'} 'v3'"]
    assert "neither" in told[str(tmp_path / "videos/stray.mp4")]
    assert "again" in told[f"{tmp_path / 'videos.csv'} row 6"]
    assert len(found.rejected) == 3
    published = json.loads((tmp_path / "caption.json").read_text())
    assert published["v1"] == {"text": ["今天,天气", "好"], "start": [0.12, 2.5], "end": [2.5, 4.0]}


@pytest.mark.parametrize("entry", [
    {"text": ["a"], "start": [0], "end": []}, {"text": "a", "start": 0, "end": 1}, [],
    {"text": ["a"], "start": [True], "end": [2]},
    {"text": ["a"], "start": [float("nan")], "end": [2]}, {"text": ["a"], "start": ["0"], "end": ["2"]},
])
def test_cnvid_texts_that_are_not_three_equal_lists_are_left_out_and_named(tmp_path, entry):
    files(tmp_path, "v.mp4")
    (tmp_path / "caption.json").write_text(json.dumps({"v": entry}))
    found = read_sources([tmp_path], i_have_rights=True)
    row, = found.rows
    assert row.captions == ()
    assert len(found.notices) == 1


def test_videos_of_tar_shards_are_taken_out_once_and_described_by_what_lies_beside_them(tmp_path):
    tar = tar_of(tmp_path / "0000.tar", {
        "a/1.json": '{"标题": "猫", "license": "CC0"}'.encode(), "a/1.mp4": b"cat", "2.mp4": b"dog", "2.txt": "狗".encode(),
        "3.txt": b"nothing", "../../4.webm": b"out", "1.jpg": b"", "2.mp4 ": b"",
    })  # fmt: skip
    found = read_sources([tmp_path], i_have_rights=True, extract_to=tmp_path / "work")
    assert [(Path(row.uri).read_bytes(), row.title, row.license_code) for row in found.rows] == [
        (b"cat", "猫", "CC0-1.0"), (b"dog", "狗", None), (b"out", None, None)
    ]
    assert {Path(row.uri).parent for row in found.rows} == {tmp_path / "work"}
    assert f"{tar} '3'" in reasons(found)
    before = {row.uri: Path(row.uri).stat().st_mtime_ns for row in found.rows}
    again = read_sources([tar], i_have_rights=True, extract_to=tmp_path / "work")
    assert again.rows == found.rows
    assert {row.uri: Path(row.uri).stat().st_mtime_ns for row in again.rows} == before
    looked = read_sources([tar], i_have_rights=True)
    assert [row.uri for row in looked.rows][:2] == [f"{tar}/a/1.mp4", f"{tar}/2.mp4"]


def test_a_cut_tar_gives_what_stands_before_the_cut(tmp_path):
    tar = tar_of(tmp_path / "x.tar", {"1.mp4": b"a" * 5000, "2.mp4": b"b" * 50_000})
    tar.write_bytes(tar.read_bytes()[:9000])
    found = read_sources([tar], i_have_rights=True, extract_to=tmp_path / "work")
    assert [Path(row.uri).stat().st_size for row in found.rows] == [5000]
    assert "to its end" in reasons(found)[str(tar)]


def test_a_path_that_is_not_there_is_refused_in_one_sentence(tmp_path):
    with pytest.raises(InputError, match="There is nothing at"):
        read_sources([tmp_path / "no"])


def test_a_name_that_no_table_can_hold_is_rejected(tmp_path):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.mp4"))
    path.write_bytes(b"x")
    found = read_sources([tmp_path], i_have_rights=True)
    assert found.rows == ()
    assert "not UTF-8" in found.rejected[0].reason


def test_the_salt_is_made_once_and_tells_corpora_apart(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "a/corpus.json").write_text('{"settings": {"x": 1}}')
    salt = corpus_salt(tmp_path / "a")
    assert corpus_salt(tmp_path / "a") == salt
    assert json.loads((tmp_path / "a/corpus.json").read_text()) == {"settings": {"x": 1}, "salt": salt}
    assert uploader_hash("小王", salt=salt) == uploader_hash(" 小王 ", salt=salt)
    assert uploader_hash("小王", salt=salt) != uploader_hash("小王", salt=corpus_salt(tmp_path / "b"))


def test_the_command_shows_what_would_be_read_and_what_not(tmp_path):
    files(tmp_path, "a.mp4")
    (tmp_path / "list.csv").write_text("file,title,license\na.mp4,猫,CC0\nno.mp4,x,CC0\n")
    shown = CliRunner().invoke(app, ["corpus", "sources", str(tmp_path / "list.csv")], catch_exceptions=False)
    assert shown.exit_code == 0
    assert shown.stdout.startswith("1 videos would be read, 1 things named would not")
    assert "line 3: 'no.mp4' is none of" in shown.stderr
    answer = CliRunner().invoke(app, ["corpus", "sources", str(tmp_path), "--json"], catch_exceptions=False)
    assert answer.exit_code == 1
    assert "--i-have-rights" in json.loads(answer.stdout)["rejected"][0]["reason"]
