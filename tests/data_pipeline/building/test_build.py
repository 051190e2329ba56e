"""A build loses nothing and repeats nothing, whatever happens to it or to its videos. Real files, real processes."""

from __future__ import annotations

import shutil
from collections.abc import Generator, Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from data_pipeline.building.build import Account, account, build, retry
from data_pipeline.building.commits import MEASURED, Commit, read_commits
from data_pipeline.building.local import Runner, ShardJob, Work, local_runner
from data_pipeline.building.measured_tables import committed, read_measured
from data_pipeline.building.plan import all_sources, shard_names, shard_sources, write_shard_sources
from data_pipeline.building.process_shard import VideoDone, process_shard
from data_pipeline.building.settings import BuildSettings, Limits, Relevance, ScreenText
from data_pipeline.building.video_rows import VideoRows, failed_video
from data_pipeline.corpus.about import read_about
from data_pipeline.corpus.errors import CorpusError
from data_pipeline.corpus.measured import CandidateRow, KeyframeRow, MeasuredVideo, ShotRow, SourceRow, StageRow
from data_pipeline.sources.uploaders import corpus_salt
from retrieval.errors import InputError, WenshiError
from tests.data_pipeline.building.stand_ins import calls, make_stages, runner_here, source_of, sources_of
from tests.videos import write_video

pytest.importorskip("pyarrow", reason="tables need pyarrow")

SETTINGS = BuildSettings(
    relevance=Relevance(model="one"), limits=Limits(stall_seconds=1.5, memory_gib=0.25), videos_per_shard=3
)


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("videos")
    return [write_video(folder / f"影片{number}.mp4", seconds=0.4, seed=number) for number in range(5)]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    return tmp_path / "corpus"


def built(
    corpus: Path, sources: list[SourceRow], *, settings: BuildSettings = SETTINGS, runner: Runner = runner_here
) -> Account:
    return build(sources, Work(directory=corpus, settings=settings, make_stages=make_stages), runner)


def rows(corpus: Path) -> list[MeasuredVideo]:
    return list(read_measured(corpus, MeasuredVideo))


def test_every_source_is_measured_or_failed_with_a_reason(corpus: Path, videos: list[Path], tmp_path: Path) -> None:
    empty, text = tmp_path / "empty.mp4", tmp_path / "text.mp4"
    empty.touch()
    text.write_text("no video")
    found = built(corpus, sources_of(*videos, empty, text, tmp_path / "missing.mp4", tmp_path))
    assert (found.rows, found.measured, found.failed, found.waiting) == (9, 5, 4, 0)
    assert found.reasons == {"empty": 1, "not_a_video": 1, "missing": 1, "not_a_file": 1}
    failed = [row for row in rows(corpus) if row.status == "failed"]
    assert {row.error_stage for row in failed} == {"examine"}
    assert all(row.error and row.path in row.error for row in failed)
    assert {row.error_kind for row in failed if row.retryable} == {"missing"}


def test_what_the_stages_give_stands_in_the_tables(corpus: Path, videos: list[Path]) -> None:
    built(corpus, sources_of(*videos))
    first = rows(corpus)[0]
    assert (first.status, first.title, first.speech_ms, first.music_ms, first.shots) == ("measured", "标题 影片0", 90, 0, 1)
    assert first.keyframe_hashes == tuple(
        frame.hash64 for frame in read_measured(corpus, KeyframeRow) if frame.video_id == first.video_id
    )
    assert len(list(read_measured(corpus, ShotRow))) == 5
    candidates = list(read_measured(corpus, CandidateRow))
    assert len({one.pair_id for one in candidates}) == 5
    assert all(one.relevance_mean is not None and one.keyframes == 3 for one in candidates)
    stages = [row.stage for row in read_measured(corpus, StageRow) if row.video_id == first.video_id]
    assert stages == ["examine", "look", "listen", "subtitles", "cover", "pair", "score"]


def test_a_video_that_takes_its_process_down_costs_itself(corpus: Path, videos: list[Path], tmp_path: Path) -> None:
    bad = [Path(shutil.copy(videos[4], tmp_path / f"{name}.mp4")) for name in ("crash", "hang", "greedy", "odd")]
    for number, path in enumerate(bad):
        path.write_bytes(path.read_bytes() + bytes(number + 1))
    settings = SETTINGS.model_copy(update={"videos_per_shard": 6})
    found = built(corpus, sources_of(videos[0], *bad, videos[1]), settings=settings, runner=local_runner(1))
    assert (found.measured, found.failed) == (2, 4)
    failed = {row.error_kind: row.error or "" for row in rows(corpus) if row.status == "failed"}
    assert "was ended by signal SIGSEGV" in failed["crashed"]
    assert "no sign of progress" in failed["timeout"]
    assert "GiB of memory" in failed["memory"]
    assert "ZeroDivisionError: a stage has a fault" in failed["unexpected"]
    assert all(row.error_stage == "look" and row.retryable for row in rows(corpus) if row.status == "failed")


