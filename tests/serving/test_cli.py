"""The command line as a person meets it: real files, real processes."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from retrieval.library import Library
from tests.videos import write_subtitles, write_video


def wenshi(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "serving.cli.main", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, **options)  # type: ignore[call-overload]


def add(library: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    return wenshi("add", *arguments, "-l", library, "--model", "none", "--no-on-screen-text", "--json")


def found(library: Path, text: str, *arguments: object) -> dict:
    done = wenshi("search", text, "-l", library, "--json", *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def names(answer: dict) -> list[str]:
    return [Path(hit["path"]).name for hit in answer["hits"]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("videos")
    write_video(folder / "park.mp4", seconds=4, seed=1)
    write_subtitles(folder / "park.zh.srt", [(500, 1500, "我们去公园放风筝"), (2500, 3500, "風箏飛得好高")])
    write_video(folder / "小猫在沙发上打滚.mkv", seconds=1, seed=2)
    write_video(folder / "c.mp4", seconds=1, seed=3, title="城市夜景延时摄影")
    (folder / "broken.mp4").write_bytes(b"\0" * 5000)
    (folder / "manifest.csv").write_text(
        "file,title,tags,camera\nc.mp4,桥上的车流,夜景;汽车,A7\nnone.mp4,没有,,\n", encoding="utf-8"
    )
    return folder


@pytest.fixture(scope="module")
def added(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    library = tmp_path_factory.mktemp("library") / "here"
    return library, add(library, folder, "--manifest", folder / "manifest.csv")


def test_add_accounts_for_every_file_and_every_manifest_row(added):
    _, done = added
    report = json.loads(done.stdout)
    assert (report["files"], report["added"], report["failed"]) == (4, 3, 1)
    assert report["failures"][0]["kind"] in ("corrupt", "not_a_video")
    assert "broken.mp4" in report["failures"][0]["message"]
    assert any("none.mp4" in notice for notice in report["notices"])
    assert done.returncode == 1
    assert "Traceback" not in done.stderr


def test_search_json_has_the_promised_shape(added):
    answer = found(added[0], "放风筝", "-k", "3")
    hit = answer["hits"][0]
    assert set(answer) >= {"hits", "hidden"}
    assert set(hit) >= {"video", "path", "score", "confidence", "start_ms", "end_ms", "moments", "channels"}
    assert Path(hit["path"]).is_absolute()
    assert hit["confidence"] is None
    assert (hit["start_ms"], hit["end_ms"]) == (500, 1500)
    channel = hit["channels"][0]
    assert (channel["name"], channel["rank"], channel["text"]) == ("subtitle", 1, "我们去公园放风筝")


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("小猫", "小猫在沙发上打滚.mkv"),  # the file's name
        ("延时摄影", "c.mp4"),  # the container's title
        ("桥上的车流", "c.mp4"),  # the manifest's title
        ("汽车", "c.mp4"),  # a tag
        ("风筝飞得好高", "park.mp4"),  # a traditional subtitle, asked in simplified characters
        ("沙發", "小猫在沙发上打滚.mkv"),  # and the reverse
        ("貓", "小猫在沙发上打滚.mkv"),  # one character
    ],
)
def test_every_kind_of_text_finds_its_video_first(added, query, name):
    assert names(found(added[0], query))[0] == name


def test_two_words_of_two_channels_meet_in_one_video(added):
    hit = found(added[0], "夜景 车流")["hits"][0]
    assert Path(hit["path"]).name == "c.mp4"
    assert {channel["name"] for channel in hit["channels"]} == {"title", "tag"}


def test_no_hit_is_an_answer_and_particles_alone_are_hidden(added):
    assert found(added[0], "量子力学")["hits"] == []
    answer = found(added[0], "化学实验室里的显微镜")
    assert answer["hits"] == []
    assert answer["hidden"] >= 1


def test_adding_again_does_nothing_a_new_title_updates_a_new_path_is_noted(folder, added, tmp_path):
    library, _ = added
    again = json.loads(add(library, folder, "--manifest", folder / "manifest.csv").stdout)
    assert (again["added"], again["updated"], again["unchanged"], again["failed"]) == (0, 0, 3, 1)

    changed = tmp_path / "new.csv"
    changed.write_text(f"file,title\n{folder / 'c.mp4'},跨江大桥的清晨\n", encoding="utf-8")
    report = json.loads(add(library, folder / "c.mp4", "--manifest", changed).stdout)
    assert (report["updated"], report["failed"]) == (1, 0)
    assert names(found(library, "跨江大桥")) == ["c.mp4"]
    assert "车流" not in json.dumps(found(library, "车流"), ensure_ascii=False).replace('"query": "车流"', "")

    copy = tmp_path / "copy of c.mp4"
    copy.write_bytes((folder / "c.mp4").read_bytes())
    report = json.loads(add(library, copy).stdout)
    assert (report["added"], report["failed"]) == (1, 0)
    with Library.open(library) as opened:
        assert len({location.video_id for location in opened.locations()}) == 3
    assert wenshi("remove", copy, "-l", library).returncode == 0
    assert names(found(library, "跨江大桥")) == ["c.mp4"]


def test_remove_takes_a_video_out_of_the_answers(folder, tmp_path):
    library = tmp_path / "library"
    add(library, folder / "park.mp4", folder / "c.mp4")
    assert names(found(library, "风筝")) == ["park.mp4"]
    removed = wenshi("remove", folder / "park.mp4", "-l", library, "--json")
    assert len(json.loads(removed.stdout)["videos"]) == 1
    assert found(library, "风筝")["hits"] == []
    assert (folder / "park.mp4").exists()
    missing = wenshi("remove", folder / "park.mp4", "-l", library)
    assert missing.returncode == 1
    assert missing.stderr.count("\n") == 1


def test_a_run_without_the_manifest_keeps_what_it_said(folder, tmp_path):
    library = tmp_path / "library"
    add(library, folder / "c.mp4", "--manifest", folder / "manifest.csv")
    again = json.loads(add(library, folder / "c.mp4").stdout)
    assert again["unchanged"] == 1
    assert names(found(library, "桥上的车流")) == ["c.mp4"]
    with Library.open(library) as opened:
        assert opened.locations()[0].details == {"camera": "A7"}


def test_nothing_is_removed_when_one_of_several_names_is_unknown_or_empty(folder, tmp_path):
    library = tmp_path / "library"
    add(library, folder / "c.mp4")
    for unknown in ("", "nothing-like-it.mp4"):
        done = wenshi("remove", folder / "c.mp4", unknown, "-l", library)
        assert (done.returncode, done.stdout) == (1, "")
    assert names(found(library, "延时摄影")) == ["c.mp4"]
    assert wenshi("add", "", "-l", library).returncode == 1


def test_sync_follows_a_folder_that_is_not_there_any_more_and_whose_files_are_known(tmp_path):
    (tmp_path / "videos").mkdir()
    write_video(tmp_path / "videos" / "a.mp4", seconds=0.5, seed=4)
    add(tmp_path / "library", tmp_path / "videos")
    (tmp_path / "videos").rename(tmp_path / "films")
    done = wenshi("library", "sync", tmp_path / "videos", "-l", tmp_path / "library")
    assert (done.returncode, "is a disk missing?" in done.stderr) == (0, True)


def test_a_control_character_in_a_name_is_written_out(tmp_path):
    video = write_video(tmp_path / "a\x1b[31m red.mp4", seconds=0.5, seed=4)
    add(tmp_path / "library", video)
    printed = wenshi("search", "red", "-l", tmp_path / "library").stdout
    assert "\\x1b[31m red.mp4" in printed
    assert "\x1b" not in printed


def test_several_words_need_no_quotes(added):
    done = wenshi("search", "夜景", "车流", "-l", added[0], "--json")
    assert names(json.loads(done.stdout)) == ["c.mp4"]


def test_status_and_check(added):
    status = json.loads(wenshi("library", "status", "-l", added[0], "--json").stdout)
    assert status["videos"] == 3
    assert any("broken.mp4" in failure["path"] for failure in status["failures"])
    check = wenshi("library", "check", "-l", added[0])
    assert (check.returncode, "clean" in check.stdout) == (0, True)


@pytest.mark.parametrize(
    "arguments",
    [
        ("search", "狗", "-l", "no-such-library"),
        ("search", "狗", "-l", "~nobody-is-called-so/library"),
        ("search", "   ", "-l", "{library}"),
        ("add", "no-such-file.mp4", "-l", "{new}"),
        ("add", "{folder}", "-l", "{new}", "--manifest", "no-such.csv"),
        ("add", "{folder}", "-l", "{new}", "--model", "no-such-folder/model"),
        ("remove", "no-such.mp4", "-l", "{library}"),
        ("library", "status", "-l", "{folder}"),
        ("library", "sync", "{folder}", "{folder}/no-such", "-l", "{library}"),
    ],
)
def test_wrong_input_is_one_sentence_and_a_failing_status(added, folder, tmp_path, arguments):
    filled = [a.format(library=added[0], folder=folder, new=tmp_path / "new") for a in arguments]
    done = wenshi(*filled)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("wenshi: ")
    assert done.stderr.strip().count("\n") == 0
    assert "unexpected" not in done.stderr


def test_the_default_model_that_cannot_be_had_costs_only_the_visual_channel(folder, tmp_path):
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "empty-cache")}
    environment.pop("WENSHI_MODEL", None)
    done = wenshi("add", folder / "c.mp4", "-l", tmp_path / "library", "--no-on-screen-text", env=environment)
    assert done.returncode == 0
    assert done.stderr.count("visual channel is off") == 1
    assert names(found(tmp_path / "library", "延时摄影")) == ["c.mp4"]


def test_ctrl_c_leaves_a_clean_library_and_the_next_add_goes_on(tmp_path):
    videos = [write_video(tmp_path / f"v{i}.mp4", seconds=2, seed=10 + i) for i in range(100)]
    library = tmp_path / "library"
    # Tests that run in the background of a shell ignore SIGINT, and a child would inherit that.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        status, errors = _interrupted_add(library, videos)
    finally:
        signal.signal(signal.SIGINT, before)
    assert status == 130
    assert "Traceback" not in errors
    assert errors.count("Interrupted") == 1
    kept = _videos(library)
    assert 1 <= kept < len(videos)
    with Library.open(library) as opened:
        assert opened.check() == []
    report = json.loads(add(library, *videos).stdout)
    assert report["added"] + report["unchanged"] + report["updated"] == len(videos)
    assert _videos(library) == len(videos)


def _interrupted_add(library: Path, videos: list[Path]) -> tuple[int, str]:
    """Exit status and errors of an add that got Ctrl-C after its first video."""
    command = [sys.executable, "-m", "serving.cli.main", "add", *map(str, videos)]
    process = subprocess.Popen(
        [*command, "-l", str(library), "--model", "none", "-j", "1"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not _videos(library):
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: the whole group gets it
    _, errors = process.communicate(timeout=30)
    return process.returncode, errors


def _videos(library: Path) -> int:
    """Looked up without the library's own code, which would take too long to catch the first of them."""
    if not (library / "library.sqlite").exists():
        return 0
    with contextlib.closing(sqlite3.connect(f"{(library / 'library.sqlite').as_uri()}?mode=ro", uri=True)) as db:
        try:
            return int(db.execute("SELECT count(*) FROM videos").fetchone()[0])
        except sqlite3.OperationalError:
            return 0  # it is being made


def test_help_answers_at_once_without_heavy_libraries():
    code = (
        "import sys, serving.cli.main; "
        "print([m for m in ('torch', 'transformers', 'faiss', 'av', 'numpy', 'jieba') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert "add" in wenshi("--help").stdout
