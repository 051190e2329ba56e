"""A selection decides on every candidate, loses none, and says why it rejects what it rejects."""

from __future__ import annotations

import json
import random
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

pytest.importorskip("pyarrow", reason="tables need pyarrow")

from measured_corpus import candidate, failed, segment, source_id, video, video_id, write_measured

from data_pipeline.corpus.errors import CorpusError
from data_pipeline.corpus.measured import CandidateRow, DecisionRow, MeasuredVideo
from data_pipeline.corpus.rows import ClipRow, PairRow, VideoRow
from data_pipeline.corpus.tables import CLIPS, PAIRS, VIDEOS, read_table
from data_pipeline.selection import clusters as clusters_module
from data_pipeline.selection.account import Account
from data_pipeline.selection.removed import REMOVED
from data_pipeline.selection.select import ACCOUNTS, DECISIONS, write_selection
from data_pipeline.selection.settings import SelectionSettings

SENTENCES = (
    "一只橘猫躺在窗台上晒太阳", "两个孩子在操场上踢足球", "厨师把面条放进沸腾的锅里", "火车慢慢开进了老车站",
    "海浪拍打着黑色的礁石", "老人坐在公园里下象棋",
)


def reasons(directory: Path) -> dict[str, str]:
    """The reason of each candidate by its text."""
    texts = {row.pair_id: row.text for row in measured_candidates(directory)}
    return {texts[row.pair_id]: row.reason for row in read_table(directory / DECISIONS, DecisionRow)}


def measured_candidates(directory: Path) -> list[CandidateRow]:
    return [row for path in sorted(directory.glob("measured/*/candidates.parquet")) for row in read_table(path, CandidateRow)]


def select(directory: Path, videos: list[MeasuredVideo], candidates: list[CandidateRow], **settings: Any) -> Account:
    write_measured(directory, videos, candidates)
    return write_selection(directory, SelectionSettings(**settings))


def test_each_reason_is_given_and_the_first_one_counts(tmp_path: Path) -> None:
    videos = [video("a", license_code="CC0-1.0"), video("b", license_code="proprietary"), video("c", license_code="CC0-1.0")]
    rows = [
        candidate("a", SENTENCES[0], relevance_top3=0.5), candidate("b", SENTENCES[1], relevance_top3=0.5, flags=("lyrics",)),
        candidate("c", SENTENCES[2], flags=("lyrics", "no_voice")), candidate("c", "猫", relevance_top3=0.5),
        candidate("c", SENTENCES[3], end_ms=900, relevance_top3=0.5), candidate("c", SENTENCES[4], relevance_top3=0.1),
        candidate("c", SENTENCES[5]), candidate("c", f"{SENTENCES[0]}。", relevance_top3=0.4),
        candidate("c", "很长的一段说明文字", end_ms=20_000, relevance_top3=0.5),
        candidate("c", "打***找我", flags=("personal_data",)),
    ]
    select(tmp_path, videos, rows, licenses=("CC0-1.0",), min_ms=1000, max_ms=10_000, threshold=0.3, score="relevance_top3")
    assert reasons(tmp_path) == {
        SENTENCES[0]: "", SENTENCES[1]: "license", SENTENCES[2]: "no_voice", "猫": "short_text", SENTENCES[3]: "too_short",
        SENTENCES[4]: "relevance", SENTENCES[5]: "no_relevance", f"{SENTENCES[0]}。": "duplicate_text",
        "很长的一段说明文字": "too_long", "打***找我": "no_relevance",
    }


@pytest.mark.parametrize("written", ["CC-BY-4.0", "cc-by-4.0", "署名 4.0", "https://creativecommons.org/licenses/by/4.0/deed.zh"])
def test_a_licence_is_allowed_by_any_of_its_names(tmp_path: Path, written: str) -> None:
    videos = [video("a", license_code="CC-BY-4.0"), video("b", license_code="CC0-1.0")]
    select(tmp_path, videos, [candidate("a", SENTENCES[0]), candidate("b", SENTENCES[1])], licenses=(written,))
    assert reasons(tmp_path) == {SENTENCES[0]: "", SENTENCES[1]: "license"}