def test_a_second_build_runs_nothing_again(corpus: Path, videos: list[Path]) -> None:
    first = built(corpus, sources_of(*videos))
    before = calls(corpus)
    assert before == dict.fromkeys(("examine", "look", "listen", "pair", "score"), 5)
    assert built(corpus, sources_of(*videos)) == first
    assert calls(corpus) == before


def test_another_relevance_model_scores_again_and_nothing_more(corpus: Path, videos: list[Path]) -> None:
    first = built(corpus, sources_of(*videos))
    before = calls(corpus)
    second = built(corpus, sources_of(*videos), settings=SETTINGS.model_copy(update={"relevance": Relevance(model="two")}))
    assert calls(corpus) - before == {"score": 5}
    assert second.manifest_sha256 == first.manifest_sha256      # the stand-in gives the same scores whatever it is called
    assert {row.cached for row in read_measured(corpus, StageRow) if row.stage == "score"} == {False}
    assert {row.cached for row in read_measured(corpus, StageRow) if row.stage == "look"} == {True}


def test_another_way_to_look_runs_what_depends_on_it(corpus: Path, videos: list[Path]) -> None:
    built(corpus, sources_of(*videos))
    before = calls(corpus)
    built(corpus, sources_of(*videos), settings=SETTINGS.model_copy(update={"screen_text": ScreenText(engine=None)}))
    assert calls(corpus) - before == {"look": 5}        # it saw the same, so that pairs and scores stay


def test_a_rebuild_with_other_stages_tells_of_all_its_videos_by_the_time_the_first_one_ends(
    corpus: Path, videos: list[Path], tmp_path: Path
) -> None:
    built(corpus, sources_of(*videos[:4]))
    said: list[int | str] = []

    def again(settings: BuildSettings, files: list[Path]) -> list[int | str]:
        said.clear()
        build(
            sources_of(*files), Work(directory=corpus, settings=settings, make_stages=make_stages), runner_here,
            planned=lambda added, waiting: said.append(waiting), more=said.append, done=lambda video: said.append("done"),
        )  # fmt: skip
        return said

    other = SETTINGS.model_copy(update={"relevance": Relevance(model="two")})
    assert again(SETTINGS, videos[:4]) == [0]
    assert again(other, videos) == [1, 4, *["done"] * 5]
    missing = [*videos, tmp_path / "missing.mp4"]
    assert again(other, missing) == [1, "done"]
    commits = read_commits(corpus)
    assert sum(commit.rows for commit in commits.values()) == 6
    assert again(SETTINGS, missing) == [0, 6, *["done"] * 6]


def test_a_title_that_changes_with_the_file_makes_new_pairs(corpus: Path, videos: list[Path]) -> None:
    built(corpus, sources_of(*videos[:1]))
    before = calls(corpus)
    (corpus / "measured" / "commits.jsonl").unlink()
    shutil.rmtree(corpus / "plan")
    built(corpus, [source_of(videos[0], title="另一个标题")])
    assert calls(corpus) - before == {"pair": 1, "score": 1}
    assert next(read_measured(corpus, CandidateRow)).text == "另一个标题"


def test_a_cover_is_read_once_and_again_when_it_changes(videos: list[Path], tmp_path: Path) -> None:
    corpus, video = tmp_path / "build" / "corpus", Path(shutil.copy(videos[0], tmp_path / "猫.mp4"))
    cover = tmp_path / "猫.jpg"
    cover.write_text("封面的字")

    def again() -> CandidateRow:
        shutil.rmtree(corpus / "measured", ignore_errors=True)
        built(corpus, sources_of(video))
        return next(read_measured(corpus, CandidateRow))

    assert again().text == again().text == "标题 猫 封面的字"
    assert calls(corpus)["cover"] == 1
    cover.write_text("改了的字")
    assert again().text == "标题 猫 改了的字"
    assert (calls(corpus)["cover"], calls(corpus)["look"]) == (2, 1)
    assert [row.stage for row in read_measured(corpus, StageRow)].count("cover") == 1
    cover.unlink()
    assert again().text == "标题 猫"


def test_a_cover_that_cannot_be_read_is_told_and_tried_again(videos: list[Path], tmp_path: Path) -> None:
    corpus, video = tmp_path / "build" / "corpus", Path(shutil.copy(videos[0], tmp_path / "猫.mp4"))
    (tmp_path / "猫.jpg").touch()
    for tries in (1, 2):
        shutil.rmtree(corpus / "measured", ignore_errors=True)
        built(corpus, sources_of(video))
        assert f"The cover {tmp_path / '猫.jpg'} is empty." in (rows(corpus)[0].damage or "")
        assert calls(corpus)["cover"] == tries


