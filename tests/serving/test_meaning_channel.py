"""Vectors of titles, lines and signs: made while adding, or later; searched from the command line. A made-up model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from retrieval.errors import ModelError
from retrieval.library import Library
from retrieval.library.backends import Named
from retrieval.records import Evidence, Location, Video
from serving.cli.main import app
from serving.ingest import meanings
from serving.ingest.run import AddOptions, add_videos
from tests.retrieval.library.vector_backends import PlainStore
from tests.sentence_models import ConceptModel
from tests.videos import write_subtitles, write_video


@pytest.fixture
def models(monkeypatch: pytest.MonkeyPatch) -> dict[str, ConceptModel]:
    """What a name loads; a name that is missing is a model that is not there."""
    known = {"concepts": ConceptModel(), "newer": ConceptModel("2")}

    def load(name: str, **_: object) -> ConceptModel:
        if name not in known:
            raise ModelError(f"There is no model {name}.")
        return known[name]

    monkeypatch.setattr("retrieval.encoders.loading.load_sentence_encoder", load)
    monkeypatch.setattr(
        "retrieval.encoders.loading.made_text_vectors", lambda name, it: load(name).generation.revision == it.revision
    )
    return known


def put(library: Library, number: int, title: str, *lines: str) -> None:
    video = Video(
        id=f"{number:064x}", size_bytes=1, duration_ms=60_000, width=2, height=2, frames_per_second=25.0,
        container="mp4", codec="h264", has_audio=False,
    )  # fmt: skip
    said = [Evidence(kind="asr", text=text, start_ms=i * 1000, end_ms=i * 1000 + 900, source="s") for i, text in enumerate(lines)]
    library.put(
        video, Location(path=f"/v/{number}.mp4", size_bytes=1, modified_ns=0), evidence=said,
        location_evidence=[Evidence(kind="title", text=title, start_ms=0, end_ms=60_000, source="manifest")],
        clips=[], generation=None, examined={},
    )  # fmt: skip


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """Made before there was a sentence model."""
    with Library.open(tmp_path / "library", write=True, create=True) as opened:
        put(opened, 1, "小狗追球", "它跑得快", "好")
        put(opened, 2, "轿车", "开得快")
    return tmp_path / "library"


def wenshi(*arguments: str | Path) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, (result.output, result.exception)
    return result.stdout


def found(library: Path, text: str, *options: str) -> list[str]:
    hits = json.loads(wenshi("search", text, "-l", library, "--json", *options))["hits"]
    return [f"{Path(hit['path']).stem} {' '.join(match['name'] for match in hit['channels'])}" for hit in hits]


def share(library: Path) -> dict[str, float]:
    with Library.open(library) as opened:
        assert opened.check() == []
        return {s.generation.revision: s.share for s in opened.status().text_generations}


def test_added_videos_are_found_by_what_their_titles_and_lines_mean(models, tmp_path):
    clips, library = tmp_path / "clips", tmp_path / "library"
    clips.mkdir()
    write_video(clips / "小狗.mp4", seed=1)
    other = write_video(clips / "other.mp4", seed=2)
    write_subtitles(clips / "other.srt", [(0, 500, "一辆轿车"), (500, 900, "　")])
    options = AddOptions(model="none", sentences="concepts", on_screen_text=False, readers=2)
    assert add_videos(library, [clips], options).counts["added"] == 2
    assert share(library) == {"1": 1.0}
    assert found(library, "puppy") == ["小狗 meaning"]
    assert found(library, "car") == ["other meaning"]
    assert found(library, "car", "--channel", "title") == []

    before = list(models["concepts"].read)
    again = AddOptions(model="none", on_screen_text=False, readers=2)
    assert add_videos(library, [clips], again).counts["unchanged"] == 2
    write_subtitles(clips / "other.srt", [(0, 500, "下雨")])
    assert add_videos(library, [clips], again).counts["updated"] == 1
    read = models["concepts"].read[len(before) :]
    assert {text for text in read if text not in ("puppy", "car")} == {"other", "下雨"}
    assert found(library, "rain") == ["other meaning"]
    other.rename(clips / "汽车.mp4")
    assert add_videos(library, [clips], again).counts["added"] == 1
    assert found(library, "car") == ["汽车 meaning"]
    assert share(library) == {"1": 1.0}


def test_videos_that_are_there_get_their_vectors_later_and_an_ended_run_goes_on(models, library, monkeypatch):
    monkeypatch.setattr(meanings, "_BATCH", 2)
    model = models["concepts"]
    encode = model.encode
    calls: list[int] = []

    def interrupted(sentences: list[str]) -> object:
        calls.append(len(sentences))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return encode(sentences)

    monkeypatch.setattr(model, "encode", interrupted)
    assert CliRunner().invoke(app, ["library", "embed", "-l", str(library), "--sentences", "concepts"]).exit_code != 0
    assert share(library) == {"1": 0.4}
    monkeypatch.undo()
    monkeypatch.setattr(meanings, "load_sentences", lambda name, _: model)
    said = wenshi("library", "embed", "-l", library, "--sentences", "concepts")
    assert "3 texts read by concepts" in said
    assert share(library) == {"1": 1.0}
    assert len(model.read) == 5
    assert "sentence model concepts (1): 100% of texts, active" in wenshi("library", "status", "-l", library)


def test_another_model_is_refused_by_add_and_taken_over_by_embed(models, library, tmp_path):
    wenshi("library", "embed", "-l", library, "--sentences", "concepts")
    clip = write_video(tmp_path / "clip.mp4")
    with pytest.raises(ModelError, match="wenshi library embed --sentences newer"):
        add_videos(library, [clip], AddOptions(model="none", sentences="newer"))
    wenshi("library", "embed", "-l", library, "--sentences", "newer")
    assert share(library) == {"1": 1.0, "2": 1.0}
    assert found(library, "puppy") == ["1 meaning"]
    assert models["newer"].read[-1] == "puppy"


def test_where_the_model_before_is_found_is_known_after_another_took_over(models, tmp_path):
    library = tmp_path / "library"
    video = write_video(tmp_path / "球.mp4", seconds=1)
    add_videos(library, [video], AddOptions(model="none", sentences="concepts", on_screen_text=False))
    wenshi("library", "embed", "-l", library, "--sentences", "newer")
    wenshi("library", "activate", "1", "-l", library)
    with Library.open(library) as opened:
        assert (opened.text_generation(), opened.setting("sentences")) == (models["concepts"].generation, "concepts")


@pytest.mark.parametrize("how", ["it is gone", "it is another one", "none"])
def test_without_its_model_the_words_answer_and_a_notice_says_why(models, library, how):
    wenshi("library", "embed", "-l", library, "--sentences", "concepts")
    options: list[str] = []
    if how == "it is gone":
        del models["concepts"]
    elif how == "it is another one":
        models["concepts"] = ConceptModel("3")
    else:
        options = ["--sentences", "none"]
    result = CliRunner().invoke(app, ["search", "小狗", "-l", str(library), "--json", *options])
    assert [match["name"] for match in json.loads(result.stdout)["hits"][0]["channels"]] == ["title"]
    assert result.stderr.count("The meaning channel is off: ") == (how != "none")


def test_adding_goes_on_without_the_library_s_sentence_model_and_says_so(models, library, tmp_path):
    wenshi("library", "embed", "-l", library, "--sentences", "concepts")
    del models["concepts"]
    clip = write_video(tmp_path / "clip.mp4")
    report = add_videos(library, [clip], AddOptions(model="none", on_screen_text=False))
    assert report.counts["added"] == 1
    assert [notice for notice in report.notices if "meaning channel" in notice] == [
        "What is added gets no vectors for the meaning channel: There is no model concepts."
    ]


def test_a_library_without_a_sentence_model_asks_for_one(models, library):
    result = CliRunner().invoke(app, ["library", "embed", "-l", str(library)])
    assert "name one with --sentences" in str(result.exception)


def test_a_sentence_model_that_fails_while_adding_ends_the_run_and_keeps_what_is_there(
    models, library, tmp_path, monkeypatch
):
    def fail(sentences: object) -> object:
        raise ModelError("The sentence model is damaged.")

    monkeypatch.setattr(models["concepts"], "encode", fail)
    clip = write_video(tmp_path / "clip.mp4")
    with pytest.raises(ModelError, match="damaged"):
        add_videos(library, [clip], AddOptions(model="none", sentences="concepts", on_screen_text=False))
    with Library.open(library) as opened:
        assert len(opened.video_ids()) == 2


def test_a_push_of_a_library_that_is_not_there_makes_no_store(tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr("retrieval.library.backends.open_store", lambda address, *, create: made.append(address))
    refused = CliRunner().invoke(app, ["library", "push", "-l", str(tmp_path / "mistyped"), "--to", "qdrant:x"])
    assert "does not exist" in str(refused.exception)
    assert made == []


def test_a_search_asks_the_store_that_a_push_filled_and_goes_on_by_words_without_it(models, library, monkeypatch):
    store = PlainStore()
    named = Named(store, "films")
    monkeypatch.setattr("retrieval.library.backends.open_store", lambda address, *, create: named)
    monkeypatch.setattr("serving.vectors.open_store", lambda address: named)
    wenshi("library", "embed", "-l", library, "--sentences", "concepts")
    push = ("library", "push", "-l", library, "--to", "qdrant:x#films")
    assert "5 of 5 vectors in a plain store, 5 sent, 0 deleted" in wenshi(*push)
    assert "5 of 5 vectors in a plain store, 0 sent, 0 deleted" in wenshi(*push)

    with Library.open(library.with_name("other"), write=True, create=True):
        pass
    other = ("library", "push", "-l", str(library.with_name("other")), "--to", "qdrant:x#films")
    refused = CliRunner().invoke(app, other)
    assert "or --replace to put this library in its place" in str(refused.exception)

    by_meaning = ("--channel", "meaning")
    assert found(library, "汽车", "--vectors", "qdrant:x#films", *by_meaning) == ["2 meaning"]
    assert "search" in store.calls

    store.failing = True
    result = CliRunner().invoke(app, ["search", "轿车", "-l", str(library), "--vectors", "qdrant:x#films"])
    assert result.exit_code == 0
    assert "note: Vectors were not searched, words were: a plain store cannot be reached." in result.stderr
    assert "2.mp4" in result.stdout
