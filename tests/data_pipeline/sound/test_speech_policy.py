"""What is kept of recognised speech, on the lists of real lines and known inventions and rule by rule."""

from __future__ import annotations

import re
from dataclasses import replace
from random import Random

import numpy as np
import pytest

from benchmarks.speech_policy import WRITINGS, caught, read_lines
from data_pipeline.corpus.measured import SpeechRow
from data_pipeline.miniature.language import chatter
from data_pipeline.sound.hearing import SoundSpan
from data_pipeline.sound.inventions import is_farewell, is_invention
from data_pipeline.sound.policy import is_loop, judged, looped_lines, repeated_across


def row(
    text: str = "一只狗在草地上追球", *, segment: int = 0, start_ms: int = 0, end_ms: int = 2_000, **facts: object
) -> SpeechRow:
    plain = SpeechRow(
        video_id="v", segment=segment, start_ms=start_ms, end_ms=end_ms, text=text, language="zh", average_logprob=-0.3,
        no_speech=0.1, compression=0.8, voice_share=None, music_share=None, singing_share=None, flags=(), engine="e 1",
        model_digest="0",
    )
    return replace(plain, **facts)      # type: ignore[arg-type]


def rows(*lines: str) -> list[SpeechRow]:
    return [row(line, segment=i, start_ms=i * 2_000, end_ms=i * 2_000 + 2_000) for i, line in enumerate(lines)]


def span(start_ms: int, end_ms: int, label: str = "speech", score: float = 0.9) -> SoundSpan:
    return SoundSpan(start_ms=start_ms, end_ms=end_ms, label=label, score=score)


def flags(segment: SpeechRow, *, voice=((0, 2_000),), tags: list[SoundSpan] | None = None) -> tuple[str, ...]:
    spans = None if voice is None else [span(*times) for times in voice]
    return judged([segment], voice=spans, tags=tags)[0].flags


@pytest.mark.parametrize("writing", list(WRITINGS))
def test_known_inventions_are_caught_by_their_text_and_real_lines_are_kept(writing: str) -> None:
    write = WRITINGS[writing]
    real, inventions = read_lines("real.txt"), read_lines("inventions.txt")

    assert len(real) >= 600
    assert len(inventions) >= 50
    assert np.mean(caught(map(write, inventions), voice=None)) >= 0.99
    assert np.mean(caught(map(write, real), voice=0.9)) <= 0.005


def test_a_farewell_is_believed_where_a_voice_is_heard_and_a_credit_never() -> None:
    assert flags(row("谢谢观看，我们下期再见")) == ()
    assert flags(row("谢谢观看，我们下期再见"), voice=None) == ("invention",)
    assert flags(row("谢谢观看"), voice=[(0, 900)]) == ("invention",)
    assert flags(row("谢谢观看", no_speech=0.7)) == ("invention",)
    assert flags(row("请不吝点赞 订阅 转发")) == ("invention",)
    assert flags(row("Thanks for watching!"), voice=[]) == ("no_voice", "invention")


@pytest.mark.parametrize("loop", ["谢谢大家关注", "我们下期见", "and like", "bye "])
def test_a_loop_of_farewells_is_judged_without_trying_every_way_to_cut_it(loop: str) -> None:
    assert is_farewell(60 * loop)
    assert not is_farewell(60 * loop + "他")


def test_a_row_of_notes_before_words_is_judged_without_trying_every_way_to_cut_it() -> None:
    assert is_invention(60 * "♪")
    assert not is_invention(60 * "♪" + "今天我们来看一看这道红烧肉应该怎么做才好吃呢")


def test_a_segment_needs_voice_under_a_quarter_of_it() -> None:
    assert flags(row(), voice=[(0, 600)]) == ()
    assert flags(row(), voice=[(0, 400)]) == ("no_voice",)
    assert flags(row(), voice=[]) == ("no_voice",)
    assert flags(row(), voice=None) == ()


def test_whispers_own_gates_hold() -> None:
    assert flags(row(no_speech=0.7, average_logprob=-1.2)) == ("no_speech",)
    assert flags(row(no_speech=0.7, average_logprob=-0.5)) == ()
    assert flags(row(no_speech=0.2, average_logprob=-1.2)) == ()
    assert flags(row(compression=2.5)) == ("compression",)
    assert flags(row(no_speech=None, average_logprob=None, compression=None)) == ()


@pytest.mark.parametrize(("text", "loops"), [
    ("我会上课" * 5, True), ("谢" * 24, True), ("不要" * 8, True), ("嗯，好的。" + "这是我的手机" * 6, True),
    ("加油加油加油加油", False), ("哈哈哈哈哈哈哈哈", False), ("走过路过不要错过，" * 3, False), ("", False),
    ("吃葡萄不吐葡萄皮，不吃葡萄倒吐葡萄皮", False),
])
def test_a_loop_is_told_from_cheers_and_cries(text: str, loops: bool) -> None:
    assert is_loop(text) == loops


