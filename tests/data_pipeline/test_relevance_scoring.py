"""Relevance: the cosines that an encoder gives, over the right keyframes, with on-screen text and without."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawn import busy
from PIL import Image

from data_pipeline.corpus.measured import CandidateRow, KeyframeRow, ScreenTextRow, ShotRow
from data_pipeline.relevance.masking import covered, quads_at
from data_pipeline.relevance.model import RelevanceModel, load_relevance_model
from data_pipeline.relevance.scoring import keyframes_of, nearest_of_shot, scored, without_screen_text
from data_pipeline.relevance.sentences import sentences
from retrieval.encoders import load_encoder
from retrieval.errors import ModelError
from tests.checkpoints import build_chinese_clip
from tests.clip_checkpoints import build_xclip

VIDEO = "a" * 64
BAND = (0.2, 0.8, 0.8, 0.8, 0.8, 0.95, 0.2, 0.95)
SHOTS = tuple(
    ShotRow(video_id=VIDEO, shot=number, start_ms=start_ms, end_ms=end_ms)
    for number, (start_ms, end_ms) in enumerate([(0, 5_000), (5_000, 60_000)])
)


def keyframe(number: int, dropped: str | None = None, *, shot: int = 0) -> KeyframeRow:
    """One a second, in the middle of each."""
    return KeyframeRow(
        video_id=VIDEO, keyframe=number, time_ms=1_000 * number + 500, shot=shot, sharpness=5.0, luma_mean=100.0,
        luma_deviation=40.0, hash64=0, dropped=dropped,
    )


def candidate(text: str, *, start_ms: int = 0, end_ms: int = 60_000, **parts: str) -> CandidateRow:
    return CandidateRow(
        pair_id="a_0", video_id=VIDEO, source_id="s", shard="0", kind="asr", start_ms=start_ms, end_ms=end_ms, text=text,
        language="zh", characters=len(text), **parts,                   # type: ignore[arg-type]
    )


def on_screen(start_ms: int, end_ms: int, *, quad: tuple[float, ...] = BAND) -> ScreenTextRow:
    return ScreenTextRow(
        video_id=VIDEO, track=0, start_ms=start_ms, end_ms=end_ms, looks=2, text="字", confidence=0.9, quad=quad, area=0.09,
        role="subtitle",
    )


def jpeg(seed: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(busy(seed=seed, height=90, width=160)).save(file, "JPEG", quality=95)
    return file.getvalue()


@pytest.fixture(scope="module")
def model(tiny_chinese_clip: Path) -> RelevanceModel:
    return load_relevance_model(str(tiny_chinese_clip))


def cosines(model: RelevanceModel, text: str, pictures: Sequence[Image.Image]) -> Any:
    """One text and one picture at a time, through the encoder itself."""
    encoder = model._encoder
    side = (encoder.geometry.width, encoder.geometry.height)
    vector = encoder.encode_texts([text]).pooled[0]
    frames = [np.asarray(picture.resize(side, Image.Resampling.BICUBIC)) for picture in pictures]
    return np.array([float(encoder.encode_frames(frame[None])[0] @ vector) for frame in frames])   # type: ignore[attr-defined]


def opened(picture: bytes) -> Image.Image:
    return Image.open(io.BytesIO(picture)).convert("RGB")


def test_scores_are_mean_max_and_mean_of_the_best_three_cosines_of_the_span(model: RelevanceModel) -> None:
    pictures = [jpeg(seed) for seed in range(6)]
    keyframes = [keyframe(number) for number in range(6)]
    rows = [candidate("一只狗在草地上追球"), candidate("红色的车", start_ms=2_000, end_ms=4_000)]
    whole, part = scored(rows, keyframes=keyframes, pictures=pictures, screen_texts=(), shots=SHOTS, model=model)
    expected = cosines(model, "一只狗在草地上追球", [opened(p) for p in pictures])
    assert whole.keyframes == 6
    assert whole.relevance_mean == pytest.approx(expected.mean(), abs=2e-5)
    assert whole.relevance_max == pytest.approx(expected.max(), abs=2e-5)
    assert whole.relevance_top3 == pytest.approx(np.sort(expected)[-3:].mean(), abs=2e-5)
    expected = cosines(model, "红色的车", [opened(p) for p in pictures[2:4]])
    assert part.keyframes == 2
    assert part.relevance_mean == part.relevance_top3 == pytest.approx(expected.mean(), abs=2e-5)
    assert (part.masked_mean, part.masked_max) == (part.relevance_mean, part.relevance_max)
    assert part.relevance_model == model.name


def test_masked_scores_cover_the_screen_text_and_leave_it_out_of_the_text(model: RelevanceModel) -> None:
    pictures = [jpeg(seed) for seed in range(4)]
    keyframes = [keyframe(number) for number in range(4)]
    row = candidate("大家好 第三集", speech_part="大家好", screen_part="第三集")
    lines = [on_screen(2_600, 9_000)]
    (found,) = scored([row], keyframes=keyframes, pictures=pictures, screen_texts=lines, shots=SHOTS, model=model)
    shown = [opened(picture) for picture in pictures]
    hidden = [picture if number < 2 else covered(picture, [BAND]) for number, picture in enumerate(shown)]
    assert found.relevance_mean == pytest.approx(cosines(model, "大家好 第三集", shown).mean(), abs=2e-5)
    assert found.masked_mean == pytest.approx(cosines(model, "大家好", hidden).mean(), abs=2e-5)
    assert found.masked_max == pytest.approx(cosines(model, "大家好", hidden).max(), abs=2e-5)


def test_a_text_of_nothing_but_screen_text_has_no_masked_score(model: RelevanceModel) -> None:
    row = candidate("第三集", screen_part="第三集")
    lines = [on_screen(0, 900)]
    (found,) = scored([row], keyframes=[keyframe(0)], pictures=[jpeg(0)], screen_texts=lines, shots=SHOTS, model=model)
    assert found.relevance_mean is not None
    assert (found.masked_mean, found.masked_max, found.masked_top3) == (None, None, None)


def test_a_span_without_a_keyframe_and_a_text_without_a_letter_have_no_score(model: RelevanceModel) -> None:
    rows = [candidate("一只狗", start_ms=5_000, end_ms=9_000), candidate("！！"), candidate("一只狗")]
    outside, empty, good = scored(rows, keyframes=[keyframe(0)], pictures=[jpeg(0)], screen_texts=(), shots=SHOTS, model=model)
    assert (outside.keyframes, outside.relevance_mean) == (0, None)
    assert (empty.keyframes, empty.relevance_mean) == (1, None)
    assert good.relevance_mean is not None
    assert scored(rows[:1], keyframes=[], pictures=[], screen_texts=(), shots=SHOTS, model=model)[0].relevance_mean is None
    assert scored([], keyframes=[keyframe(0)], pictures=[jpeg(0)], screen_texts=(), shots=SHOTS, model=model) == []


def test_pictures_that_are_not_those_of_the_kept_keyframes_are_refused(model: RelevanceModel) -> None:
    with pytest.raises(ValueError, match="2 pictures for 1"):
        scored([], keyframes=[keyframe(0)], pictures=[jpeg(0)] * 2, screen_texts=(), shots=SHOTS, model=model)


def test_each_picture_goes_through_the_model_once_however_many_texts_there_are(
    model: RelevanceModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts: list[int] = []
    real = model.picture_vectors

    def counted(pictures: Sequence[Image.Image]) -> Any:
        counts.append(len(pictures))
        return real(pictures)

    monkeypatch.setattr(model, "picture_vectors", counted)
    rows = [candidate(f"第{number}句话") for number in range(20)]
    keyframes = [keyframe(number) for number in range(5)]
    scored(
        rows, keyframes=keyframes, pictures=[jpeg(seed) for seed in range(5)], screen_texts=[on_screen(0, 900)], shots=SHOTS,
        model=model,
    )
    assert counts == [5, 2]


def test_a_duplicate_stands_for_the_kept_keyframe_that_it_repeats() -> None:
    kinds = [None, "duplicate", "black", "duplicate", None, "thinned", "duplicate", None, "uniform"]
    rows = [keyframe(number, kind) for number, kind in enumerate(kinds)]
    assert keyframes_of(0, 9_000, rows) == [0, 1, 2]
    assert keyframes_of(1_000, 2_000, rows) == [0]
    assert keyframes_of(1_000, 4_000, rows) == [0]
    assert keyframes_of(2_000, 3_000, rows) == []
    assert keyframes_of(5_000, 7_000, rows) == []
    assert keyframes_of(8_000, 9_000, rows) == []
    assert keyframes_of(3_000, 8_000, rows) == [0, 1, 2]


def test_a_span_between_two_keyframes_is_scored_by_the_nearest_one_of_its_shot(model: RelevanceModel) -> None:
    keyframes = [keyframe(0), keyframe(4), keyframe(5, shot=1), keyframe(9, shot=1)]
    pictures = [jpeg(seed) for seed in range(4)]
    spans = [(1_000, 1_400), (4_600, 5_000), (5_000, 5_400), (8_000, 8_400)]
    rows = [candidate("一只狗", start_ms=start_ms, end_ms=end_ms) for start_ms, end_ms in spans]
    found = scored(rows, keyframes=keyframes, pictures=pictures, screen_texts=(), shots=SHOTS, model=model)
    expected = cosines(model, "一只狗", [opened(picture) for picture in pictures])
    assert [row.relevance_mean for row in found] == [pytest.approx(cosine, abs=2e-5) for cosine in expected]
    assert {row.keyframes for row in found} == {0}


def test_the_nearest_of_a_shot_may_repeat_a_kept_one_and_never_comes_from_another_shot() -> None:
    kinds = [None, "duplicate", "black", "thinned", None]
    rows = [keyframe(number, kind) for number, kind in enumerate(kinds)]
    assert nearest_of_shot(1_600, 2_000, rows, SHOTS) == [0]
    assert nearest_of_shot(3_400, 3_600, rows, SHOTS) == [1]
    assert nearest_of_shot(2_400, 2_900, rows, SHOTS) == []         # black is what is seen there
    assert nearest_of_shot(5_000, 5_400, rows, SHOTS) == []
    assert nearest_of_shot(4_000, 4_400, [keyframe(0, "uniform")], SHOTS) == []
    assert nearest_of_shot(70_000, 70_400, rows, SHOTS) == []


def test_a_long_text_is_scored_sentence_by_sentence(model: RelevanceModel) -> None:
    parts = ["一只狗在草地上追着红色的球跑来跑去。", "猫睡在屋里。", *["孩子们在海边笑着跳着唱着歌直到天黑才回家！"] * 2]
    picture = opened(jpeg(1))
    lengths = np.array([len(part) for part in parts])
    expected = sum(cosines(model, part, [picture])[0] * len(part) for part in parts) / lengths.sum()
    (vector,) = model.text_vectors(["".join(parts)])
    assert float(model.picture_vectors([picture])[0] @ vector) == pytest.approx(expected, abs=2e-5)
    assert np.linalg.norm(vector) < 1 - 5e-5


def test_a_text_is_cut_behind_its_closing_marks() -> None:
    assert sentences("你好。我来了！真的？？“走吧。”他说 1.5 米. Then go") == [
        "你好。", "我来了！", "真的？？", "“走吧。”", "他说 1.5 米.", "Then go",
    ]
    assert sentences("没有标点") == ["没有标点"]
    assert sentences("等等……\n。") == ["等等……\n。"]


@pytest.mark.parametrize(
    ("text", "parts", "left"),
    [
        ("大家好", {}, "大家好"),
        ("大家好 第三集", {"speech_part": "大家好", "screen_part": "第三集"}, "大家好"),
        ("大家好，第三集", {"speech_part": "大家好", "screen_part": "第三集"}, "大家好"),
        ("标题 大家好", {"title_part": "标题", "speech_part": "大家好", "screen_part": "别处"}, "标题 大家好"),
        ("第三集", {"screen_part": "第三集"}, ""),
        ("第三集来了 第三集", {"speech_part": "第三集来了", "screen_part": "第三集"}, "第三集来了"),
    ],
)
def test_the_screen_text_is_left_out_of_a_text(text: str, parts: dict[str, str], left: str) -> None:
    assert without_screen_text(candidate(text, **parts)) == left


def test_covered_text_has_no_strokes_left_and_the_rest_is_untouched() -> None:
    picture = np.full((100, 200, 3), 90, np.uint8)
    picture[80:95, 40:160:6] = 255
    result = np.asarray(covered(Image.fromarray(picture), [BAND]), dtype=int)
    inside, outside = result[80:95, 40:160], result[:70]
    assert np.abs(np.diff(inside, axis=1)).max() <= 8
    assert (outside == 90).all()
    assert picture.max() == 255
    same = Image.fromarray(picture)
    assert covered(same, []) is same


def test_a_box_at_the_edge_or_without_a_size_is_no_trouble() -> None:
    picture = Image.fromarray(busy(height=50, width=80))
    assert covered(picture, [(0.9, 0.9, 1.0, 0.9, 1.0, 1.0, 0.9, 1.0), (0.5,) * 8, (1.0,) * 8]).size == (80, 50)


def test_text_is_covered_a_second_before_it_was_seen_and_after() -> None:
    rows = [on_screen(5_000, 6_000)]
    assert [bool(quads_at(time_ms, rows)) for time_ms in (3_900, 4_000, 5_500, 6_900, 7_000)] == [
        False, True, True, True, False,
    ]


def test_models_that_cannot_read_chinese_are_refused_in_a_sentence(
    tiny_model: Callable[[str], Path], tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=r"raw bytes .* take one that was trained on Chinese"):
        load_relevance_model(str(tiny_model("clip")))
    with pytest.raises(ModelError, match="raw bytes"):
        load_relevance_model(str(build_xclip(tmp_path / "xclip")))
    poor = build_chinese_clip(tmp_path / "poor")
    vocabulary = (poor / "vocab.txt").read_text("utf-8").split("\n")
    common = set("的一是在不了有和人这中大为上个国我以要他")
    words = [word if len(word) != 1 or ord(word) < 128 or word in common else f"[unused{n}]" for n, word in enumerate(vocabulary)]
    (poor / "vocab.txt").write_text("\n".join(words), "utf-8")
    load_encoder(str(poor))
    with pytest.raises(ModelError, match="24 of 24 common Chinese characters as one and the same"):
        load_relevance_model(str(poor))


@pytest.mark.parametrize("kind", ["siglip", "siglip2"])
def test_other_models_that_read_chinese_are_taken(kind: str, tiny_model: Callable[[str], Path]) -> None:
    model = load_relevance_model(str(tiny_model(kind)))
    rows = [candidate("一只狗")]
    (found,) = scored(rows, keyframes=[keyframe(0)], pictures=[jpeg(0)], screen_texts=(), shots=SHOTS, model=model)
    assert found.relevance_mean == pytest.approx(cosines(model, "一只狗", [opened(jpeg(0))])[0], abs=2e-5)


def test_a_models_digest_follows_from_its_weights(tiny_chinese_clip: Path, model: RelevanceModel, tmp_path: Path) -> None:
    other = build_chinese_clip(tmp_path / tiny_chinese_clip.name, seed=1)
    assert load_relevance_model(str(tiny_chinese_clip)).digest == model.digest
    assert load_relevance_model(str(other)).digest != model.digest
