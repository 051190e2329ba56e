"""Vectors of another model built beside those that are searched: real processes, real videos, tiny models."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner

from retrieval.encoders import read_generation
from retrieval.library import Library, StoredClip
from retrieval.records import Clip
from serving.cli.main import app
from serving.generations import percent
from serving.ingest.adder import Adder
from serving.ingest.building import Built, build_vectors
from serving.ingest.pool import PoolSettings, ReaderPool
from serving.ingest.run import AddOptions, NoDisplay, add_videos
from serving.models import text_encoder_for
from tests.videos import write_video

OPTIONS = AddOptions(on_screen_text=False, readers=1)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, tiny_chinese_clip: Path, tiny_model) -> Path:
    """Three videos, and the libraries `first` and `other` that two models were added to from the start."""
    folder = tmp_path_factory.mktemp("world")
    videos = [write_video(folder / f"{i}.mp4", seconds=3, shots=2, seed=i) for i in range(3)]
    for name, model in (("first", tiny_chinese_clip), ("other", tiny_model("clip"))):
        add_videos(folder / name, videos, replace(OPTIONS, model=str(model)))
    return folder


_KILLED_AFTER_ONE = """
import sys, time
from retrieval.library import Library
from serving.ingest.building import build_vectors
from serving.ingest.run import AddOptions, NoDisplay

class Slow(NoDisplay):
    def finished(self, outcome):
        print("one", flush=True)
        time.sleep(60)

if __name__ == "__main__":
    with Library.open(sys.argv[1], write=True) as library:
        build_vectors(library, sys.argv[2], AddOptions(readers=1), progress=Slow(), stopping=lambda: False)
