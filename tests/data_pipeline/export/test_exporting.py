"""What leaves a corpus, in every form; and that what was taken out of a corpus leaves its exports too."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from data_pipeline.corpus.errors import CorpusError
from data_pipeline.corpus.rows import ClipRow, PairRow, VideoRow
from data_pipeline.corpus.shard_list import load_list
from data_pipeline.corpus.shard_reader import ShardDataset, decode
from data_pipeline.corpus.tables import CLIPS, PAIRS, VIDEOS, read_table
from data_pipeline.export.exporting import (
    FORMS,
    ExportSettings,
    export_corpus,
    exports_of,
    read_held,
    remove_from_export,
)
from data_pipeline.export.frames import FrameOptions
from data_pipeline.export.parquet import forget_rows
from data_pipeline.sources import read_sources
from retrieval.errors import InputError, WenshiError
from serving.cli.main import app
from tests.data_pipeline.export.finished_corpus import everything_in, title_of, write_finished, write_videos

FRAMES = FrameOptions(count=2, side=32, rows_per_shard=3)


@pytest.fixture(scope="module")
def paths(tmp_path_factory) -> list[Path]:
    return write_videos(tmp_path_factory.mktemp("videos"))


@pytest.fixture
def corpus(tmp_path, paths) -> Path:
    write_finished(tmp_path / "corpus", paths)
    return tmp_path / "corpus"


def settings(form: str, **more) -> ExportSettings:
    return ExportSettings(form=form, frames=FRAMES, **more)


def ended(*_) -> None:
    """Stands where a run is killed."""
    raise KeyboardInterrupt


def lines(directory: Path) -> list[dict]:
    return [json.loads(line) for line in (directory / "pairs.jsonl").read_text().splitlines()]


def test_json_lines_hold_a_pair_each_with_its_span_video_and_scores(corpus, tmp_path, paths):
    done = export_corpus(corpus, tmp_path / "out", settings("jsonl"))
    rows = lines(tmp_path / "out")
    assert (done.videos, done.clips, done.pairs, len(rows)) == (4, 8, 8, 8)
    first = rows[0]
    assert (first["text"], first["kind"], first["start_ms"], first["end_ms"]) == (title_of(0), "title", 0, 1000)
    assert (first["file"], first["license"], first["relevance_top3"]) == (str(paths[0]), "CC-BY-4.0", 0.25)


def test_the_filters_of_licence_and_split_let_through_what_they_say(corpus, tmp_path):
    export_corpus(corpus, tmp_path / "a", settings("jsonl", license_filter="commercial-ok"))
    assert {row["license"] for row in lines(tmp_path / "a")} == {"CC-BY-4.0", "CC0-1.0"}
    export_corpus(corpus, tmp_path / "b", settings("jsonl", license_filter="commercial-ok", split="train"))
    assert {row["text"] for row in lines(tmp_path / "b")} == {title_of(0), "台词0"}
    for wrong in (settings("jsonl", license_filter="cheap"), settings("jsonl", split="no")):
        with pytest.raises(InputError):
            export_corpus(corpus, tmp_path / "c", wrong)


def test_tables_come_out_as_they_are(corpus, tmp_path):
    export_corpus(corpus, tmp_path / "out", settings("parquet"))
    for name, row_type in ((VIDEOS, VideoRow), (CLIPS, ClipRow), (PAIRS, PairRow)):
        assert list(read_table(tmp_path / "out" / name, row_type)) == list(read_table(corpus / name, row_type))


def test_the_cnvid_layout_is_read_back_the_same(corpus, tmp_path):
    export_corpus(corpus, tmp_path / "out", settings("cnvid", placing="link"))
    found = read_sources([tmp_path / "out"], i_have_rights=True)
    videos = list(read_table(corpus / VIDEOS, VideoRow))
    assert [Path(row.uri).stem for row in found.rows] == [video.video_id for video in videos]
    for number, row in enumerate(found.rows):
        assert row.captions == (f"台词{number}", title_of(number))
        assert (row.caption_starts_ms, row.caption_ends_ms) == ((0, 0), (500, 1000))
    assert (found.rejected, found.notices) == ((), ())
    assert f"{videos[0].video_id},https://example.org/0" in (tmp_path / "out/videos.csv").read_text()
    export_corpus(corpus, tmp_path / "copied", settings("cnvid", placing="copy"))
    assert {p.stem for p in (tmp_path / "copied/videos").iterdir() if not p.is_symlink()} == {v.video_id for v in videos}


def test_a_video_that_is_gone_is_named_where_it_was_to_be_copied(tmp_path):
    first, gone = write_videos(tmp_path / "videos", 2)
    write_finished(tmp_path / "corpus", [first, gone])
    gone.unlink()
    with pytest.raises(CorpusError, match=f"The video {gone} cannot be copied") as raised:
        export_corpus(tmp_path / "corpus", tmp_path / "out", settings("cnvid", placing="copy"))
    assert raised.value.kind == "unreadable"


def test_shards_hold_frames_with_times_and_a_second_export_decodes_nothing(corpus, tmp_path, monkeypatch):
    export_corpus(corpus, corpus / "shards", settings("webdataset"))
    samples = ShardDataset(corpus / "shards", split="train")
    assert len(samples) == 6
    assert [(text["text"], text["kind"]) for text in samples[0].texts] == [(title_of(0), "title")]
    assert decode(samples[0]).shape == (2, 32, 32, 3)
    monkeypatch.setattr("data_pipeline.corpus.video_clips.frames_of_video", None)
    export_corpus(corpus, corpus / "shards", settings("webdataset"))


def test_shards_of_an_earlier_selection_are_replaced(corpus, tmp_path):
    export_corpus(corpus, tmp_path / "shards", settings("webdataset"))
    forget_rows(corpus, {next(read_table(corpus / VIDEOS, VideoRow)).video_id})
    export_corpus(corpus, tmp_path / "shards", settings("webdataset"))
    assert len(ShardDataset(tmp_path / "shards", split=None)) == 6
    assert title_of(0).encode() not in everything_in(tmp_path / "shards")
    assert not (tmp_path / ".shards.part").exists()


@pytest.mark.parametrize("form", FORMS)
def test_a_removal_leaves_no_byte_of_a_video_in_an_export_and_everything_of_the_others(corpus, tmp_path, form):
    out = tmp_path / "out"
    export_corpus(corpus, out, settings(form, placing="link"))
    videos = list(read_table(corpus / VIDEOS, VideoRow))
    gone = videos[1].video_id
    assert title_of(1).encode() in everything_in(out)
    forget_rows(corpus, {gone})
    assert remove_from_export(out, {gone}, corpus=corpus)
    left = everything_in(out)
    assert title_of(1).encode() not in left
    assert gone.encode() not in left
    assert "台词1".encode() not in left
    for number in (0, 2, 3):
        assert title_of(number).encode() in left
    fresh = export_corpus(corpus, tmp_path / "fresh", settings(form, placing="link"))
    assert json.loads((out / "export.json").read_text())["sha256"] == fresh.sha256
    names = ["pairs.jsonl", "caption.json", "videos.csv", PAIRS, CLIPS, VIDEOS, "held.jsonl"]
    for name in names:
        if (out / name).exists():
            assert (out / name).read_bytes() == (tmp_path / "fresh" / name).read_bytes(), name
    assert not remove_from_export(out, {gone}, corpus=corpus)


def test_shards_after_a_removal_go_on_as_if_the_video_had_never_been_there(corpus, tmp_path, monkeypatch):
    out = tmp_path / "shards"
    export_corpus(corpus, out, settings("webdataset"))
    gone = list(read_table(corpus / VIDEOS, VideoRow))[1].video_id
    before = {path.name: path.read_bytes() for path in out.glob("*.tar")}
    forget_rows(corpus, {gone})
    remove_from_export(out, {gone}, corpus=corpus)
    after = {path.name: path.read_bytes() for path in out.glob("*.tar")}
    assert before["frames-000002.tar"] == after["frames-000002.tar"]
    assert load_list(out).samples == len(ShardDataset(out, split=None)) == 6
    assert decode(ShardDataset(out, split="train")[1]).shape == (2, 32, 32, 3)
    monkeypatch.setattr("data_pipeline.corpus.video_clips.frames_of_video", None)
    export_corpus(corpus, out, settings("webdataset"))
    assert {path.name: path.read_bytes() for path in out.glob("*.tar")} == after


def test_a_failed_clip_of_a_removed_video_is_forgotten_too(corpus, tmp_path, paths):
    videos = list(read_table(corpus / VIDEOS, VideoRow))
    moved = paths[2].rename(paths[2].with_suffix(".away"))
    try:
        done = export_corpus(corpus, tmp_path / "out", settings("webdataset"))
    finally:
        moved.rename(paths[2])
    assert len(done.failures) == 2
    forget_rows(corpus, {videos[2].video_id})
    remove_from_export(tmp_path / "out", {videos[2].video_id}, corpus=corpus)
    assert title_of(2).encode() not in everything_in(tmp_path / "out")


def test_the_card_tells_counts_licences_settings_and_the_hash_but_not_the_salt(corpus, tmp_path):
    done = export_corpus(corpus, tmp_path / "out", settings("jsonl"))
    card = (tmp_path / "out/README.md").read_text()
    assert card.startswith("---\nlanguage:\n- zh\n")
    assert f"sha256 `{done.sha256}`" in card
    assert "| CC-BY-NC-4.0 | 1 | 2 | no | yes |" in card
    assert "| train | 3 | 6 |" in card
    assert '"model": "m"' in card
    assert "5a17" not in card


def test_an_export_never_overwrites_what_is_none_and_keeps_to_its_form(corpus, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/notes.txt").write_text("x")
    with pytest.raises(InputError, match="is no export"):
        export_corpus(corpus, tmp_path / "mine", settings("jsonl"))
    export_corpus(corpus, tmp_path / "out", settings("jsonl"))
    export_corpus(corpus, tmp_path / "out", settings("jsonl", split="train"))
    assert len(read_held(tmp_path / "out")) == 3
    with pytest.raises(InputError, match="as jsonl"):
        export_corpus(corpus, tmp_path / "out", settings("parquet"))
    assert exports_of(corpus) == [tmp_path / "out"]


def test_an_export_is_known_by_whatever_name_it_has(corpus, tmp_path):
    odd = tmp_path / "第\u2028一\x85版\x1c"
    export_corpus(corpus, odd, settings("jsonl"))
    assert exports_of(corpus) == [odd]


def test_what_an_ended_export_left_gets_into_no_other(corpus, tmp_path):
    left = tmp_path / ".out.part" / "videos"
    left.mkdir(parents=True)
    (left / "of_another_licence.mp4").touch()
    export_corpus(corpus, tmp_path / "out", settings("cnvid", license_filter="commercial-ok", placing="link"))
    assert len(list((tmp_path / "out/videos").iterdir())) == 2


def test_frames_do_not_go_on_in_what_an_ended_export_of_another_form_left(corpus, tmp_path, monkeypatch):
    out, left = tmp_path / "out", tmp_path / ".out.part"
    with monkeypatch.context() as patched:
        patched.setattr("data_pipeline.export.exporting.replace_directory", ended)
        with pytest.raises(KeyboardInterrupt):
            export_corpus(corpus, out, settings("jsonl"))
    assert (left / "pairs.jsonl").exists()
    with pytest.raises(KeyboardInterrupt):
        export_corpus(corpus, out, settings("webdataset"), progress=lambda done, _: ended() if done > 3 else None)
    forget_rows(corpus, {next(read_table(corpus / VIDEOS, VideoRow)).video_id})
    export_corpus(corpus, out, settings("webdataset"))
    assert not (out / "pairs.jsonl").exists()
    assert title_of(0).encode() not in everything_in(out)
    assert len(ShardDataset(out, split=None)) == 6


def test_frames_go_on_in_what_an_ended_export_of_frames_left(corpus, tmp_path, monkeypatch):
    out = tmp_path / "out"
    export_corpus(corpus, out, settings("webdataset"))
    forget_rows(corpus, {next(read_table(corpus / VIDEOS, VideoRow)).video_id})
    with monkeypatch.context() as patched:
        patched.setattr("data_pipeline.corpus.renewing.replace_directory", ended)
        with pytest.raises(KeyboardInterrupt):
            export_corpus(corpus, out, settings("webdataset"))
    monkeypatch.setattr("data_pipeline.corpus.video_clips.frames_of_video", None)
    export_corpus(corpus, out, settings("webdataset"))
    assert len(ShardDataset(out, split=None)) == 6


def test_the_command_writes_and_tells(corpus, tmp_path):
    run = lambda *arguments: CliRunner().invoke(app, ["corpus", *map(str, arguments)], catch_exceptions=False)  # noqa: E731
    shown = run("export", corpus, "-f", "jsonl", "-o", tmp_path / "out", "--license", "commercial-ok")
    assert shown.stdout.startswith("2 videos, 4 clips, 4 pairs: ")
    answer = json.loads(run("export", corpus, "-f", "webdataset", "--frames", 1, "--side", 16, "--json").stdout)
    assert (answer["directory"], answer["clips"], answer["failed"]) == (str(corpus / "shards"), 8, [])
    assert "# corpus\n" in run("card", corpus).stdout
    with pytest.raises(WenshiError, match="Say where"):
        run("export", corpus, "-f", "jsonl")