def test_an_unknown_licence_is_refused() -> None:
    with pytest.raises(ValidationError, match="the licence 'CC-BUY' is not known"):
        SelectionSettings(licenses=("CC0", "CC-BUY"))


def test_without_threshold_or_share_scores_decide_nothing(tmp_path: Path) -> None:
    select(tmp_path, [video("a")], [candidate("a", SENTENCES[0]), candidate("a", SENTENCES[1], masked_top3=-1.0)])
    assert set(reasons(tmp_path).values()) == {""}


def test_a_share_is_of_what_nothing_else_rejects_and_shares_are_nested(tmp_path: Path) -> None:
    chance = random.Random(0)
    rows = [
        candidate("a", "".join(chance.sample("天地人你我他日月星山水火风花雪云雨电", 9)), start_ms=number,
                  masked_top3=chance.random(), flags=("music",) if number % 5 == 0 else ())
        for number in range(50)
    ]  # fmt: skip
    write_measured(tmp_path, [video("a")], rows)
    kept: list[set[str]] = []
    for share in (1.0, 0.75, 0.5):
        account = write_selection(tmp_path, SelectionSettings(keep_share=share))
        kept.append({row.pair_id for row in read_table(tmp_path / DECISIONS, DecisionRow) if row.keep})
        assert len(kept[-1]) == account.candidates.kept == 40 * share
    assert kept[0] > kept[1] > kept[2]
    assert [step["pairs"] for step in account.ladder] == [40, 36, 32, 27, 23]


def test_the_level_of_videos_keeps_or_rejects_a_video_as_a_whole(tmp_path: Path) -> None:
    rows = [
        candidate("a", SENTENCES[0], masked_top3=0.9), candidate("a", SENTENCES[1], masked_top3=0.1),
        candidate("b", SENTENCES[2], masked_top3=0.6), candidate("b", SENTENCES[3], masked_top3=0.5),
    ]
    select(tmp_path, [video("a"), video("b")], rows, level="video", keep_share=0.5)
    assert reasons(tmp_path) == {
        SENTENCES[0]: "relevance", SENTENCES[1]: "relevance", SENTENCES[2]: "", SENTENCES[3]: "",
    }


def test_the_best_of_a_cluster_is_kept(tmp_path: Path) -> None:
    long = "今天我们一起去北京动物园看大熊猫和金丝猴还有长颈鹿大家都非常开心"
    rows = [
        candidate("a", long, masked_top3=0.2), candidate("b", f"{long}啊", masked_top3=0.4),
        candidate("c", long + "呀", masked_top3=0.9, flags=("lyrics",)),
    ]
    select(tmp_path, [video("a"), video("b"), video("c")], rows)
    assert reasons(tmp_path) == {long: "duplicate_text", f"{long}啊": "", long + "呀": "lyrics"}
    assert len({row.text_cluster for row in read_table(tmp_path / DECISIONS, DecisionRow)}) == 1


def test_of_videos_that_repeat_each_other_the_best_is_kept(tmp_path: Path) -> None:
    hashes = (1 << 62, 12345678901, -(1 << 60), 77)
    near, other = (hashes[0] ^ 5, *hashes[1:]), (0x1234567890ABCDEF, 0x7FFF00007FFF0000)
    rows = [candidate("a", SENTENCES[0], masked_top3=0.2), candidate("b", SENTENCES[1], masked_top3=0.4)]
    videos = [video("a", keyframe_hashes=hashes), video("b", keyframe_hashes=near), video("c", keyframe_hashes=other)]
    select(tmp_path, videos, [*rows, candidate("c", SENTENCES[2])])
    assert reasons(tmp_path) == {SENTENCES[0]: "duplicate_video", SENTENCES[1]: "", SENTENCES[2]: ""}
    assert {row.video_cluster for row in read_table(tmp_path / DECISIONS, DecisionRow)} == {video_id("a"), video_id("c")}


def test_what_is_heard_in_many_videos_was_said_in_none(tmp_path: Path) -> None:
    names = [f"v{number}" for number in range(6)]
    rows = [candidate(name, "谢谢观看下集再见") for name in names]
    rows += [candidate(name, "小猫的一天", kind="title") for name in names] + [candidate("v0", SENTENCES[0])]
    account = select(tmp_path, [video(name) for name in names], rows, repeated_videos=5)
    assert dict(account.candidates.filtered) == {"repeated_elsewhere": 6, "duplicate_text": 5}
    assert account.candidates.kept == 2