def test_captions_that_begin_after_the_end_are_counted_in_the_row_of_the_video(corpus: Path, videos: list[Path]) -> None:
    captions = {"captions": ("一", "二", "三"), "caption_starts_ms": (-1, 3_600_000, 7_200_000),
                "caption_ends_ms": (-1, 3_601_000, 7_201_000)}  # fmt: skip
    built(corpus, [source_of(videos[0], **captions), source_of(videos[1])])
    late, plain = rows(corpus)
    assert late.status == "measured"
    assert (late.damage or "").startswith("2 of 3 captions begin after its end at ")
    assert plain.damage is None


def test_one_worker_and_two_give_the_same_corpus(corpus: Path, videos: list[Path], tmp_path: Path) -> None:
    files = [*videos, tmp_path / "missing.mp4"]
    here = built(corpus, sources_of(*files))
    for workers in (1, 2):
        other = tmp_path / str(workers) / "corpus"
        assert built(other, sources_of(*files), runner=local_runner(workers)) == here


def test_the_salt_is_there_before_a_worker_is(corpus: Path, videos: list[Path]) -> None:
    found = []

    def runner(jobs: Iterable[ShardJob], work: Work, done: VideoDone) -> Generator[Commit, None, None]:
        found.append(read_about(work.directory)["salt"])
        yield from runner_here(jobs, work, done)

    built(corpus, sources_of(*videos[:1]), runner=runner)
    assert found == [corpus_salt(corpus)]


def test_the_manifest_hash_tells_every_measured_row(corpus: Path, videos: list[Path], tmp_path: Path) -> None:
    one = built(corpus, sources_of(*videos[:2]))
    changed = [replace(source, category="狗") for source in sources_of(*videos[:2])]
    assert built(tmp_path / "other" / "corpus", changed).manifest_sha256 != one.manifest_sha256


def test_adding_makes_new_shards_and_leaves_the_old_ones(corpus: Path, videos: list[Path]) -> None:
    built(corpus, sources_of(*videos[:2]))
    before, shard = calls(corpus), shard_sources(corpus, "shard-000000")
    found = built(corpus, sources_of(*videos))
    assert (found.shards, found.measured) == (2, 5)
    assert shard_sources(corpus, "shard-000000") == shard
    assert (calls(corpus) - before)["look"] == 3
    assert [source.uri for source in all_sources(corpus)] == [str(path) for path in videos]


def test_a_plan_that_was_cut_short_goes_on_as_it_was_meant(corpus: Path, videos: list[Path], tmp_path: Path) -> None:
    built(corpus, sources_of(*videos), settings=SETTINGS.model_copy(update={"videos_per_shard": 2}))
    other = tmp_path / "other" / "corpus"
    (other / "plan").mkdir(parents=True)
    shutil.copy(corpus / "plan" / "shard-000000.parquet", other / "plan")
    built(other, sources_of(*videos), settings=SETTINGS.model_copy(update={"videos_per_shard": 2}))
    assert account(other) == account(corpus)
    assert shard_names(other) == shard_names(corpus)


def test_the_same_file_twice_is_measured_once_whichever_shard_it_is_in(
    corpus: Path, videos: list[Path], tmp_path: Path
) -> None:
    near, far = (Path(shutil.copy(videos[0], tmp_path / f"{name}.mp4")) for name in ("near", "far"))
    found = built(corpus, sources_of(videos[0], near, *videos[1:], far))
    assert (found.rows, found.measured, found.reasons) == (7, 5, {"copy": 2})
    assert len({one.pair_id for one in read_measured(corpus, CandidateRow)}) == found.candidates == 5
    copies = {row.path: row for row in rows(corpus) if row.error_kind == "copy"}
    assert copies.keys() == {str(near), str(far)}
    assert all(str(videos[0]) in (row.error or "") for row in copies.values())
    assert built(corpus, sources_of(videos[0], near, *videos[1:], far)) == found


