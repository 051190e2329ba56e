"""A manifest is read whatever program wrote it, and every row of it is either used or reported by its line."""

from __future__ import annotations

import json
import time
import unicodedata
from pathlib import Path

import pytest

from data_pipeline.captioned import read_captioned
from data_pipeline.manifest import Manifest, read_manifest
from retrieval.errors import InputError


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return path


def matched(manifest: Manifest, *files: Path) -> dict[str, str | None]:
    return {path.name: row.title for path, row in manifest.match(files).by_path.items()}


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_a_table_is_read_in_any_usual_delimiter_and_encoding(tmp_path: Path, delimiter: str, encoding: str) -> None:
    text = "file|title|tags|date\n狗.mp4|一只狗在草地上追球|动物，草地；球|2024-01-05\n".replace("|", delimiter)
    row = read_manifest(write(tmp_path / "m.csv", text.encode(encoding))).rows[0]
    assert (row.file, row.title, row.date, row.line) == ("狗.mp4", "一只狗在草地上追球", "2024-01-05", 2)
    assert row.tags == ("动物", "草地", "球")


@pytest.mark.parametrize("as_lines", [True, False])
def test_json_lines_and_a_json_array_mean_the_same(tmp_path: Path, as_lines: bool) -> None:
    rows = [
        {"file": "a.mp4", "title_zh": "猫", "tags": ["宠物", "宠物", "#室内"], "licence": "MIT", "views": 3},
        {"file": "b.mp4", "title": "犬", "title_zh": "狗", "tags": "动物、宠物"},
    ]
    dump = [json.dumps(row, ensure_ascii=False) for row in rows]
    text = "\n".join(dump) if as_lines else "[\n" + ",\n".join(dump) + "\n]"
    first, second = read_manifest(write(tmp_path / "m.json", text)).rows
    assert (first.title, first.tags, first.details) == ("猫", ("宠物", "室内"), {"licence": "MIT", "views": 3})
    assert (second.title, second.tags, second.details) == ("犬", ("动物", "宠物"), {"title_zh": "狗"})
    assert second.line == first.line + 1 == (2 if as_lines else 3)


@pytest.mark.parametrize("as_lines", [True, False])
def test_nan_in_json_is_an_empty_cell(tmp_path: Path, as_lines: bool) -> None:
    line = '{"file": "a.mp4", "title": NaN, "title_zh": "猫", "tags": NaN, "date": NaN, "views": [NaN, Infinity]}'
    row, = read_manifest(write(tmp_path / "m.json", line if as_lines else f"[{line}]")).rows
    assert (row.title, row.tags, row.date, row.details) == ("猫", (), None, {"views": [None, float("inf")]})


def test_a_caption_of_nan_is_none_to_train_on(tmp_path: Path) -> None:
    videos = [tmp_path / f"{name}.mp4" for name in "abcde"]
    lines = [f'{{"file": "{video.name}", "caption": {"NaN" if video.stem == "e" else json.dumps("猫")}}}' for video in videos]
    found = read_captioned(write(tmp_path / "m.jsonl", "\n".join(lines)), videos, validation_share=0.5)
    assert [text["text"] for source in found.sources for text in source.texts] == ["猫"] * 4
    assert [sentence.partition(" has ")[2] for sentence in found.unused] == ["no caption: fill its `caption` column."]


def test_broken_json_lines_are_reported_by_line_and_the_others_are_kept(tmp_path: Path) -> None:
    text = '{"file": "a.mp4"}\n{"file": \n["b.mp4"]\n\n{"file": "c.mp4"}\n' + "[" * 100_000 + "\n"
    manifest = read_manifest(write(tmp_path / "m.jsonl", text))
    assert [row.file for row in manifest.rows] == ["a.mp4", "c.mp4"]
    assert [row.line for row, _ in manifest.broken] == [2, 3, 6]
    assert [row.line for row, _ in manifest.match([tmp_path / "a.mp4"]).unmatched] == [2, 3, 5, 6]


def test_an_unclosed_quotation_mark_costs_one_line_of_the_table(tmp_path: Path) -> None:
    text = 'file,title\na.mp4,"猫\nb.mp4,"狗, 追球"\nc.mp4,"两行\n标题"\nd.mp4,鸟,多出来\ne.mp4,鱼\n'
    manifest = read_manifest(write(tmp_path / "m.csv", text))
    assert [(row.line, row.file, row.title) for row in manifest.rows] == [
        (3, "b.mp4", "狗, 追球"), (4, "c.mp4", "两行\n标题"), (7, "e.mp4", "鱼"),
    ]
    assert [(row.line, reason) for row, reason in manifest.broken] == [
        (2, f"{tmp_path / 'm.csv'} line 2 has a quotation mark that is not closed or not doubled; correct that line."),
        (6, f"{tmp_path / 'm.csv'} line 6 has 3 cells where the header has 2 (put quotation marks around a separator);"
            " correct that line."),
    ]


