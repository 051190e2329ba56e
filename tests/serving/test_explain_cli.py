"""`wenshi explain` as a person meets it: a video and a text in, a table and a picture out. Real files, a tiny model."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from retrieval.encoders import load_encoder
from retrieval.errors import WenshiError
from retrieval.library import Library
from retrieval.video import VideoReader, at_times
from serving.cli.main import app
from serving.ingest.run import AddOptions, add_videos
from tests.videos import write_video

TEXT = "一只小狗在草地上"
WORDS = {"一只": (0, 2), "小狗": (2, 4), "在": (4, 5), "草地": (5, 7), "上": (7, 8)}


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("videos")
    # The first has more clips than are encoded at once.
    return [
        write_video(folder / "公园.mp4", seconds=40, shots=10, seed=1),
        write_video(folder / "b.mp4", seconds=2, seed=2),
    ]


@pytest.fixture(scope="module")
def library(videos: list[Path], tiny_chinese_clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("library") / "here"
    report = add_videos(directory, videos, AddOptions(model=str(tiny_chinese_clip), on_screen_text=False))
    assert report.counts["added"] == 2
    return directory


@pytest.fixture(autouse=True)
def current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def wenshi(*arguments: object) -> str:
    done = CliRunner().invoke(app, ["explain", *map(str, arguments)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def explained(*arguments: object) -> dict[str, Any]:
    return json.loads(wenshi(*arguments, "--json"))


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def by_hand(video: Path, query: str, library: Path, model: Path) -> list[dict[str, Any]]:
    """Every clip that `add` made of a video, scored in plain loops from the vectors of words and frames."""
    encoder = load_encoder(str(model), device="cpu")
    text = encoder.encode_texts([query])
    with Library.open(library) as opened:
        (location,) = [row for row in opened.locations() if row.path == str(video)]
        clips = opened.clips(location.video_id)
    scored = []
    for clip in clips:
        with VideoReader(video) as reader:
            pictures = np.stack([frame.rgb(height=64, width=64) for frame in at_times(reader, clip.frame_times_ms)])
        encoded = encoder.encode_clips(pictures[None], frame_mask=np.ones((1, len(pictures)), dtype=bool))
        cosines = [[float(word @ frame) for frame in encoded.frames[0]] for word in text.words[0]]
        best_words = [max(row[frame] for row in cosines) for frame in range(len(pictures))]
        token_wise = (np.mean([max(row) for row in cosines]) + np.mean(best_words)) / 2
        pooled = float(text.pooled[0] @ encoded.pooled[0])
        scored.append({
            "clip": clip, "pooled": pooled, "token_wise": token_wise, "combined": (pooled + token_wise) / 2,
            "cosines": np.array(cosines),
        })  # fmt: skip
    return scored


# Neither part of the score alone would choose the first video's best clip for 雪山.
@pytest.mark.parametrize(("which", "query", "words"), [(0, TEXT, WORDS), (0, "雪山", {"雪山": (0, 2)}), (1, TEXT, WORDS)])
def test_the_numbers_are_those_of_the_best_clip_that_add_would_make(
    videos, library, tiny_chinese_clip, which, query, words
):
    scored = by_hand(videos[which], query, library, tiny_chinese_clip)
    assert (len(scored) > 8, len(scored) == 1)[which]
    best = max(scored, key=lambda clip: clip["combined"])
    answer = explained(videos[which], query, "--model", tiny_chinese_clip)

    clip = best["clip"]
    assert (answer["start_ms"], answer["end_ms"]) == (clip.start_ms, clip.end_ms)
    assert tuple(answer["frame_times_ms"]) == clip.frame_times_ms
    for score in ("pooled", "token_wise", "combined"):
        assert answer[score] == pytest.approx(best[score], abs=1e-5)
    assert answer["clips"] == len(scored)
    for part in ("pooled", "token_wise"):
        assert answer[f"{part}_rank"] == 1 + sum(other[part] > best[part] + 1e-6 for other in scored)
        assert (answer[f"{part}_rank"] > 1) or query != "雪山"
    assert [row["word"] for row in answer["words"]] == list(words)
    for row, (start, stop) in zip(answer["words"], words.values(), strict=True):
        np.testing.assert_allclose(row["scores"], best["cosines"][start:stop].mean(axis=0), atol=1e-5)


def test_a_video_is_found_by_its_id_and_the_library_knows_its_model(videos, library, tiny_chinese_clip):
    by_path = explained(videos[0], TEXT, "--model", tiny_chinese_clip)
    by_id = explained(by_path["video"][:8], TEXT, "--library", library)
    assert by_id.pop("picture") != by_path.pop("picture")
    assert by_id == by_path
    assert by_id["path"] == str(videos[0])


def test_traditional_characters_are_read_as_a_search_reads_them(videos, tiny_chinese_clip):
    simplified = explained(videos[1], "这只狗", "--model", tiny_chinese_clip)
    assert explained(videos[1], "這隻狗", "--model", tiny_chinese_clip)["words"] == simplified["words"]


def test_a_person_reads_a_table_and_finds_a_picture(videos, tiny_chinese_clip, current_folder):
    answer = explained(videos[0], TEXT, "--model", tiny_chinese_clip)
    lines = wenshi(videos[0], TEXT, "--model", tiny_chinese_clip).splitlines()
    assert f"the best of its {answer['clips']} clips" in lines[0]
    assert f"combined {answer['combined']:.3f}" in lines[1]
    rows = dict(zip(WORDS, lines[3:], strict=False))
    for row in answer["words"]:
        best = int(np.argmax(row["scores"]))
        ms = answer["frame_times_ms"][best]
        expected = [row["word"], f"0:{ms // 1000:02d}.{ms // 100 % 10}", f"{row['scores'][best]:.3f}"]
        assert rows[row["word"]].split() == expected
    assert lines[-1] == f"picture: {current_folder / '公园-explain-2.png'}"
    with Image.open(current_folder / "公园-explain-2.png") as picture:
        assert picture.format == "PNG"
        assert picture.width > 800


def test_nothing_is_overwritten_unless_it_was_named(videos, tiny_chinese_clip, current_folder):
    (current_folder / "b-explain.png").write_bytes(b"mine")
    (current_folder / "b-explain-2.png").symlink_to("nowhere")
    written = explained(videos[1], "狗", "--model", tiny_chinese_clip)["picture"]
    assert written == str(current_folder / "b-explain-3.png")
    assert (current_folder / "b-explain.png").read_bytes() == b"mine"
    assert (current_folder / "b-explain-2.png").is_symlink()

    named = explained(videos[1], "狗", "--model", tiny_chinese_clip, "-o", "b-explain.png")["picture"]
    assert named == str(current_folder / "b-explain.png")
    assert (current_folder / "b-explain.png").read_bytes() == Path(written).read_bytes()
    assert names_in(current_folder) == ["b-explain-2.png", "b-explain-3.png", "b-explain.png"]


def test_the_longest_name_of_a_video_still_gives_a_picture(videos, tiny_chinese_clip, current_folder):
    long = current_folder / ("长" * 83 + ".mp4")
    shutil.copy(videos[1], long)
    written = Path(explained(long, "狗", "--model", tiny_chinese_clip)["picture"])
    assert written.is_file()
    assert written.name.endswith("长-explain.png")


def test_a_video_whose_file_moved_or_changed_is_refused(videos, tiny_chinese_clip, current_folder):
    film = Path(shutil.copy(videos[1], "film.mp4")).absolute()
    add_videos(current_folder / "own", [film], AddOptions(model=str(tiny_chinese_clip), on_screen_text=False))
    with Library.open(current_folder / "own") as opened:
        (video_id,) = opened.video_ids()
    os.utime(film, (1, 1))
    assert explained(video_id, "狗", "-l", "own")["video"] == video_id
    write_video(film, seconds=1, seed=9)
    with pytest.raises(WenshiError, match="has changed since it was added"):
        wenshi(video_id, "狗", "-l", "own")
    film.unlink()
    with pytest.raises(WenshiError, match="no longer there"):
        wenshi(video_id, "狗", "-l", "own")


def test_the_beginning_of_two_ids_is_refused(library, monkeypatch):
    monkeypatch.setattr(Library, "video_ids", lambda self: ["abcd" + "0" * 60, "abcd" + "1" * 60])
    with pytest.raises(WenshiError, match=r"2 videos .* begins with ABCD: give more of it"):
        wenshi("ABCD", "狗", "-l", library)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["VIDEO", "狗"], "needs a model: name one with --model"),
        (["VIDEO", "狗", "--model", "none"], "needs a model"),
        (["VIDEO", "狗", "--model", "./nothing"], "nothing"),
        (["missing.mp4", "狗", "--model", "MODEL"], "There is no file missing.mp4"),
        (["abcdef12", "狗", "-l", "LIBRARY"], "no video of the library is named so"),
        (["VIDEO", "狗", "-l", "nowhere"], "nowhere"),
        (["notes.mp4", "狗", "--model", "MODEL"], "notes.mp4"),
        ([".", "狗", "--model", "MODEL"], "not a file"),
        (["VIDEO", "  ", "--model", "MODEL"], "The text is empty"),
        (["VIDEO", "\u200b", "--model", "MODEL"], "The text is empty"),
        (["VIDEO", "狗", "--model", "MODEL", "-o", "a.jpg"], r"ends in \.png"),
        (["VIDEO", "狗", "--model", "MODEL", "-o", "no/folder/a.png"], "folder .* is not there"),
        (["VIDEO", "狗", "--model", "MODEL", "-o", "folder.png"], "is a folder"),
    ],
)
def test_bad_input_is_one_sentence(videos, library, tiny_chinese_clip, current_folder, arguments, message):
    (current_folder / "notes.mp4").write_text("no video")
    (current_folder / "folder.png").mkdir()
    names = {"VIDEO": videos[1], "MODEL": tiny_chinese_clip, "LIBRARY": library}
    with pytest.raises(WenshiError, match=message) as refused:
        wenshi(*(names.get(argument, argument) for argument in arguments))
    assert "\n" not in str(refused.value)
    assert names_in(current_folder) == ["folder.png", "notes.mp4"]


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a folder that nobody can write to")
def test_a_place_that_cannot_be_written_ends_with_a_sentence_and_status_1(videos, tiny_chinese_clip):
    command = [sys.executable, "-m", "serving.cli.main", "explain", str(videos[1]), "狗", "--model"]
    command += [str(tiny_chinese_clip), "--output", "/proc/a.png", "--json"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = [line for line in done.stderr.splitlines() if "font" not in line]     # one that a machine may lack is named too
    assert line.startswith("wenshi: The ")
    assert "/proc" in line
    assert line.endswith("cannot be written to: name another place with --output.") or "/proc/a.png (" in line
