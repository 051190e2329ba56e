"""Taking a video out of a corpus: no byte of it stays, in the corpus or in what was made of it."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from data_pipeline.building.commits import read_commits
from data_pipeline.building.measured_tables import read_measured
from data_pipeline.building.plan import add_sources, all_sources
from data_pipeline.building.refused import keep_refused, read_refused
from data_pipeline.building.stage_cache import Kept, StageCache, cache_path
from data_pipeline.corpus.errors import CorpusError
from data_pipeline.corpus.files import only_writer
from data_pipeline.corpus.line_log import append_line
from data_pipeline.corpus.measured import CandidateRow, DecisionRow, MeasuredVideo, SourceRow
from data_pipeline.corpus.rows import VideoRow
from data_pipeline.corpus.tables import VIDEOS, read_table, write_table
from data_pipeline.export import exporting
from data_pipeline.export.exporting import FORMS, ExportSettings, export_corpus
from data_pipeline.export.frames import FrameOptions
from data_pipeline.removal.remove import remove
from data_pipeline.selection.removed import read_removed
from data_pipeline.sources.rows import Rejected
from retrieval.disk import replace_directory
from retrieval.errors import InputError
from serving.cli.main import app
from tests.data_pipeline.export.finished_corpus import (
    everything_in,
    title_of,
    video_id_of,
    write_finished,
    write_videos,
)
from tests.data_pipeline.export.measured_corpus import write_measured


@pytest.fixture(scope="module")
def paths(tmp_path_factory) -> list[Path]:
    return write_videos(tmp_path_factory.mktemp("videos"), 4)


@pytest.fixture
def corpus(tmp_path, paths) -> Path:
    """Everything that a corpus may hold of its videos, and an export in every form."""
    corpus = write_measured(tmp_path / "corpus", paths=paths)
    settings = json.loads((corpus / "corpus.json").read_text())
    write_finished(corpus, paths)
    (corpus / "corpus.json").write_text(json.dumps(settings))
    for number, path in enumerate(paths):
        cache = StageCache(cache_path(corpus, f"shard-{number // 2:06d}"))
        kept = Kept(title_of(number).encode(), 0, 0)
        cache.put(f"look {number}", kept, content=video_id_of(path), stage="look", parts=[f"画面{number}".encode()])
        cache.put(f"examine {number}", kept, content=f"{path} (1, 2)", stage="examine")
        cache.close()
        (corpus / "report.html").write_text(title_of(1))
    write_table(corpus / "decisions.parquet", [
        DecisionRow(pair_id=row.pair_id, keep=True, reason="", split="train", text_cluster=row.pair_id, video_cluster="")
        for row in read_measured(corpus, CandidateRow)
    ], DecisionRow)  # fmt: skip
    keep_refused(corpus, [Rejected("/list.csv line 9", f"it is a second row for {path}.") for path in paths], named=[])
    for form in FORMS:
        place = corpus / "shards" if form == "webdataset" else tmp_path / form
        export_corpus(corpus, place, ExportSettings(form=form, frames=FrameOptions(count=1, side=16), placing="link"))
    return corpus


def traces(number: int, paths: list[Path]) -> list[bytes]:
    """What would give a video away; its id stays in the list that keeps it out."""
    return [title_of(number).encode(), f"台词{number}".encode(), f"画面{number}".encode(), str(paths[number]).encode()]


def everything_left(corpus: Path) -> bytes:
    return everything_in(corpus, *(corpus.parent / form for form in FORMS if form != "webdataset"))


@pytest.mark.parametrize("how", ["video", "uploader", "path"])
def test_no_byte_of_a_removed_video_stays_anywhere_and_all_of_the_others_does(corpus, paths, how):
    before = everything_left(corpus)
    assert all(trace in before for number in range(4) for trace in traces(number, paths))
    done = remove(corpus, **{
        "video": {"videos": [video_id_of(paths[1])[:12]]}, "uploader": {"uploaders": ["作者1"]}, "path": {"paths": [paths[1]]},
    }[how])  # fmt: skip
    assert (done.videos, done.sources, done.shards, len(done.exports), done.unreached) == (1, 1, 1, 4, ())
    left = everything_left(corpus)
    assert not [trace for trace in traces(1, paths) if trace in left]
    assert "作者1".encode() not in left
    for number in (0, 2, 3):
        assert all(trace in left for trace in traces(number, paths))


def test_the_accounts_still_add_up_and_the_video_is_kept_out_from_then_on(corpus, paths):
    remove(corpus, paths=[paths[1]])
    rows = list(read_measured(corpus, MeasuredVideo))
    assert [(row.status, row.error_kind, row.title) for row in rows] == [
        ("measured", None, title_of(0)), ("failed", "removed", None), ("measured", None, title_of(2)),
        ("measured", None, title_of(3)),
    ]
    assert [(commit.rows, commit.measured, commit.failed) for commit in read_commits(corpus).values()] == [(2, 1, 1), (2, 2, 0)]
    assert len(list(read_measured(corpus, CandidateRow))) == 6
    assert [row.title for row in read_table(corpus / VIDEOS, VideoRow)] == [title_of(0), title_of(2), title_of(3)]
    assert video_id_of(paths[1]) in read_removed(corpus).videos
    again = SourceRow(source_id=rows[1].source_id, uri=str(paths[1]), title=title_of(1))
    assert add_sources(corpus, [again], videos_per_shard=2).new == 0
    assert [row.uri for row in all_sources(corpus)][1] == ""


def test_a_removal_that_was_ended_goes_on_when_it_is_called_again(corpus, paths, monkeypatch):
    def killed(*arguments, **more):
        raise KeyboardInterrupt

    for place in ("add_to_list", "_clear_cache", "append_commit", "write_shard_sources", "forget_rows", "remove_from_export"):
        with monkeypatch.context() as patched:
            patched.setattr(f"data_pipeline.removal.remove.{place}", killed)
            with pytest.raises(KeyboardInterrupt):
                remove(corpus, videos=[video_id_of(paths[1])])
    remove(corpus)
    left = everything_left(corpus)
    assert not [trace for trace in traces(1, paths) if trace in left]


def test_an_export_that_has_moved_is_named_and_reached_once_it_is_back(corpus, tmp_path, paths):
    (tmp_path / "jsonl").rename(tmp_path / "away")
    shown = CliRunner().invoke(app, ["corpus", "remove", str(corpus), "--path", str(paths[2])], catch_exceptions=False)
    assert shown.exit_code == 1
    assert str(tmp_path / "jsonl") in shown.stderr
    (tmp_path / "away").rename(tmp_path / "jsonl")
    again = CliRunner().invoke(app, ["corpus", "remove", str(corpus), "--again"], catch_exceptions=False)
    assert again.exit_code == 0
    assert title_of(2).encode() not in everything_left(corpus)


def test_an_export_that_was_begun_and_ended_stops_no_removal_and_keeps_nothing(corpus, tmp_path, paths, monkeypatch):
    def killed(*arguments, **more):
        raise KeyboardInterrupt

    (tmp_path / "begun").mkdir()
    monkeypatch.setattr("data_pipeline.export.exporting.replace_directory", killed)
    with pytest.raises(KeyboardInterrupt):
        export_corpus(corpus, tmp_path / "begun", ExportSettings(form="jsonl"))
    assert (tmp_path / ".begun.part").exists()
    assert remove(corpus, paths=[paths[1]]).unreached == (tmp_path / "begun",)
    assert not (tmp_path / ".begun.part").exists()


@pytest.mark.parametrize("form", FORMS)
def test_a_removal_leaves_a_running_export_alone_which_then_keeps_nothing_of_it(corpus, tmp_path, paths, form, monkeypatch):
    """The removal comes just before the finished export takes its place, when everything has been written."""
    done = []
    module = "data_pipeline.corpus.renewing" if form == "webdataset" else "data_pipeline.export.exporting"

    def removed_first(new: Path, directory: Path) -> None:
        if directory.name == "running":
            done.append(remove(corpus, paths=[paths[1]]))
            assert (new / "held.jsonl").exists()
        replace_directory(new, directory)

    running = ExportSettings(form=form, frames=FrameOptions(count=1, side=16), placing="link")
    if form == "webdataset":        # one in place of others grows beside them
        export_corpus(corpus, tmp_path / "running", replace(running, split="train"))
    monkeypatch.setattr(f"{module}.replace_directory", removed_first)
    exported = export_corpus(corpus, tmp_path / "running", running)
    assert [(removal.busy, removal.unreached) for removal in done] == [((tmp_path / "running",), ())]
    assert exported.videos == 3
    left = everything_left(corpus) + everything_in(tmp_path / "running")
    assert not [trace for trace in traces(1, paths) if trace in left]
    assert all(title_of(number).encode() in left for number in (0, 2, 3))


@pytest.mark.parametrize("form", FORMS)
def test_no_export_begins_in_a_place_from_which_a_removal_is_taking_videos(corpus, tmp_path, paths, form, monkeypatch):
    place = corpus / "shards" if form == "webdataset" else tmp_path / form
    settings = ExportSettings(form=form, frames=FrameOptions(count=1, side=16), placing="link")
    refused = []

    def export_first(directory: Path, *arguments: Any, **more: Any) -> None:
        if directory == place:
            with pytest.raises(CorpusError) as error:
                export_corpus(corpus, place, settings)
            refused.append(error.value.kind)
        describe(directory, *arguments, **more)

    describe = exporting._describe
    monkeypatch.setattr(exporting, "_describe", export_first)
    assert remove(corpus, paths=[paths[1]]).busy == ()
    assert refused == ["busy"]
    left = everything_left(corpus)
    assert not [trace for trace in traces(1, paths) if trace in left]
    assert not list(tmp_path.glob("**/.*.part"))


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder that takes no file of anybody")
def test_an_export_on_a_disk_that_is_not_mounted_stops_no_removal(corpus, paths):
    append_line(corpus / exporting.EXPORTS, {"directory": "/proc/export"})
    done = remove(corpus, paths=[paths[1]])
    assert (len(done.exports), done.unreached) == (4, (Path("/proc/export"),))


def test_an_export_that_was_ended_before_it_said_what_it_is_may_be_made_again(corpus, tmp_path):
    settings = ExportSettings(form="webdataset", frames=FrameOptions(count=1, side=16))
    with only_writer(tmp_path / "again"):
        pass
    (tmp_path / "again" / ".held.jsonl.part").touch()
    assert export_corpus(corpus, tmp_path / "again", settings).videos == 4


def test_copies_of_a_removed_content_go_with_it(tmp_path, paths):
    copy = tmp_path / "别的名字.mp4"
    shutil.copy(paths[0], copy)
    corpus = write_measured(tmp_path / "corpus", paths=[paths[0], paths[1], copy])
    done = remove(corpus, paths=[paths[0]])
    assert (done.videos, done.sources) == (1, 2)
    assert str(copy).encode() not in everything_in(corpus)


def test_a_name_that_means_nothing_removes_nothing(corpus, tmp_path, paths):
    before = files_of(corpus)
    for wrong in ({"videos": ["abcdef01"]}, {"videos": ["ab"]}, {"paths": [tmp_path / "no.mp4"]}, {"uploaders": [" "]}):
        with pytest.raises(InputError, match="othing was removed"):
            remove(corpus, **wrong)
    assert files_of(corpus) == before
    with pytest.raises(CorpusError, match="There is no corpus"):
        remove(tmp_path / "typo", uploaders=["小王"])
    assert not (tmp_path / "typo").exists()


def files_of(corpus: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in corpus.rglob("*") if path.is_file() and path.suffix != ".lock"}


def test_a_video_that_the_corpus_itself_took_out_of_a_tar_is_deleted_and_no_other(tmp_path, paths):
    own = tmp_path / "corpus/sources/own.mp4"
    own.parent.mkdir(parents=True)
    shutil.copy(paths[0], own)
    corpus = write_measured(tmp_path / "corpus", paths=[own, paths[1]])
    remove(corpus / ".." / "corpus", paths=[own, paths[1]])
    assert not own.exists()
    assert paths[1].exists()


def test_what_was_refused_of_a_folder_that_is_taken_out_goes_with_it(corpus, paths):
    below, beside = Rejected(f"{paths[0].parent}/odd.mp4", "its name is odd."), Rejected("/other.csv line 1", "it names no file.")
    about = Rejected("/other.csv line 2", "no licence is stated.", f"{paths[0].parent}/new.mp4")
    keep_refused(corpus, [below, about, beside], named=[])
    remove(corpus, paths=[paths[0].parent])
    assert read_refused(corpus) == [beside]


def test_what_was_refused_can_be_taken_out_where_the_corpus_has_nothing_else(corpus, tmp_path):
    place = tmp_path / "refused"
    about = [Rejected(f"{place}/list.csv line 2", "no licence."), Rejected("/other.csv line 2", "so.", f"{place}/a.mp4")]
    keep_refused(corpus, about, named=[])
    done = remove(corpus, paths=[place])
    assert (done.videos, done.sources, read_refused(corpus)) == (0, 0, [])
    with pytest.raises(InputError, match="no source at"):
        remove(corpus, paths=[place])


def test_what_was_refused_below_a_path_goes_also_when_the_removal_is_ended_early(corpus, paths, monkeypatch):
    below = Rejected(f"{paths[0].parent}/odd.mp4", "its name is odd.")
    keep_refused(corpus, [below], named=[])
    with monkeypatch.context() as ended:
        ended.setattr("data_pipeline.removal.remove.all_sources", raise_interrupt)
        with pytest.raises(KeyboardInterrupt):
            remove(corpus, paths=[paths[0].parent])
    remove(corpus)
    assert read_refused(corpus) == []


def raise_interrupt(*_):
    raise KeyboardInterrupt