def test_retry_processes_failed_rows_and_no_others(corpus: Path, videos: list[Path], tmp_path: Path) -> None:
    once, empty = Path(shutil.copy(videos[4], tmp_path / "once.mp4")), tmp_path / "empty.mp4"
    empty.touch()
    work = Work(directory=corpus, settings=SETTINGS, make_stages=make_stages)
    first = build(sources_of(videos[0], once, empty, videos[1]), work, runner_here)
    before = calls(corpus)
    again = retry(work, runner_here)
    assert calls(corpus) - before == {"look": 1}
    assert (again.reasons, {row.attempts for row in rows(corpus) if row.error_kind == "timeout"}) == (first.reasons, {2})
    once.with_name("mended").touch()
    after = retry(work, runner_here, kinds=["timeout"])
    assert (after.measured, after.reasons) == (3, {"empty": 1})
    assert [row.attempts for row in rows(corpus)] == [1, 3, 1, 1]
    assert len(committed(corpus)) == len([path for path in (corpus / MEASURED).iterdir() if path.is_dir()]) == 2
    with pytest.raises(InputError, match="No row failed as hot: there are empty"):
        retry(work, runner_here, kinds=["hot"])


def test_a_source_that_was_taken_out_is_not_measured_again(corpus: Path, videos: list[Path]) -> None:
    built(corpus, sources_of(*videos[:2]))
    first, second = shard_sources(corpus, "shard-000000")
    write_shard_sources(corpus, "shard-000000", [SourceRow(source_id=first.source_id, uri=""), second])
    settings = SETTINGS.model_copy(update={"screen_text": ScreenText(engine=None)})
    found = built(corpus, sources_of(*videos[:2]), settings=settings)
    assert (found.measured, found.reasons, calls(corpus)["look"]) == (1, {"removed": 1}, 3)
    assert rows(corpus)[0].path is None


def test_a_commit_line_that_was_cut_off_does_not_count(corpus: Path, videos: list[Path]) -> None:
    first = built(corpus, sources_of(*videos))
    log, before = corpus / MEASURED / "commits.jsonl", calls(corpus)
    log.write_bytes(log.read_bytes()[:-7])
    assert account(corpus).waiting == 1
    assert built(corpus, sources_of(*videos)) == first
    assert calls(corpus) == before
    assert len(committed(corpus)) == 2


def test_a_damaged_cache_costs_time_and_nothing_else(corpus: Path, videos: list[Path]) -> None:
    first = built(corpus, sources_of(*videos[:2]))
    (corpus / "cache" / "shard-000000.sqlite").write_bytes(b"this is no database, and long enough to see that" * 50)
    (corpus / MEASURED / "commits.jsonl").unlink()
    assert built(corpus, sources_of(*videos[:2])) == first
    assert calls(corpus)["look"] == 4


class Forgetful:
    """A worker that loses every second video."""

    stages_key = "k"

    def process(self, source: SourceRow, *, shard: str, cache: Path) -> VideoRows:
        video = failed_video(source, shard=shard, stage="look", kind="odd", message="x" * 900)
        return VideoRows(video=replace(video, source_id="another"))


def test_a_shard_whose_rows_do_not_add_up_is_not_committed(corpus: Path, videos: list[Path]) -> None:
    with pytest.raises(CorpusError, match="the shard is not committed"):
        process_shard("shard-000000", sources_of(*videos), directory=corpus, worker=Forgetful())
    assert not (corpus / MEASURED).exists()
    with pytest.raises(CorpusError, match="does not add up"):
        Commit(shard="s", version=1, directory="s", stages_key="", rows=2, measured=1, failed=0, candidates=0)


def test_an_error_is_one_sentence_of_500_characters_at_most(videos: list[Path]) -> None:
    row = failed_video(source_of(videos[0]), shard="s", stage="look", kind="odd", message="a\n b" + "x" * 900)
    assert row.error is not None
    assert (len(row.error), row.error[:4], row.error[-1]) == (500, "a bx", "…")


def test_two_builds_do_not_write_one_corpus(corpus: Path, videos: list[Path]) -> None:
    from data_pipeline.corpus.files import only_writer

    with only_writer(corpus), pytest.raises(CorpusError, match="Another process is writing"):
        built(corpus, sources_of(*videos))


def test_a_model_that_cannot_be_loaded_ends_the_build_in_a_sentence(corpus: Path, videos: list[Path]) -> None:
    settings = SETTINGS.model_copy(update={"relevance": Relevance(model="missing")})
    with pytest.raises(WenshiError, match="There is no model in missing"):
        built(corpus, sources_of(*videos), settings=settings, runner=local_runner(2))
    assert read_commits(corpus) == {}


def test_a_full_disk_ends_the_build_in_a_sentence_and_keeps_what_is_finished(
    corpus: Path, videos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    built(corpus, sources_of(*videos[:3]))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("data_pipeline.corpus.files.os.fsync", full)
    with pytest.raises(CorpusError, match=r"No space left on device.*what is finished stays"):
        built(corpus, sources_of(*videos))
    monkeypatch.undo()
    assert account(corpus).measured == 3
    assert built(corpus, sources_of(*videos)).measured == 5
