"""A known file of which the owner says something else, or which is another file now. Real files, stages without models."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import pytest

from data_pipeline.building.build import Account, build, retry
from data_pipeline.building.default_stages import default_stages
from data_pipeline.building.inputs import file_state
from data_pipeline.building.local import Work
from data_pipeline.building.measured_tables import read_measured
from data_pipeline.building.models import ModelsLoader, load_models
from data_pipeline.building.plan import SOURCES, Added, all_sources, shard_sources, write_shard_sources
from data_pipeline.building.refused import REFUSED, keep_refused, read_refused
from data_pipeline.building.settings import BuildSettings, Relevance, ScreenText, Speech
from data_pipeline.building.stage_cache import StageCache, cache_path, kept_pictures
from data_pipeline.building.stages import Stages
from data_pipeline.building.worker import StagesMaker
from data_pipeline.corpus.measured import (
    IMPORTED,
    CandidateRow,
    DecisionRow,
    MeasuredVideo,
    ScreenTextRow,
    SourceRow,
    SpeechRow,
)
from data_pipeline.corpus.shard_reader import ShardDataset
from data_pipeline.corpus.tables import read_table
from data_pipeline.export.exporting import ExportSettings, export_corpus
from data_pipeline.selection.select import DECISIONS, write_selection
from data_pipeline.selection.settings import SelectionSettings
from data_pipeline.sources.reading import read_sources
from data_pipeline.sources.rows import Rejected
from tests.data_pipeline.building.stand_ins import calls, make_stages, runner_here, source_of
from tests.videos import write_video

pytest.importorskip("pyarrow", reason="tables need pyarrow")

SETTINGS = BuildSettings(relevance=Relevance(model="one"), videos_per_shard=3)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("made")
    return [write_video(folder / f"{number}.mp4", seconds=0.4, seed=number) for number in range(3)]


@pytest.fixture
def videos(made: list[Path], tmp_path: Path) -> list[Path]:
    return [Path(shutil.copy2(path, tmp_path / path.name)) for path in made]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    return tmp_path / "build" / "corpus"


def described(videos: list[Path], **said: str | tuple[str, ...]) -> list[SourceRow]:
    rows = [source_of(path, title=f"标题{path.stem}", license_code="CC-BY-4.0", origin="manifest") for path in videos]
    return [replace(rows[0], **said), *rows[1:]]


def built(corpus: Path, sources: list[SourceRow]) -> tuple[Account, Added, int]:
    """The account, what was added and how many videos were processed; then decisions, as a build ends."""
    told: list[Added] = []
    done: list[MeasuredVideo] = []
    (corpus.parent).mkdir(exist_ok=True)
    account = build(
        sources, Work(directory=corpus, settings=SETTINGS, make_stages=make_stages), runner_here,
        planned=lambda added, expected: told.append(added), done=done.append,
    )  # fmt: skip
    write_selection(corpus, SelectionSettings())
    return account, told[0], len(done)


def videos_for_sale(corpus: Path, export: Path) -> int:
    return export_corpus(corpus, export, ExportSettings(form="jsonl", license_filter="commercial-ok")).videos


def test_a_licence_that_was_corrected_keeps_the_video_out_and_runs_no_stage(
    corpus: Path, videos: list[Path], tmp_path: Path
) -> None:
    built(corpus, described(videos))
    assert videos_for_sale(corpus, tmp_path / "before") == 3
    before = calls(corpus)
    corrected = described(videos, license_code="CC-BY-NC-4.0", uploader="作者", topics=("狗",))
    account, added, processed = built(corpus, corrected)
    assert (added.new, added.known, added.changed, added.replaced, processed) == (0, 3, 1, 0, 1)
    assert (calls(corpus) - before).keys() <= {"pair"}
    assert videos_for_sale(corpus, tmp_path / "after") == 2
    row = next(read_measured(corpus, MeasuredVideo))
    assert (row.license_code, row.topics, row.uploader_hash is not None) == ("CC-BY-NC-4.0", ("狗",), True)
    assert next(all_sources(corpus)).license_code == "CC-BY-NC-4.0"
    fresh = tmp_path / "fresh" / "corpus"
    assert built(fresh, corrected)[0].manifest_sha256 == account.manifest_sha256
    assert built(corpus, corrected)[1:] == (Added(new=0, known=3, changed=0), 0)


def test_a_title_that_was_corrected_makes_its_pair_again(corpus: Path, videos: list[Path]) -> None:
    built(corpus, described(videos))
    before = calls(corpus)
    built(corpus, described(videos, title="另一个标题"))
    assert calls(corpus) - before == {"pair": 1, "score": 1}
    assert [one.text for one in read_measured(corpus, CandidateRow)] == ["另一个标题", "标题1", "标题2"]


def test_a_correction_takes_effect_after_a_build_that_was_killed_behind_its_plan(corpus: Path, videos: list[Path]) -> None:
    built(corpus, described(videos))
    first, *others = shard_sources(corpus, "shard-000000")
    write_shard_sources(corpus, "shard-000000", [replace(first, license_code="CC-BY-NC-4.0"), *others])
    built(corpus, described(videos, license_code="CC-BY-NC-4.0"))
    assert next(read_measured(corpus, MeasuredVideo)).license_code == "CC-BY-NC-4.0"
    assert next(read_table(corpus / SOURCES, SourceRow)).license_code == "CC-BY-NC-4.0"


def test_a_correction_reaches_a_video_whose_file_is_away_and_one_that_failed(corpus: Path, videos: list[Path]) -> None:
    videos[2].write_bytes(b"no video")
    built(corpus, described(videos))
    before = calls(corpus)
    videos[0].unlink()
    account, added, _ = built(corpus, [replace(row, license_code="CC0-1.0") for row in described(videos)])
    assert (account.measured, account.failed, added.changed, added.replaced) == (2, 1, 3, 0)
    assert {row.license_code for row in read_measured(corpus, MeasuredVideo)} == {"CC0-1.0"}
    assert (calls(corpus) - before).keys() <= {"pair"}


def test_a_folder_says_nothing_and_what_was_taken_out_stays_out(corpus: Path, videos: list[Path]) -> None:
    built(corpus, described(videos))
    _, second, third = shard_sources(corpus, "shard-000000")
    write_shard_sources(corpus, "shard-000000", [SourceRow(source_id=described(videos)[0].source_id, uri=""), second, third])
    bare = [source_of(path, license_code="CC0-1.0") for path in videos]
    assert built(corpus, bare)[1] == Added(new=0, known=3, changed=0)
    assert [row.title for row in all_sources(corpus)] == [None, "标题1", "标题2"]


def test_a_file_that_was_replaced_is_measured_again_and_the_old_one_forgotten(corpus: Path, videos: list[Path]) -> None:
    built(corpus, described(videos))
    old = next(read_measured(corpus, MeasuredVideo)).video_id
    write_video(videos[0], seconds=0.6, seed=9)
    account, added, processed = built(corpus, described(videos))
    new = next(read_measured(corpus, MeasuredVideo)).video_id
    assert (account.measured, added.changed, added.replaced, processed) == (3, 0, 1, 1)
    assert new != old
    assert old is not None
    assert {one.video_id for one in read_measured(corpus, CandidateRow)} >= {new}
    cache = cache_path(corpus, "shard-000000")
    assert (kept_pictures(cache, old), len(kept_pictures(cache, str(new)))) == ((), 3)


def test_what_a_build_that_was_stopped_found_out_about_half_a_file_is_forgotten(corpus: Path, videos: list[Path]) -> None:
    def stopped(video: MeasuredVideo) -> None:
        raise KeyboardInterrupt

    whole, work = videos[0].read_bytes(), Work(directory=corpus, settings=SETTINGS, make_stages=make_stages)
    write_video(videos[0], seconds=0.3, seed=8)
    half = f"{videos[0]} {file_state(str(videos[0]))}"
    corpus.parent.mkdir(exist_ok=True)
    with pytest.raises(KeyboardInterrupt):
        build(described(videos), work, runner_here, done=stopped)
    assert half in (before := _cached(corpus))
    videos[0].write_bytes(whole)
    build(described(videos), work, runner_here)
    ids = {str(row.video_id) for row in read_measured(corpus, MeasuredVideo)}
    assert _cached(corpus) == ids | {f"{path} {file_state(str(path))}" for path in videos}
    assert not before & _cached(corpus)


def test_a_row_that_is_tried_again_forgets_what_was_found_out_about_half_of_its_file(corpus: Path, videos: list[Path]) -> None:
    once = videos[0].rename(videos[0].with_name("once.mp4"))
    sources, work = described([once, *videos[1:]]), Work(directory=corpus, settings=SETTINGS, make_stages=make_stages)
    corpus.parent.mkdir(exist_ok=True)
    assert build(sources, work, runner_here).failed == 1
    before = _cached(corpus)
    write_video(once, seconds=0.6, seed=9)
    once.with_name("mended").touch()
    assert retry(work, runner_here, kinds=["timeout"]).failed == 0
    new = str(next(read_measured(corpus, MeasuredVideo)).video_id)
    assert _cached(corpus) - before == {new, f"{once} {file_state(str(once))}"}
    assert len(_cached(corpus)) == 6        # the file as it was when it failed is not among them


def _cached(corpus: Path) -> set[str]:
    cache = StageCache(cache_path(corpus, "shard-000000"))
    try:
        return {*cache.contents()}
    finally:
        cache.close()


def test_what_is_kept_of_a_file_that_is_away_stays_also_where_other_stages_measure(corpus: Path, videos: list[Path]) -> None:
    built(corpus, described(videos))
    away = next(read_measured(corpus, MeasuredVideo)).video_id
    videos[0].unlink()
    settings = SETTINGS.model_copy(update={"relevance": Relevance(model="two")})
    work = Work(directory=corpus, settings=settings, make_stages=make_stages)
    assert build(described(videos, title="另一个标题"), work, runner_here).reasons == {"missing": 1}
    assert len(kept_pictures(cache_path(corpus, "shard-000000"), str(away))) == 3


def test_a_file_that_was_only_touched_runs_no_stage_but_its_examination(corpus: Path, videos: list[Path]) -> None:
    first = built(corpus, described(videos))[0]
    before = calls(corpus)
    os.utime(videos[0], ns=(1, 1))
    assert built(corpus, described(videos))[0] == first
    assert calls(corpus) - before == {"examine": 1}


def test_a_copy_counts_when_the_first_file_was_replaced(corpus: Path, videos: list[Path], tmp_path: Path) -> None:
    copy = Path(shutil.copy2(videos[0], tmp_path / "copy.mp4"))
    assert built(corpus, described([*videos, copy]))[0].reasons == {"copy": 1}
    write_video(videos[0], seconds=0.6, seed=9)
    account = built(corpus, described([*videos, copy]))[0]
    assert (account.measured, account.reasons) == (4, {})


def test_a_copy_counts_after_a_build_that_was_killed_when_it_had_measured_the_replaced_file(
    corpus: Path, videos: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = Path(shutil.copy2(videos[0], tmp_path / "copy.mp4"))
    sources = described([*videos, copy])
    built(corpus, sources)
    write_video(videos[0], seconds=0.6, seed=9)
    with monkeypatch.context() as killed:
        killed.setattr("data_pipeline.building.build.orphaned_copies", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            built(corpus, sources)
    more: list[int] = []
    work, done = Work(directory=corpus, settings=SETTINGS, make_stages=make_stages), list[MeasuredVideo]()
    account = build(sources, work, runner_here, more=more.append, done=done.append)
    assert (account.measured, account.reasons, more, len(done)) == (4, {}, [1], 1)
    assert built(corpus, sources)[0::2] == (account, 0)


def test_a_copy_that_is_gone_is_looked_for_once(corpus: Path, videos: list[Path], tmp_path: Path) -> None:
    copy = Path(shutil.copy2(videos[0], tmp_path / "copy.mp4"))
    sources = described([*videos, copy])
    built(corpus, sources)
    write_video(videos[0], seconds=0.6, seed=9)
    copy.unlink()
    account = built(corpus, sources)[0]
    assert account.reasons == {"copy": 1}
    assert built(corpus, sources)[0::2] == (account, 0)


def test_a_change_beside_a_removed_source_is_one_video_of_work(corpus: Path, videos: list[Path]) -> None:
    built(corpus, described(videos))
    *others, last = shard_sources(corpus, "shard-000000")
    write_shard_sources(corpus, "shard-000000", [*others, SourceRow(source_id=last.source_id, uri="")])
    more, done = list[int](), list[MeasuredVideo]()
    work = Work(directory=corpus, settings=SETTINGS, make_stages=make_stages)
    account = build(described(videos, title="另一个标题"), work, runner_here, more=more.append, done=done.append)
    assert (account.reasons, more, [row.title for row in done]) == ({"removed": 1}, [], ["另一个标题"])


def test_an_export_of_frames_leaves_out_a_file_that_is_not_the_one_measured(
    corpus: Path, videos: list[Path], tmp_path: Path
) -> None:
    built(corpus, described(videos))
    write_video(videos[0], seconds=0.6, seed=9)
    done = export_corpus(corpus, tmp_path / "frames", ExportSettings(form="webdataset"))
    assert [failure.kind for failure in done.failures] == ["changed"]
    assert f"{videos[0]} is not the file that was measured" in done.failures[0].message
    assert len(ShardDataset(tmp_path / "frames", split=None)) == 2


def test_what_was_refused_is_kept_until_its_table_is_named_again(corpus: Path, tmp_path: Path) -> None:
    table, folder = tmp_path / "list.csv", tmp_path / "films"
    first = [Rejected(f"{table} line 2", "it states no licence."), Rejected(f"{table} line 3", "it names no file.")]
    other = [Rejected(f"{folder}/a.mp4", "its name is not UTF-8."), Rejected(f"{tmp_path}/list.csv2 line 1", "it names no file.")]
    corpus.mkdir(parents=True)
    folder.mkdir()
    for name in (table, folder / "a.mp4", tmp_path / "list.csv2"):
        name.touch()
    keep_refused(corpus, first, named=[table])
    keep_refused(corpus, other, named=[folder])
    assert read_refused(corpus) == [*first, *other]
    keep_refused(corpus, first[1:], named=[table])
    assert read_refused(corpus) == [*other, first[1]]
    keep_refused(corpus, [], named=[table, folder])
    assert read_refused(corpus) == other[1:]


def test_a_line_of_what_was_refused_that_is_none_is_passed_over(corpus: Path) -> None:
    corpus.mkdir(parents=True)
    (corpus / REFUSED).write_text('{"where": "a", "reason": "b"}\n{"where": "c"}\n[]\n{"where": 1, "reason": "d"}\n')
    assert read_refused(corpus) == [Rejected("a", "b")]


def test_what_was_refused_of_a_folder_goes_when_it_is_named_again(corpus: Path, tmp_path: Path) -> None:
    folder, clips = tmp_path / "影片 一", tmp_path / "clips"
    for path in (folder, clips, corpus):
        path.mkdir(parents=True)
    odd = Path(os.fsdecode(os.fsencode(folder) + b"/\xff.mp4"))
    odd.write_bytes(b"x")
    (clips / "caption.json").write_text("{}")
    (clips / "own.mp4").write_bytes(b"x")
    named = [folder, clips / "caption.json"]
    keep_refused(corpus, read_sources(named, i_have_rights=True).rejected, named=named)
    assert {Path(one.where).name for one in read_refused(corpus)} == {"own.mp4", "\\udcff.mp4"}
    odd.unlink()
    (clips / "own.mp4").unlink()
    keep_refused(corpus, read_sources(named, i_have_rights=True).rejected, named=named)
    assert read_refused(corpus) == []


def test_a_refused_row_goes_when_its_file_has_come_in_otherwise_or_its_table_is_gone(
    corpus: Path, videos: list[Path], tmp_path: Path
) -> None:
    def named(table: Path, lines: tuple[str, ...] | list[str]) -> set[str]:
        """What is kept as refused after a build of a table; no other is named."""
        table.write_text("\n".join(["file,licence", *lines]), encoding="utf-8")
        found = read_sources([table])
        work = Work(directory=corpus, settings=SETTINGS, make_stages=make_stages)
        account = build(found.rows, work, runner_here, refused=found.rejected, named=[table])
        kept = read_refused(corpus)
        assert account.refused == len(kept)
        return {f"{Path(one.where).name} {Path(one.file).name}" for one in kept}

    first, second = tmp_path / "a list.csv", tmp_path / "second.csv"
    one, two, three = (str(path) for path in videos)
    lines = (f"{one},CC-BY-4.0", f"{two},", f"{tmp_path}/late.mp4,CC0-1.0", f"{three},mine", f"{one},CC0-1.0")
    all_of_it = {"a list.csv line 3 1.mp4", "a list.csv line 4 late.mp4", "a list.csv line 5 2.mp4", "a list.csv line 6 "}
    assert named(first, lines) == all_of_it
    assert named(second, [f"{two},CC-BY-4.0"]) == all_of_it - {"a list.csv line 3 1.mp4"}
    write_video(tmp_path / "late.mp4", seconds=0.5, seed=7)
    assert named(second, ["late.mp4,CC0-1.0"]) == {"a list.csv line 5 2.mp4", "a list.csv line 6 "}
    first.unlink()
    assert named(second, ["late.mp4,CC0-1.0", "gone.mp4,CC0-1.0"]) == {"second.csv line 3 gone.mp4"}


def test_hashtags_are_the_topics_of_a_video_that_has_no_others(corpus: Path, videos: list[Path]) -> None:
    bare = [source_of(path, title=f"小狗追球 #萌宠 #金毛{path.stem}") for path in videos]
    built(corpus, [replace(bare[0], topics=("狗",)), *bare[1:]])
    topics = [row.topics for row in read_measured(corpus, MeasuredVideo)]
    assert topics == [("狗",), ("萌宠", "金毛1"), ("萌宠", "金毛2")]
    write_selection(corpus, SelectionSettings(topic_cap=1, drop_duplicate_texts=False))
    decided = [row.reason for row in read_table(corpus / DECISIONS, DecisionRow)]
    assert sorted(decided) == ["", "", "balance"]


def test_burnt_in_text_that_repeats_speech_which_came_along_is_marked(corpus: Path, videos: list[Path]) -> None:
    said = ("一只狗在追球", "它跑得很快")
    source = replace(
        source_of(videos[0]), captions=said, caption_starts_ms=(0, -1), caption_ends_ms=(400, -1), caption_kind="asr"
    )
    shown = tuple(
        ScreenTextRow(
            video_id="v", track=track, start_ms=0, end_ms=400, looks=3, text=text, confidence=0.9, quad=(0.1,) * 8, area=0.1,
            role="subtitle",
        )
        for track, text in enumerate(said)
    )  # fmt: skip

    def stages(settings: BuildSettings, directory: Path, load: ModelsLoader = load_models) -> Stages:
        made = make_stages(settings, directory, load)
        look = made.look.run
        return replace(made, look=replace(made.look, run=lambda *given: replace(look(*given), screen_texts=shown)))

    corpus.parent.mkdir()
    build([source], Work(directory=corpus, settings=SETTINGS, make_stages=stages), runner_here)
    assert [row.repeats_speech for row in read_measured(corpus, ScreenTextRow)] == [IMPORTED, None]


def test_a_new_policy_on_speech_judges_what_is_kept_and_listens_to_nothing(
    corpus: Path, videos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    said = SpeechRow(
        video_id="v", segment=0, start_ms=0, end_ms=300, text="谢谢观看", language="zh", average_logprob=None, no_speech=None,
        compression=None, voice_share=None, music_share=None, singing_share=None, flags=(), engine="e", model_digest="",
    )  # fmt: skip
    light = BuildSettings(screen_text=ScreenText(engine=None), speech=Speech(voice=False))

    def by_policy(version: str, *flags: str) -> StagesMaker:
        def stages(settings: BuildSettings, directory: Path, load: ModelsLoader = load_models) -> Stages:
            monkeypatch.setattr("data_pipeline.building.default_stages.POLICY_VERSION", version)
            pair = default_stages(light, directory, load).pair
            return replace(make_stages(settings, directory, load), pair=pair, judge=lambda heard: (replace(said, flags=flags),))

        return stages

    corpus.parent.mkdir()
    for version, flags in (("1", ()), ("2", ("invention",))):
        build(
            described(videos[:1]), Work(directory=corpus, settings=SETTINGS, make_stages=by_policy(version, *flags)), runner_here
        )
        assert [row.flags for row in read_measured(corpus, SpeechRow)] == [flags]
        assert [row.flags for row in read_measured(corpus, CandidateRow) if row.kind == "asr"] == [flags]
    assert (calls(corpus)["listen"], calls(corpus)["look"]) == (1, 1)