def test_a_line_said_three_times_in_a_row_is_a_loop_and_a_short_answer_is_not() -> None:
    assert looped_lines(["我们走吧", "我们走吧。", "我们走吧", "好"]) == {0, 1, 2}
    assert looped_lines(["对", "对", "对", "对"]) == set()
    assert looped_lines(["我们走吧", "好", "我们走吧", "我们走吧"]) == set()


def test_singing_and_music_without_a_voice_are_left_out() -> None:
    music, singing = span(0, 2_000, "music", 0.8), span(0, 1_200, "singing", 0.5)
    assert flags(row(), tags=[music]) == ()
    assert flags(row(), tags=[music], voice=[(0, 800)]) == ("music",)
    assert flags(row(), tags=[music, singing]) == ("lyrics",)
    assert flags(row(), tags=[span(0, 1_200, "singing", 0.2)]) == ()


@pytest.mark.parametrize("credit", ["作词：林夕", "作詞・作曲 方文山", "词：方文山 曲：周杰伦", "作曲 周杰伦"])
def test_a_songs_credits_are_lyrics_and_talk_about_composing_is_not(credit: str) -> None:
    assert "lyrics" in flags(row(credit))
    assert flags(row("作曲是一门很难的学问")) == ()


def test_a_chorus_that_returns_is_lyrics() -> None:
    song = rows("你在远方等我", "我在这里等你", "今天说点别的事", "你在远方等我", "我在这里等你")

    assert [r.flags for r in judged(song, voice=None, tags=None)] == [("lyrics",), ("lyrics",), (), ("lyrics",), ("lyrics",)]


def test_rhymes_over_music_are_lyrics_and_the_same_lines_without_music_are_not() -> None:
    song = rows("窗外下着小雨", "屋里没有言语", "只剩下我自己", "想着那个你和雨")
    music = [span(0, 8_000, "music")]

    assert all(r.flags == () for r in judged(song, voice=None, tags=None))
    rhymed = rows("窗外下着小雨", "屋里没有声音和雨", "只剩下这场雨", "谁来送我一把雨")
    assert all(r.flags == ("lyrics",) for r in judged(rhymed, voice=None, tags=music))


def test_the_worlds_songs_are_found_by_their_words_and_its_talk_is_kept() -> None:
    songs = [[line[2] for line in chatter.lyric_lines(9_000, Random(seed))] for seed in range(50)]
    found = [bool(line.flags) for song in songs for line in judged(rows(*song), voice=None, tags=None)]
    talk = judged(rows(*chatter.SPOKEN), voice=[span(0, 2_000 * len(chatter.SPOKEN))], tags=None)

    assert np.mean(found) >= 0.8
    assert [line.text for line in talk if line.flags] == []


def test_speech_that_is_written_with_spaces_for_its_pauses_is_no_song() -> None:
    written = [re.sub("[，。、？！]", " ", line) for line in read_lines("real.txt")]
    voice = [span(0, 10_000)]

    videos = [judged(rows(*written[at : at + 3]), voice=voice, tags=None) for at in range(0, len(written), 3)]

    assert sum(bool(line.flags) for video in videos for line in video) <= 0.005 * len(written)


def test_segments_are_moved_to_the_voice_and_judging_again_changes_nothing() -> None:
    segments = [row(start_ms=0, end_ms=8_000), row(segment=1, start_ms=8_000, end_ms=10_000)]
    voice = [span(1_000, 3_000), span(5_000, 6_000), span(9_800, 10_500)]       # the last is a tenth of the second line

    once = judged(segments, voice=voice, tags=None)

    assert [(r.start_ms, r.end_ms, r.flags) for r in once] == [(1_000, 6_000, ()), (8_000, 10_000, ("no_voice",))]
    again = judged(once, voice=voice, tags=None)
    assert [(r.start_ms, r.end_ms, r.flags) for r in again] == [(r.start_ms, r.end_ms, r.flags) for r in once]


def test_what_other_videos_say_is_kept_from_an_earlier_judgement() -> None:
    assert flags(row(flags=("repeated_elsewhere", "no_voice"))) == ("repeated_elsewhere",)


def test_a_line_of_many_videos_is_found_in_any_writing() -> None:
    said = {str(i): ["關注 我們的頻道吧！", "嗯", f"第{i}期"] for i in range(4)} | {"x": ["关注我们的频道吧"] * 3}

    assert repeated_across(said) == {"关注我们的频道吧"}
    assert repeated_across(said, videos=6) == frozenset()
