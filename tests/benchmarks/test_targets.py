"""Benchmarks with targets: what is missed is told by the exit status, and what they compare with finds the same."""

from __future__ import annotations

import socket
import sys
import threading

import numpy as np
import pytest

from benchmarks import http_search, library_search, no_answer, text_encoder
from benchmarks.targets import judged
from retrieval.library import Library
from serving.demo.unseen import MODEL

_CLIPS = 400


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "library"
    with Library.open(folder, write=True, create=True) as made:
        library_search.write_library(made, clips=_CLIPS, frames=1)
        made.compact()
    return folder


def run(main, monkeypatch, *options: object) -> int:
    monkeypatch.setattr(sys, "argv", ["benchmark", *map(str, options)])
    return main()


def test_a_target_is_a_bound_from_above_or_from_below(capsys):
    targets = {"ms": ("<=", 2.0), "times": (">=", 3.0)}
    assert judged({"ms": 2.0, "times": 3.0}, targets)
    assert not judged({"ms": 1.0, "times": 2.9}, targets)
    assert not judged({"ms": 2.1, "times": 3.0}, targets)
    assert "ms <= 2: missed, times >= 3: met" in capsys.readouterr().out


@pytest.mark.parametrize(("limit", "status"), [(1e9, 0), (0.0, 1)])
def test_a_missed_target_of_the_search_of_a_library_is_the_exit_status(library, monkeypatch, limit, status):
    monkeypatch.setattr(library_search, "TARGETS", {"p50 ms": ("<=", limit)})
    options = ("--library", library, "--clips", _CLIPS, "--queries", 2)
    assert run(library_search.main, monkeypatch, *options) == status


@pytest.mark.parametrize(("missed", "status"), [((), 0), ((True,), 1), ((False,), 1)])
def test_a_missed_target_of_either_text_tower_is_the_exit_status(monkeypatch, missed, status):
    monkeypatch.setattr(text_encoder, "time_small", lambda _, *, words, runs: words not in missed)
    monkeypatch.setattr(text_encoder, "export_text_encoder", lambda *_, **__: "left out here")
    assert run(text_encoder.main, monkeypatch, "--queries", 2) == status


def test_searches_over_http_stand_beside_bare_faiss_and_an_exact_search(library, monkeypatch, capsys):
    monkeypatch.setattr(http_search, "_WARM", 1)
    monkeypatch.setattr(http_search, "TARGETS", {"p50 ms": ("<=", 0.0), "times the peer": ("<=", 1e9)})
    options = ("--library", library, "--clips", _CLIPS, "--queries", 3, "--clients", 2, "--no-tower")
    assert run(http_search.main, monkeypatch, *options) == 1
    told = capsys.readouterr().out
    assert "exact search over 400 clips: 1 MB" in told
    assert "times that of exact + text tower" in told
    assert "p50 ms <= 0: missed, times the peer <= 1e+09: met" in told


def test_a_connection_that_the_service_has_closed_meanwhile_is_opened_again():
    answers = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
    asked = []
    with socket.create_server(("127.0.0.1", 0)) as service:
        service.settimeout(10)

        def closing_each() -> None:
            for _ in range(2):
                connection, _ = service.accept()
                with connection:
                    asked.append(connection.recv(4096))
                    connection.sendall(answers)

        thread = threading.Thread(target=closing_each, daemon=True)
        thread.start()
        search = http_search.searching(f"http://127.0.0.1:{service.getsockname()[1]}")
        search("猫")
        search("狗")
        thread.join(timeout=30)
    assert len(asked) == 2


def test_the_exact_search_finds_the_nearest_of_all_clips(library, tmp_path, monkeypatch):
    monkeypatch.setattr(http_search, "_VIDEOS_AT_ONCE", 7)
    encoder = http_search.TimedEncoder(None)
    scores, found = http_search.exact(library, encoder, tmp_path / "copy")("城市")
    with Library.open(library) as opened:
        ids = opened.video_ids()
        vectors = np.concatenate([opened.clip_vectors(ids)[video_id] for video_id in ids])
    cosines = vectors @ encoder.encode_texts(["城市"]).pooled[0]
    np.testing.assert_array_equal(found[0], np.argsort(-cosines, kind="stable")[:100])
    np.testing.assert_allclose(scores[0], np.sort(cosines)[::-1][:100], rtol=1e-5)


def test_each_model_is_asked_over_clips_that_it_saw_itself(tiny_chinese_clip, monkeypatch, capsys):
    monkeypatch.setattr(no_answer, "_QUERIES", 2)
    assert run(no_answer.main, monkeypatch, "--clips", 20, "--model", MODEL, "--model", tiny_chinese_clip) == 0
    told = capsys.readouterr().out
    assert [line for line in told.splitlines() if "20 clips" in line] == [
        f"{model}, 20 clips, seed 12:" for model in (MODEL, tiny_chinese_clip)
    ]
    assert told.count("about other things") == 2