def test_one_damaged_line_does_not_turn_the_others_into_noise(tmp_path: Path) -> None:
    text = "file,title\na.mp4,草地上的狗\n".encode() + b"b.mp4,\xff\xfe\n" + "c.mp4,窗台上的猫\n".encode()
    manifest = read_manifest(write(tmp_path / "m.csv", text))
    assert [row.title for row in manifest.rows] == ["草地上的狗", "窗台上的猫"]
    assert [row.line for row, _ in manifest.broken] == [3]


def test_a_broken_surrogate_escape_never_reaches_the_library(tmp_path: Path) -> None:
    manifest = read_manifest(write(tmp_path / "m.jsonl", '{"file": "a", "title": "\\ud83d"}\n{"file": "b"}\n'))
    assert [row.file for row in manifest.rows] == ["b"]
    assert [row.line for row, _ in manifest.broken] == [1]


def test_a_name_that_no_file_can_have_is_a_row_without_a_file(tmp_path: Path) -> None:
    manifest = read_manifest(write(tmp_path / "m.jsonl", '{"file": "a\\u0000.mp4"}\n{"file": "b.mp4"}\n'))
    found = manifest.match([tmp_path / "b.mp4"])
    assert [row.file for row in found.by_path.values()] == ["b.mp4"]
    assert "is none of the 1 files given" in found.unmatched[0][1]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"  \n", "is empty"),
        (b"PK\x03\x04\0\0rest of a spreadsheet", "is not text"),
        ("名称,标题\na.mp4,猫\n".encode(), "has no column `file`"),
        (b'[{"file": "a.mp4"},\n{"file"]', "line 2"),
        (b'{"file": \n', "line 1"),
    ],
)
def test_a_file_that_cannot_be_used_at_all_is_refused_in_one_sentence(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = write(tmp_path / "m.csv", content)
    with pytest.raises(InputError, match=message) as caught:
        read_manifest(path)
    assert str(path) in str(caught.value)


def test_a_missing_manifest_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no file"):
        read_manifest(tmp_path / "none.csv")
    with pytest.raises(InputError, match="cannot be read"):
        read_manifest(tmp_path)


def test_columns_without_a_name_or_with_a_repeated_one_are_kept(tmp_path: Path) -> None:
    row = read_manifest(write(tmp_path / "m.csv", "File,note,,note\na.mp4,x,y,z\n")).rows[0]
    assert (row.file, row.details) == ("a.mp4", {"note": "x", "column 3": "y", "note (2)": "z"})


def test_a_file_is_found_relative_absolute_or_by_its_last_parts(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    files = [tmp_path / "one" / "a.mp4", tmp_path / "one" / "b.mp4", elsewhere / "deep" / "c.mp4", elsewhere / "d.mp4"]
    rows = [
        {"file": "one/a.mp4", "title": "relative"},
        {"file": str(files[1]), "title": "absolute"},
        {"file": "deep\\c.mp4", "title": "last parts, Windows"},
        {"file": "d.mp4", "title": "name"},
    ]
    manifest = read_manifest(write(tmp_path / "m.jsonl", "\n".join(map(json.dumps, rows))))
    assert matched(manifest, *files) == {
        "a.mp4": "relative", "b.mp4": "absolute", "c.mp4": "last parts, Windows", "d.mp4": "name",
    }
    assert manifest.match(files).unmatched == []


def test_a_file_beside_the_manifest_wins_over_one_of_the_same_name_elsewhere(tmp_path: Path) -> None:
    files = [tmp_path / "x" / "a.mp4", tmp_path / "a.mp4"]
    manifest = read_manifest(write(tmp_path / "m.csv", "file\na.mp4\n"))
    assert list(manifest.match(files).by_path) == [tmp_path / "a.mp4"]


@pytest.mark.parametrize("on_disk", ["NFC", "NFD"])
def test_names_are_compared_in_one_unicode_form(tmp_path: Path, on_disk: str) -> None:
    file = tmp_path / unicodedata.normalize(on_disk, "が café.mp4")
    written = unicodedata.normalize("NFD" if on_disk == "NFC" else "NFC", "が café.mp4")
    manifest = read_manifest(write(tmp_path / "m.csv", f"file,title\n{written},x\n"))
    assert list(manifest.match([file]).by_path) == [file]


def test_every_row_that_gets_no_file_is_reported_with_its_line_and_reason(tmp_path: Path) -> None:
    text = "file,title\na.mp4,第一\n,无名\na.mp4,第二\ntwin.mp4,双\nlost.mp4,丢\n/nowhere/a.mp4,绝对\n"
    manifest = read_manifest(write(tmp_path / "m.csv", text))
    match = manifest.match([tmp_path / "a.mp4", tmp_path / "x" / "twin.mp4", tmp_path / "y" / "twin.mp4"])
    assert {path.name: row.title for path, row in match.by_path.items()} == {"a.mp4": "第一"}
    reasons = {row.line: reason for row, reason in match.unmatched}
    assert list(reasons) == [3, 4, 5, 6, 7]
    assert "names no file" in reasons[3]
    assert "second row" in reasons[4]
    assert "line 2 is used" in reasons[4]
    assert "could be 2 files" in reasons[5]
    assert "none of the 3 files" in reasons[6]
    assert "none of the 3 files" in reasons[7]
    assert all(f"line {line}" in reason for line, reason in reasons.items())


def test_ten_thousand_rows_are_matched_in_a_moment(tmp_path: Path) -> None:
    names = [f"{number:05d}.mp4" for number in range(10_000)]
    text = "[" + ",\n".join(json.dumps({"file": name, "title": f"视频{name}"}) for name in names) + "]"
    manifest = read_manifest(write(tmp_path / "m.json", text))
    match = manifest.match([tmp_path / name for name in names])
    assert len(match.by_path) == 10_000
    assert manifest.rows[-1].line == 10_000


def test_thousands_of_files_of_one_name_are_told_apart_in_a_moment(tmp_path: Path) -> None:
    files = [tmp_path / "all" / f"{number:05d}" / "video.mp4" for number in range(4000)]
    text = "file\n" + "".join(f"{file.parent.name}/video.mp4\n" for file in files) + "video.mp4\n" * 4000
    manifest = read_manifest(write(tmp_path / "m.csv", text))
    begin = time.process_time()
    match = manifest.match(files)
    assert time.process_time() - begin < 3
    assert len(match.by_path) == 4000
    assert len(match.unmatched) == 4000
    assert "could be 4000 files" in match.unmatched[0][1]


def test_a_summary_names_the_dates_that_name_no_day(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    dates = ["2024-03-05", "", "3/4/2024", "2024年", "15.03.2024", "bald"]
    path.write_text("file,date\n" + "".join(f"{n}.mp4,{text}\n" for n, text in enumerate(dates)), encoding="utf-8")
    match = read_manifest(path).match([tmp_path / f"{n}.mp4" for n in range(len(dates))])
    first, second = match.summary()
    assert first.startswith(f"{path} line 4: the date '3/4/2024' names no day")
    assert second.startswith(f"{path} line 7: the date 'bald' names no day")
    assert match.summary(1) == [first, f"and 1 more of the dates of {path}."]


def test_a_summary_names_a_few_rows_and_counts_the_others(tmp_path: Path) -> None:
    path = write(tmp_path / "m.csv", "file\n" + "".join(f"lost{number}.mp4\n" for number in range(8)))
    match = read_manifest(path).match([tmp_path / "a.mp4"])
    reasons = [reason for _, reason in match.unmatched]
    assert match.summary() == [*reasons[:5], f"and 3 more rows of {path} match no file."]
    assert match.summary(7) == [*reasons[:7], f"and 1 more row of {path} matches no file."]
    assert match.summary(8) == reasons


@pytest.mark.parametrize("name", ["x", ""])
def test_a_header_of_countless_columns_is_refused_at_once(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / "m.csv", "file" + f",{name}" * 100_000 + "\na.mp4\n")
    begin = time.process_time()
    with pytest.raises(InputError, match="has 100001 columns"):
        read_manifest(path)
    assert time.process_time() - begin < 2
    row = json.dumps({f"column{number}": 1 for number in range(1001)})
    with pytest.raises(InputError, match="has 1001 columns"):
        read_manifest(write(tmp_path / "m.jsonl", row))


def test_a_header_cell_beyond_all_bounds_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no column `file`"):
        read_manifest(write(tmp_path / "m.csv", "x" * 2_000_000 + "\na.mp4\n"))


def test_columns_may_have_chinese_names(tmp_path: Path) -> None:
    table = tmp_path / "表.csv"
    table.write_text("文件名,标题,标签,日期,备注\na.mp4,桥,夜景;车,2024-01-01,好\n", encoding="utf-8")
    (row,) = read_manifest(table).rows
    assert (row.file, row.title, row.tags, row.date, row.details) == ("a.mp4", "桥", ("夜景", "车"), "2024-01-01", {"备注": "好"})