def test_a_span_is_rejected_when_half_of_it_is_heard_elsewhere(tmp_path: Path) -> None:
    names = [f"v{number}" for number in range(6)]
    texts = [f"第{word}件" for word in "一二三四五六"]
    rows = [candidate(name, f"{text}请不吝点赞") for name, text in zip(names, texts, strict=True)]
    rows += [
        candidate("v0", f"{SENTENCES[0]}请不吝点赞", start_ms=7000, end_ms=13_000), candidate("v1", SENTENCES[1], end_ms=9000),
    ]
    speech = [segment(name, text) for name, text in zip(names, texts, strict=True)]
    speech += [segment(name, "请不吝点赞。", 2000, 4000) for name in names] + [segment("v0", "请不吝点赞", 11_000, 13_000)]
    write_measured(tmp_path, [video(name) for name in names], rows, speech)
    account = write_selection(tmp_path, SelectionSettings(repeated_videos=5))
    assert dict(account.candidates.filtered) == {"repeated_elsewhere": 6}
    assert write_selection(tmp_path, SelectionSettings(repeated_videos=6)).candidates.kept == 8


def test_removed_videos_uploaders_and_sources_are_out(tmp_path: Path) -> None:
    videos = [video("a"), video("b", uploader_hash="u1"), video("c"), video("d", uploader_hash="u2")]
    write_measured(tmp_path, videos, [candidate(name, SENTENCES[n]) for n, name in enumerate("abcd")])
    lists = {"videos": [video_id("a")], "uploaders": ["u1"], "sources": [source_id("c")]}
    (tmp_path / REMOVED).write_text(json.dumps(lists))
    write_selection(tmp_path)
    assert reasons(tmp_path) == {SENTENCES[0]: "removed", SENTENCES[1]: "removed", SENTENCES[2]: "removed", SENTENCES[3]: ""}
    (tmp_path / REMOVED).write_text("[1, ")
    with pytest.raises(CorpusError, match=r"removed.json cannot be read"):
        write_selection(tmp_path)


def drawn_corpus(directory: Path, seed: int) -> None:
    """Videos with copies, uploaders, given splits, failures, repeated texts and all kinds of scores, in three shards."""
    chance = random.Random(seed)
    names = [f"v{number}" for number in range(60)]
    hashes = {name: tuple(chance.getrandbits(64) - (1 << 63) for _ in range(4)) for name in names}
    for name in names[40:]:
        hashes[name] = hashes[chance.choice(names[:40])]
    videos = [
        video(name, shard=f"shard-{number % 3}", keyframe_hashes=hashes[name],
              uploader_hash=chance.choice(["u1", "u2", None, None]), split=chance.choice(["train", "test", *[None] * 4]),
              category=chance.choice("猫狗"), topics=(chance.choice("abc"),))
        for number, name in enumerate(names)
    ]  # fmt: skip
    rows = [
        candidate(name, chance.choice(SENTENCES) + str(chance.randrange(40)) * 3, start_ms=1000 * k, masked_top3=chance.random(),
                  flags=chance.choice([(), (), ("music",)]))
        for name in names for k in range(chance.randrange(4))
    ]  # fmt: skip
    write_measured(directory, [*videos, failed("x"), failed("y", "timeout", "shard-1")], rows)