"""


@dataclass
class Resumed:
    """A library of the first model with all vectors of the other beside, of a build that was killed after one video.

    lacking: the videos that had no such vector then; done: what the next build did. Not to be changed by a test.
    """

    library: Path
    lacking: list[str]
    shares: dict[str, tuple[float, bool]]
    done: Built


@pytest.fixture(scope="module")
def resumed(world: Path, tiny_model) -> Resumed:
    library, model = Path(shutil.copytree(world / "first", world / "built")), tiny_model("clip")
    script = world / "build.py"
    script.write_text(_KILLED_AFTER_ONE, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(
        [sys.executable, str(script), str(library), str(model)], stdout=subprocess.PIPE, env=environment
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"one\n"
        process.kill()
    with Library.open(library) as opened:
        lacking = opened.videos_lacking(read_generation(str(model)))
    before = shares(library)
    with Library.open(library, write=True) as opened:
        done = build_vectors(opened, str(model), OPTIONS, progress=NoDisplay(), stopping=lambda: False)
    return Resumed(library, lacking, before, done)


@pytest.fixture
def copied(resumed: Resumed, tmp_path: Path) -> Path:
    """The same, to be changed."""
    return Path(shutil.copytree(resumed.library, tmp_path / "library"))


def clip_of(stored: StoredClip, vector: NDArray[np.float32]) -> Clip:
    frames = np.repeat(vector[None], len(stored.frame_times_ms), axis=0)
    times = stored.frame_times_ms
    return Clip(
        start_ms=stored.start_ms, end_ms=stored.end_ms, keyframe_ms=stored.keyframe_ms, frame_times_ms=times, vector=vector,
        frame_vectors=frames,
    )  # fmt: skip


def shares(library: Path) -> dict[str, tuple[float, bool]]:
    with Library.open(library) as opened:
        return {one.generation.encoder: (round(one.share, 2), one.active) for one in opened.status().generations}


def wenshi(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, (result.output, result.exception)
    return result.stdout


def refusal(*arguments: object) -> str:
    error = CliRunner().invoke(app, [str(argument) for argument in arguments]).exception
    assert isinstance(error, Exception), arguments
    return str(error)


def test_a_build_that_was_killed_goes_on_with_what_is_missing(resumed):
    assert resumed.shares == {"tiny-chinese-clip": (1.0, True), "tiny-clip": (0.33, False)}
    assert len(resumed.lacking) == 2
    assert [one.video_id for one in resumed.done.report.outcomes] == resumed.lacking
    assert resumed.done.report.counts["failed"] == 0
    assert shares(resumed.library) == {"tiny-chinese-clip": (1.0, True), "tiny-clip": (1.0, False)}


def test_built_vectors_are_those_of_a_library_made_with_that_model(world, copied):
    with Library.open(copied, write=True) as library, Library.open(world / "other") as fresh:
        library.activate(fresh.generation())
        for video in fresh.video_ids():
            spans = [[(clip.start_ms, clip.end_ms, clip.frame_times_ms) for clip in one.clips(video)] for one in (library, fresh)]
            assert spans[0] == spans[1]
            pairs = [(library.clip_vectors([video])[video], fresh.clip_vectors([video])[video])]
            for mine, its in zip(library.clips(video), fresh.clips(video), strict=True):
                pairs.append((library.frame_vectors([mine.id])[mine.id][1], fresh.frame_vectors([its.id])[its.id][1]))
            for made, wanted in pairs:
                assert made.shape == wanted.shape
                cosines = (made * wanted).sum(1) / np.linalg.norm(made, axis=1) / np.linalg.norm(wanted, axis=1)
                assert cosines.min() > 0.9999


def test_nothing_else_is_changed_by_a_build(world, resumed):
    def kept(path: Path) -> list[object]:
        with Library.open(path) as library:
            ids = library.video_ids()
            vectors = [array.tobytes() for array in library.clip_vectors(ids).values()]
            return [library.generation(), library.locations(), [library.clips(one) for one in ids],
                    [library.evidence(one) for one in ids], library.videos(ids), vectors]  # fmt: skip

    assert kept(resumed.library) == kept(world / "first")
    with Library.open(resumed.library) as library:
        assert library.check() == []


def test_the_command_line_goes_to_the_new_vectors_and_back(copied, tiny_model):
    library = copied
    listed = wenshi("library", "generations", "-l", library).splitlines()
    assert listed[0].startswith("1  tiny-chinese-clip (")
    assert "100 % of clips, active" in listed[0]
    assert listed[1].startswith("2  tiny-clip (")
    assert "active" not in listed[1]

    def answer() -> tuple[str, list[float]]:
        with Library.open(library) as opened:
            encoder, notice = text_encoder_for(opened, None)
            assert notice is None
            hits = opened.search_clips(encoder.encode_texts(["a dog"]).pooled[0], limit=3)
            return encoder.generation.encoder, [hit.score for hit in hits]

    before = answer()
    other = read_generation(str(tiny_model("clip"))).revision
    assert "tiny-clip" in wenshi("library", "activate", other[:6], "-l", library)
    after = answer()
    assert after[0] == "tiny-clip"
    assert after[1] != before[1]
    assert "before it was tiny-clip" in wenshi("library", "activate", 1, "-l", library)
    assert answer() == before
    # what has vectors of the active model is not read anew by a later `add`, whichever model it was added with
    said = wenshi("library", "build", "--model", tiny_model("clip"), "--activate", "-l", library)
    assert "0 videos read by tiny-clip" in said
    assert "100 % of clips have a vector of it, active" in said
    assert answer() == after
    with Library.open(library, write=True) as opened:
        settings = PoolSettings(generation=opened.generation(), on_screen_text=False)
        with ReaderPool(settings) as pool:
            report = Adder(opened, pool).add([Path(one.path) for one in opened.locations()])
            assert not pool.started
    assert report.counts["unchanged"] == 3


def test_wrong_input_is_refused_by_one_sentence(copied, tiny_model):
    library = copied
    assert "no generation 3" in refusal("library", "activate", 3, "-l", library)
    assert "no generation 'nothing'" in refusal("library", "activate", "nothing", "-l", library)
    assert "did not make" in refusal("library", "activate", 1, "-l", library, "--model", tiny_model("clip"))
    assert "name one with --model" in refusal("library", "build", "--model", "none", "-l", library)
    assert shares(library) == {"tiny-chinese-clip": (1.0, True), "tiny-clip": (1.0, False)}


def test_a_missing_and_an_edited_file_are_named_and_a_partial_generation_is_not_searched_unasked(
    world, tmp_path, tiny_model
):
    videos = [Path(shutil.copy(world / f"{i}.mp4", tmp_path)) for i in range(3)]
    library = tmp_path / "library"
    add_videos(library, videos, replace(OPTIONS, model="none"))
    with Library.open(library, write=True) as opened:       # vectors of a model that nobody has, so that some are active
        known = opened.clips(opened.video_ids()[0])[0]
        vector = np.eye(1, 24, dtype=np.float32)[0]
        made = replace(read_generation(str(tiny_model("clip"))), encoder="gone", revision="gone", dimension=24)
        put = {known.id: clip_of(known, vector)}
        assert opened.put_clip_vectors(made, {**put, 10**6: clip_of(known, vector)}) == 1
    videos[0].unlink()
    write_video(videos[1], seconds=1, seed=9)
    result = CliRunner().invoke(
        app, ["library", "build", "-l", str(library), "--model", str(tiny_model("clip")), "--activate", "--jobs", "1"]
    )
    assert result.exit_code == 1
    assert f"{videos[0]} is not a file" in result.stderr
    assert f"{videos[1]} holds another video now" in result.stderr
    assert "1 videos read by tiny-clip" in result.stdout
    assert "2 failed; 33.3 % of clips" in result.stdout
    assert "Not activated" in result.stderr
    assert shares(library)["tiny-clip"] == (0.33, False)
    assert "Only 33.3 % of the clips" in refusal("library", "activate", 2, "-l", library)
    assert "Nobody noted where the model of gone" in refusal("library", "activate", 1, "-l", library, "--partial")
    wenshi("library", "activate", 2, "-l", library, "--partial")
    assert shares(library)["tiny-clip"] == (0.33, True)


@pytest.mark.parametrize(("share", "said"), [(0, "0 %"), (1 / 3, "33.3 %"), (0.57, "57 %"), (1 - 1e-6, "99.9 %"), (1, "100 %")])
def test_a_share_is_rounded_down(share, said):
    assert percent(share) == said
