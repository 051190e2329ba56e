"""`add --tags`: words that a model sees in the pictures find their videos, and are said to be seen."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from data_pipeline.evidence.visual_tags import VisualTag, ZeroShotTagger, common_nouns, read_words, tag_evidence
from data_pipeline.miniature.encode import write_clip
from data_pipeline.miniature.render import draw_frame
from data_pipeline.miniature.scenes import SCENES
from retrieval.errors import InputError
from retrieval.library import Library
from retrieval.records import Clip, Generation
from serving.ingest.run import AddOptions, add_videos

MODEL = Path(__file__).parents[2] / "data_pipeline" / "miniature" / "model"
GENERATION = Generation(encoder="drawn", revision="1", preprocessing="1", dimension=3)


class Directions:
    """An encoder of texts that knows the direction of a few words, and none of all others."""

    generation = GENERATION

    def __init__(self, **known: tuple[float, float, float]) -> None:
        self.known = known

    def encode_texts(self, texts: list[str]) -> SimpleNamespace:
        vectors = [next((v for word, v in self.known.items() if word in text), (0.0, 0.0, 1.0)) for text in texts]
        return SimpleNamespace(pooled=np.array(vectors, np.float32))


def clip(start_ms: int, end_ms: int, *vector: float) -> Clip:
    array = np.array(vector, np.float32) if vector else None
    return Clip(start_ms=start_ms, end_ms=end_ms, keyframe_ms=start_ms, frame_times_ms=(start_ms,), vector=array)


def tagger(**known: tuple[float, float, float]) -> ZeroShotTagger:
    return ZeroShotTagger(Directions(**known), list(known), background=["情况"] * 100)      # type: ignore[arg-type]


def test_a_word_is_a_tag_where_it_fits_better_than_words_at_large() -> None:
    found = tagger(狗=(1, 0, 0), 船=(0, 1, 0)).tags(np.array([[0.9, 0, 0.4], [0.2, 0.1, 0.9], [0.6, 0.7, 0.1]], np.float32))
    assert found == [[VisualTag("狗", 1.0)], [], [VisualTag("船", 1.0), VisualTag("狗", 1.0)]]


def test_a_film_of_thousands_of_clips_is_compared_part_by_part() -> None:
    looked_for = tagger(**{f"词{number}。": (0, 1, 0) for number in range(400)}, 狗=(1, 0, 0))
    vectors = np.tile(np.array([[0.9, 0, 0.4], [0, 0, 1]], np.float32), (3_000, 1))
    tracemalloc.start()
    found = looked_for.tags(vectors)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found == [[VisualTag("狗", 1.0)], []] * 3_000
    assert peak < 4 << 20           # all clips and words at once take 10 MB


def test_a_tag_that_goes_on_is_one_piece_and_one_that_returns_another() -> None:
    clips = [clip(0, 1_000, 1, 0, 0), clip(1_000, 2_000, 1, 0, 0), clip(2_000, 3_000, 0, 0, 1), clip(3_000, 4_000, 1, 0, 0),
             clip(4_000, 5_000)]  # fmt: skip
    pieces = tag_evidence(clips, tagger(狗=(1, 0, 0)))
    assert [(piece.kind, piece.text, piece.start_ms, piece.end_ms, piece.source) for piece in pieces] == [
        ("tag", "狗", 0, 2_000, "tagger:drawn"), ("tag", "狗", 3_000, 4_000, "tagger:drawn"),
    ]  # fmt: skip


def test_a_tag_does_not_go_on_over_a_clip_that_nothing_was_seen_of() -> None:
    clips = [clip(0, 1_000, 1, 0, 0), clip(1_000, 2_000), clip(2_000, 3_000, 1, 0, 0)]
    pieces = tag_evidence(clips, tagger(狗=(1, 0, 0)))
    assert [(piece.start_ms, piece.end_ms) for piece in pieces] == [(0, 1_000), (2_000, 3_000)]


def test_the_words_at_large_share_no_character_with_the_list() -> None:
    nouns = common_nouns(300, but_for=["电影院", "小狗"])
    assert len(set(nouns)) == 300
    assert not set("电影院小狗") & set("".join(nouns))


def test_a_list_that_holds_every_character_leaves_words_at_large_that_are_not_in_it() -> None:
    characters = sorted(set("".join(common_nouns(100_000, but_for=[]))))
    first = common_nouns(100, but_for=characters)
    assert len(set(first)) == 100
    others = common_nouns(100, but_for=[*characters, *first])
    assert len(set(others)) == 100
    assert not set(first) & set(others)


def test_a_list_is_read_line_by_line_and_an_empty_one_is_refused(tmp_path: Path) -> None:
    words = tmp_path / "words.txt"
    words.write_text("\ufeff# 动物\n狗\n\n 红色  汽车 \n狗\n", encoding="utf-8")
    assert read_words(words) == ["狗", "红色 汽车"]
    words.write_text("# nothing\n")
    with pytest.raises(InputError, match="has 0 words"):
        read_words(words)
    with pytest.raises(InputError, match="cannot be read"):
        read_words(tmp_path / "none.txt")


def test_what_a_model_sees_is_kept_as_tags_until_another_list_is_given(tmp_path: Path) -> None:
    scene = next(scene for scene in SCENES if scene.title == "新车试驾")
    pictures = (draw_frame(scene, scene.duration_ms / 3, width=320, height=180) for _ in range(8))
    write_clip(tmp_path / "a.mp4", pictures, container="mp4", width=320, height=180, frames_per_second=8)
    words = tmp_path / "words.txt"
    words.write_text("小汽车\n猫\n", encoding="utf-8")
    options = AddOptions(model=str(MODEL), on_screen_text=False, readers=1)

    def added(tags: Path | None, *, said: str = "") -> tuple[str, list[tuple[str, str]]]:
        report = add_videos(tmp_path / "library", [tmp_path / "a.mp4"], replace(options, tags=tags))
        assert report.found == said
        with Library.open(tmp_path / "library") as library:
            rows = library.evidence(library.video_ids()[0])
        return report.outcomes[0].outcome, [(row.text, row.source) for row in rows if row.kind == "tag"]

    seen = [("小汽车", "tagger:model")]
    assert added(words, said="; 1 tag seen in 1 video") == ("added", seen)
    assert added(words) == ("unchanged", seen)
    assert added(None) == ("unchanged", seen)
    words.write_text("猫\n", encoding="utf-8")
    assert added(words, said="; no tags seen in 1 video") == ("updated", [])
    with pytest.raises(InputError, match="needs a model"):
        add_videos(tmp_path / "other", [tmp_path / "a.mp4"], replace(options, model="none", tags=words))