@pytest.mark.parametrize("keep_texts", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_no_cluster_and_no_uploader_crosses_splits_and_every_row_is_accounted_for(
    tmp_path: Path, seed: int, keep_texts: bool
) -> None:
    drawn_corpus(tmp_path, seed)
    account = write_selection(tmp_path, SelectionSettings(
        keep_share=0.8, validation_share=0.3, test_share=0.3, category_cap=20, drop_duplicate_texts=not keep_texts,
        drop_duplicate_videos=not keep_texts, repeated_videos=None,
    ))  # fmt: skip
    split_of = {row.video_id: row.split for row in read_table(tmp_path / VIDEOS, VideoRow)}
    uploader = {row.video_id: row.uploader_hash for row in read_table(tmp_path / VIDEOS, VideoRow)}
    owner = {row.pair_id: row.video_id for row in measured_candidates(tmp_path)}
    decisions = list(read_table(tmp_path / DECISIONS, DecisionRow))
    where: dict[tuple[str, str | None], set[str]] = {}
    for row in decisions:
        if row.keep:
            assert split_of[owner[row.pair_id]] == row.split
            for key in (("text", row.text_cluster), ("video", row.video_cluster), ("uploader", uploader[owner[row.pair_id]])):
                where.setdefault(key, set()).add(row.split)
    assert all(len(splits) == 1 for key, splits in where.items() if key[1] is not None)

    assert account.sources.rows == 62
    assert account.sources.failed == {"corrupt": 1, "timeout": 1}
    assert account.candidates.rows == len(decisions) == len(owner)
    assert account.candidates.kept == sum(row.keep for row in decisions)
    assert Counter(row.reason for row in decisions if not row.keep) == account.candidates.filtered
    assert account.sources.kept == len(split_of)
    for part in ("sources", "candidates"):
        counts = [getattr(shard, part) for shard in account.shards.values()]
        assert sum(count.rows for count in counts) == getattr(account, part).rows
        assert sum(count.kept for count in counts) == getattr(account, part).kept
    assert sum(count["pairs"] for count in account.splits.values()) == account.candidates.kept


@pytest.mark.parametrize("copy_first", [False, True])
@pytest.mark.parametrize(
    ("own", "of_copy", "split", "reason"),
    [("train", "test", "test", "split_conflict"), (None, "test", "test", ""), ("test", "train", "test", ""),
     ("train", "validation", "validation", "split_conflict"), ("train", None, "train", "")],
)  # fmt: skip
def test_a_file_that_failed_as_a_copy_has_its_say_in_the_split_of_its_content(
    tmp_path: Path, own: str | None, of_copy: str | None, split: str, reason: str, copy_first: bool
) -> None:
    copy = replace(failed("b", "copy", "shard-0" if copy_first else "shard-2"), video_id=video_id("a"), split=of_copy)
    select(tmp_path, [video("a", shard="shard-1", split=own), copy], [candidate("a", SENTENCES[0])])
    decision, = read_table(tmp_path / DECISIONS, DecisionRow)
    assert (decision.split, decision.reason) == (split, reason)


def test_the_near_copy_of_a_video_follows_the_split_of_that_ones_byte_identical_copy(tmp_path: Path) -> None:
    hashes = (1 << 40, 3 << 20, 5 << 9, 7)
    copy = replace(failed("b", "copy"), video_id=video_id("a"), split="test")
    videos = [video("a", keyframe_hashes=hashes), video("near", keyframe_hashes=hashes, split="train"), copy]
    select(tmp_path, videos, [candidate("a", SENTENCES[0]), candidate("near", SENTENCES[1])])
    assert {row.split for row in read_table(tmp_path / DECISIONS, DecisionRow)} == {"test"}
    assert reasons(tmp_path) == {SENTENCES[0]: "", SENTENCES[1]: "split_conflict"}


def test_a_split_stays_at_every_threshold(tmp_path: Path) -> None:
    drawn_corpus(tmp_path, 5)
    before: dict[str, str] = {}
    for share in (1.0, 0.6, 0.3):
        write_selection(tmp_path, SelectionSettings(keep_share=share, validation_share=0.4))
        now = {row.pair_id: row.split for row in read_table(tmp_path / DECISIONS, DecisionRow)}
        assert now == (before or now)
        before = now


def test_final_tables_fit_together_and_clips_keep_their_names(tmp_path: Path) -> None:
    span = {"start_ms": 6000, "end_ms": 12_000}
    rows = [
        candidate("a", SENTENCES[0], masked_top3=0.1), candidate("a", SENTENCES[1], masked_top3=0.8, **span),
        candidate("a", SENTENCES[2], masked_top3=0.9, kind="subtitle", source="stream:1", **span),
        candidate("b", SENTENCES[3], masked_top3=0.1),
    ]
    select(tmp_path, [video("a", topics=("猫",), title="猫"), video("b")], rows, threshold=0.5, validation_share=0.0)
    one, = read_table(tmp_path / VIDEOS, VideoRow)
    assert (one.video_id, one.path, one.topics, one.split) == (video_id("a"), "/a.mp4", ("猫",), "train")
    clip, = read_table(tmp_path / CLIPS, ClipRow)
    assert (clip.clip_id, clip.start_ms, clip.end_ms) == (f"{video_id('a')[:16]}_0001", 6000, 12_000)
    pairs = list(read_table(tmp_path / PAIRS, PairRow))
    assert [(pair.text, pair.kind, pair.clip_id, pair.source) for pair in pairs] == [
        (SENTENCES[1], "asr", clip.clip_id, ""), (SENTENCES[2], "subtitle", clip.clip_id, "stream:1"),
    ]
    assert pairs[0].masked_top3 == pytest.approx(0.8)
    assert pairs[0].relevance_mean is None


def test_two_sources_of_one_content_are_one_video_with_the_facts_of_what_is_kept(tmp_path: Path) -> None:
    videos = [video("a", license_code="proprietary"), video("b", content="a", license_code="CC0-1.0")]
    rows = [candidate("a", SENTENCES[0]), candidate("b", SENTENCES[1], content="a")]
    account = select(tmp_path, videos, rows, licenses=("CC0-1.0",))
    one, = read_table(tmp_path / VIDEOS, VideoRow)
    assert (one.path, one.license_code) == ("/b.mp4", "CC0-1.0")
    assert dict(account.sources.filtered) == {"license": 1}


def test_a_source_that_says_nothing_is_accounted_for(tmp_path: Path) -> None:
    account = select(tmp_path, [video("a"), video("b")], [candidate("a", SENTENCES[0])])
    assert dict(account.sources.filtered) == {"no_text": 1}
    assert account.shards["shard-0"].sources.rows == 2


def test_the_same_rows_and_settings_give_the_same_bytes(tmp_path: Path) -> None:
    drawn_corpus(tmp_path / "a", 1)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    for name in "ab":
        write_selection(tmp_path / name, SelectionSettings(keep_share=0.7, topic_cap=5))
    for name in (DECISIONS, VIDEOS, CLIPS, PAIRS, ACCOUNTS):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_clusters_are_looked_for_once_and_again_when_rows_change_or_the_file_is_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    searches = Counter[str]()
    for name in ("near_text_clusters", "near_video_clusters"):
        real = getattr(clusters_module, name)
        monkeypatch.setattr(
            clusters_module, name, lambda *args, name=name, real=real, **more: searches.update([name]) or real(*args, **more)
        )
    drawn_corpus(tmp_path, 2)
    write_selection(tmp_path)
    decided = (tmp_path / DECISIONS).read_bytes()
    write_selection(tmp_path, SelectionSettings(keep_share=0.5))
    assert searches == {"near_text_clusters": 1, "near_video_clusters": 1}
    write_measured(tmp_path, [video("new", shard="shard-9")], [candidate("new", "一句全新的话说给大家听", shard="shard-9")])
    write_selection(tmp_path)
    assert searches == {"near_text_clusters": 2, "near_video_clusters": 2}
    kept = sorted((tmp_path / "cache" / "clusters").iterdir())
    assert len(kept) == 2
    for path in kept:
        path.write_bytes(b"damaged")
    write_selection(tmp_path)
    assert searches == {"near_text_clusters": 3, "near_video_clusters": 3}
    assert (tmp_path / DECISIONS).read_bytes() != decided


def test_rows_that_do_not_fit_together_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="There is no committed shard"):
        write_selection(tmp_path)
    twice = candidate("a", SENTENCES[0])
    with pytest.raises(CorpusError, match="hold a candidate twice"):
        select(tmp_path / "twice", [video("a")], [twice, twice])
    with pytest.raises(CorpusError, match="not among the measured ones"):
        select(tmp_path / "other", [video("a"), failed("b")], [candidate("b", SENTENCES[0])])


def test_a_corpus_without_any_candidate_is_empty_tables(tmp_path: Path) -> None:
    account = select(tmp_path, [video("a"), failed("b")], [], keep_share=0.5)
    assert (account.sources.rows, account.candidates.rows, account.ladder) == (2, 0, ())
    assert list(read_table(tmp_path / PAIRS, PairRow)) == list(read_table(tmp_path / VIDEOS, VideoRow)) == []
