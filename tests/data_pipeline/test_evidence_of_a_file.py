"""One real file with everything in it: drawn captions, a subtitle stream, sidecars, a title."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import av
import pytest
from av.video.frame import VideoFrame
from drawn import busy, with_text

from data_pipeline.evidence.ocr import RapidOcr
from data_pipeline.evidence.on_screen import OnScreenText
from data_pipeline.evidence.subtitles import sidecar_evidence, subtitle_evidence
from data_pipeline.evidence.titles import content_titles
from retrieval.records import Evidence
from retrieval.video import VideoReader

RATE = 10
SECONDS = 6
CAPTION, CAPTION_MS = "一只狗在草地上追球", (2000, 4000)
SPEECH = "1\n00:00:00,500 --> 00:00:02,000\n大家好\n\n2\n00:00:02,000 --> 00:00:03,500\n大家好\n\n" \
         "3\n00:00:04,000 --> 00:00:09,000\n<i>再见</i>\nGoodbye\n"


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds of 640 x 360 H.264 in Matroska with a title and a Chinese subtitle track."""
    folder = tmp_path_factory.mktemp("film")
    speech = folder / "speech.txt"
    speech.write_text(SPEECH, encoding="utf-8")
    path = folder / "film.mkv"
    with av.open(str(path), "w") as output, av.open(str(speech), format="srt") as subtitles:
        output.metadata.update({"title": "公园里的一天", "comment": "Lavf58"})
        video = output.add_stream("libx264", rate=RATE)
        video.width, video.height, video.pix_fmt = 640, 360, "yuv420p"
        words = output.add_stream_from_template(subtitles.streams.subtitles[0])
        words.metadata["language"] = "chi"
        for number in range(RATE * SECONDS):
            picture = busy(seed=number // 5, height=360, width=640)
            if CAPTION_MS[0] <= number * 1000 // RATE < CAPTION_MS[1]:
                picture = with_text(picture, CAPTION, size=26)
            output.mux(video.encode(VideoFrame.from_ndarray(picture, format="rgb24")))
        output.mux(video.encode())
        for packet in subtitles.demux():
            if packet.pts is not None:
                packet.stream = words
                output.mux(packet)
    return path


def said(evidence: list[Evidence]) -> list[tuple[int, int, str]]:
    return [(piece.start_ms, piece.end_ms, piece.text) for piece in evidence]


def test_a_caption_in_a_real_video_is_found_by_the_one_decoding_pass(film: Path) -> None:
    pytest.importorskip("rapidocr")
    watcher = OnScreenText(RapidOcr())
    with VideoReader(film) as reader:
        for frame in reader.frames():
            watcher.feed(frame)
    (piece,) = watcher.finish(reader.info.duration_ms)
    assert piece.text == CAPTION
    assert piece.kind == "ocr"
    assert piece.source.startswith("rapidocr ")
    assert CAPTION_MS[0] <= piece.start_ms <= CAPTION_MS[0] + 900
    assert CAPTION_MS[1] <= piece.end_ms <= CAPTION_MS[1] + 900
    assert watcher.counts.looks < watcher.counts.frames / 3


def test_the_subtitle_track_of_a_real_file_is_merged_clipped_and_named(film: Path) -> None:
    info = VideoReader(film).info
    found = subtitle_evidence(film, info, duration_ms=info.duration_ms)
    assert said(found) == [(500, 3500, "大家好"), (4000, info.duration_ms, "再见 Goodbye")]
    assert {piece.kind for piece in found} == {"subtitle"}
    assert {piece.source for piece in found} == {f"stream:{info.subtitle_streams[0].index}"}
    assert found[0].language == info.subtitle_streams[0].language is not None


def test_reading_subtitle_tracks_shows_progress_and_a_file_without_any_is_not_read(
    film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = VideoReader(film).info
    beats: list[None] = []
    subtitle_evidence(film, info, duration_ms=info.duration_ms, progress=lambda: beats.append(None))
    assert beats
    without = replace(info, subtitle_streams=())
    assert subtitle_evidence(film.with_name("gone.mkv"), without, duration_ms=info.duration_ms) == []


def test_a_sidecar_of_a_film_with_a_language_in_its_name_has_none(tmp_path: Path) -> None:
    for name in ("movie.it.mp4", "movie.it.srt"):
        (tmp_path / name).write_text(SPEECH, encoding="utf-8")
    found, _ = sidecar_evidence(tmp_path / "movie.it.mp4", duration_ms=6000)
    assert {piece.language for piece in found} == {None}


def test_the_container_of_a_real_file_gives_its_title_and_not_its_program(film: Path) -> None:
    info = VideoReader(film).info
    assert [(e.text, e.source) for e in content_titles(info, duration_ms=info.duration_ms)] == [
        ("公园里的一天", "metadata")
    ]


def test_sidecars_are_read_and_a_broken_one_is_one_notice(film: Path) -> None:
    (film.parent / "film.zh.srt").write_bytes(SPEECH.encode("gb18030"))
    (film.parent / "film.en.vtt").write_bytes(b"\x00\x01 this is no subtitle file")
    found, notices = sidecar_evidence(film, duration_ms=6000)
    assert said(found) == [(500, 3500, "大家好"), (4000, 6000, "再见 Goodbye")]
    assert {(piece.source, piece.language) for piece in found} == {("sidecar:film.zh.srt", "zh")}
    assert len(notices) == 1
    assert "film.en.vtt" in notices[0]


def test_a_video_without_subtitles_gives_nothing_and_no_notice(tmp_path: Path) -> None:
    assert sidecar_evidence(tmp_path / "alone.mp4", duration_ms=6000) == ([], [])
