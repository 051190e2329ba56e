"""A burnt-in subtitle is known by the speech at its time."""

from __future__ import annotations

import pytest

from data_pipeline.corpus.measured import IMPORTED, ScreenTextRow, SpeechRow
from data_pipeline.evidence.repeated_speech import with_repeats
from retrieval.records import Evidence


def line(text: str, start_ms: int = 1000, end_ms: int = 2000) -> ScreenTextRow:
    return ScreenTextRow(
        video_id="v", track=0, start_ms=start_ms, end_ms=end_ms, looks=3, text=text, confidence=0.9, quad=(0.1,) * 8,
        area=0.1, role="subtitle",
    )  # fmt: skip


def segment(number: int, text: str, start_ms: int, end_ms: int) -> SpeechRow:
    return SpeechRow(
        video_id="v", segment=number, start_ms=start_ms, end_ms=end_ms, text=text, language="zh", average_logprob=None,
        no_speech=None, compression=None, voice_share=None, music_share=None, singing_share=None, flags=(), engine="e",
        model_digest="d",
    )  # fmt: skip


SPEECH = [segment(0, "大家好，今天我們來做紅燒肉", 0, 2500), segment(1, "先把肉切成小块", 2500, 5000)]


@pytest.mark.parametrize(("text", "start_ms", "repeats"), [
    ("今天我们来做红烧肉", 1000, 0), ("先把肉切成小坑", 3000, 1), ("大家", 1000, 0), ("大爷", 1000, None),
    ("先把肉切成小块", 9000, None),
    ("五花肉 500 克", 3000, None), ("！！", 1000, None),
])  # fmt: skip
def test_a_line_repeats_the_speech_at_its_time(text: str, start_ms: int, repeats: int | None) -> None:
    found, = with_repeats([line(text, start_ms, start_ms + 1000)], SPEECH)
    assert found.repeats_speech == repeats


def test_without_speech_nothing_is_repeated() -> None:
    assert with_repeats([line("你好")], []) == (line("你好"),)


def test_a_line_repeats_a_subtitle_track_at_its_time_and_speech_counts_first() -> None:
    track = [
        Evidence(kind="subtitle", text=text, start_ms=start_ms, end_ms=start_ms + 2000, source="stream:1")
        for text, start_ms in (("先把肉切成小块", 2500), ("再放两勺酱油", 6000))
    ]
    lines = [line("再放两勺酱油", 6500, 7500), line("先把肉切成小块", 3000, 4000), line("再放两勺酱油", 12_000, 13_000)]
    assert [one.repeats_speech for one in with_repeats(lines, SPEECH, track)] == [IMPORTED, 1, None]
    assert [one.repeats_speech for one in with_repeats(lines, [], track)] == [IMPORTED, IMPORTED, None]
