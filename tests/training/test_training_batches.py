"""Batches: order, choice of texts and frames, padding, and what becomes of bad samples."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch

from data_pipeline.corpus.errors import CorpusError
from data_pipeline.corpus.samples import SampleText
from data_pipeline.corpus.shard_reader import ShardDataset, ShardSample, decode
from retrieval.encoders.checkpoint import open_checkpoint
from retrieval.encoders.preprocessing import read_preprocessing
from retrieval.errors import InputError
from tests.training.training_world import clip, small_recipe, write_world
from training.batches import kept
from training.batches.batch import BatchMaker, Visit
from training.batches.choosing import choose_frames, draw_crop, draw_text, heaviest_text
from training.batches.loading import load_ahead
from training.batches.order import Position, planned_batches, steps_of
from training.batches.samples import JoinedSamples, fingerprint, video_codes
from training.batches.tokens import TextReader
from training.processes import Processes
from training.recipe import TextWeights
from training.setup import prepare, write_new_model


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Path:
    return write_world(tmp_path_factory.mktemp("world"), train=40, validation=8)


@pytest.fixture(scope="module")
def checkpoint(world, tmp_path_factory):
    directory = tmp_path_factory.mktemp("models") / "tiny"
    write_new_model(small_recipe(world), directory)
    return open_checkpoint(directory)


class Breaking:
    """Samples of which some raise what a damaged shard raises."""

    def __init__(self, samples, broken):
        self._samples, self._broken = samples, set(broken)
        self.key, self.video = samples.key, samples.video

    def __len__(self):
        return len(self._samples)

    def __getitem__(self, number) -> ShardSample:
        if number in self._broken:
            raise CorpusError("damaged", f"The sample {self.key(number)} is damaged.", key=self.key(number))
        return self._samples[number]


def maker(samples, checkpoint) -> BatchMaker:
    return BatchMaker(
        samples, video_codes(samples), reader=TextReader(checkpoint), preprocessing=read_preprocessing(checkpoint)
    )


def plans(videos, *, size=4, start=Position(), steps=30, seed=0):  # noqa: B008
    return list(
        planned_batches(np.array(videos), size_at=lambda step: size, seed=seed, start=start, steps=steps)
    )  # fmt: skip


def test_each_epoch_visits_every_sample_once_in_another_order():
    found = plans(range(12), size=4, steps=6)
    epochs = [np.concatenate([plan.numbers for plan in found if plan.epoch == epoch]) for epoch in (0, 1)]
    assert [sorted(epoch) for epoch in epochs] == [list(range(12))] * 2
    assert list(epochs[0]) != list(epochs[1])
    assert [list(p.numbers) for p in plans(range(12), seed=1, steps=1)] != [list(p.numbers) for p in found[:1]]


def test_no_batch_holds_two_samples_of_one_video_and_none_comes_twice_in_an_epoch():
    videos = [number // 5 for number in range(60)]      # 12 videos of five clips
    found = plans(videos, size=8, steps=40)
    for plan in found:
        assert len({videos[number] for number in plan.numbers}) == 8
    for epoch in {plan.epoch for plan in found}:
        visits = Counter(int(n) for plan in found if plan.epoch == epoch for n in plan.numbers)
        assert max(visits.values()) == 1


def test_from_any_position_the_order_is_that_of_an_uninterrupted_run():
    videos = [number // 3 for number in range(31)]

    def size_at(step):
        return 4 if step < 9 else 7

    whole = list(planned_batches(np.array(videos), size_at=size_at, seed=3, start=Position(), steps=25))
    assert [len(plan.numbers) for plan in whole] == [size_at(plan.step) for plan in whole]
    for stopped in range(24):
        rest = planned_batches(np.array(videos), size_at=size_at, seed=3, start=whole[stopped].after, steps=25)
        assert [list(p.numbers) for p in rest] == [list(p.numbers) for p in whole[stopped + 1 :]]


def test_more_clips_a_batch_than_videos_are_refused():
    with pytest.raises(InputError, match="Batches of 9 clips need as many different videos, but there are 8"):
        plans([n // 2 for n in range(16)], size=9)


def test_epochs_are_counted_in_full_batches():
    assert steps_of(2, samples=11, size_at=lambda step: 4) == 4
    assert steps_of(1.5, samples=12, size_at=lambda step: 3) == 6
    assert steps_of(2, samples=12, size_at=lambda step: 3 if step < 4 else 6) == 6
    assert steps_of(0.1, samples=12, size_at=lambda step: 4) == 1
    assert steps_of(1.2, samples=10, size_at=lambda step: 2) == 6       # 1.2 % 1 is a little less than 0.2


def test_frames_come_one_from_each_segment_in_order():
    drawn = {tuple(choose_frames(8, 4, Random(seed))) for seed in range(400)}
    assert len(drawn) == 2**4
    assert all(frame // 2 == segment for frames in drawn for segment, frame in enumerate(frames))
    assert choose_frames(8, 4, None) == [1, 3, 5, 7]
    assert choose_frames(9, 3, None) == [1, 4, 7]
    assert choose_frames(5, 1, None) == [2]
    assert choose_frames(3, 4, Random(0)) == [0, 1, 2]
    assert {len(choose_frames(7, count, Random(1))) for count in (4,)} == {4}


def text(language="zh", detail="full", kind="caption") -> SampleText:
    return SampleText(text="一个", language=language, detail=detail, kind=kind)


def test_texts_are_drawn_by_the_weight_of_what_they_are_however_many_there_are_of_it():
    texts = [text(detail="short")] * 6 + [text()] * 2 + [text("en")] + [text(detail=None)]
    weights = TextWeights(language={"zh": 1, "en": 0.5}, detail={"full": 2, "short": 1})
    random = Random(0)
    drawn = Counter(draw_text(texts, weights, random) for _ in range(8000))
    shares = [sum(drawn[i] for i in part) / 8000 for part in (range(6), range(6, 8), [8], [9])]
    assert shares == pytest.approx([1 / 4, 2 / 4, 1 / 4, 0], abs=0.02)
    assert heaviest_text(texts, weights) == 6
    assert draw_text(texts, TextWeights(kind={"title": 1}), random) is None
    assert draw_text([text(detail=None)], TextWeights(detail={"full": 1, "none": 1}), random) == 0
    assert draw_text([text("fr")], TextWeights(language={"zh": 1, "other": 1}), random) == 0


def test_a_crop_stays_inside_the_picture_and_is_no_smaller_than_asked():
    boxes = [draw_crop(0.2, Random(seed)) for seed in range(300)]
    for left, top, right, bottom in boxes:
        assert 0 <= left < right <= 1
        assert 0 <= top < bottom <= 1
        assert min(right - left, bottom - top) >= 0.8
    assert draw_crop(0.0, Random(0)) is None


def test_a_batch_holds_what_the_samples_hold(world, checkpoint):
    samples = ShardDataset(world, split="train")
    visit = Visit(frames=2, texts=TextWeights(detail={"full": 1}))
    batch = maker(samples, checkpoint).training_batch([3, 0], lambda number: visit, planned=[3, 0])
    assert batch.keys == ("train-00003", "train-00000")
    assert batch.pictures.shape == (2, 2, 32, 32, 3)
    drawn = torch.from_numpy(clip(3, split="train").frames[[1, 3]])
    assert (batch.pictures[0].int() - drawn.int()).abs().float().mean() < 4     # what JPEG changes
    tokens = checkpoint.directory.joinpath("vocab.txt").read_text(encoding="utf-8").split("\n")
    read = ["".join(tokens[i] for i in row[own]) for row, own in zip(batch.texts.ids, batch.texts.words, strict=True)]
    assert read == [samples[3].texts[0]["text"], samples[0].texts[0]["text"]]
    assert (batch.texts.attended.sum(1) - batch.texts.words.sum(1)).tolist() == [2, 2]


def test_shorter_texts_and_clips_are_filled_up_and_masked(world, checkpoint):
    reader = TextReader(checkpoint, max_tokens=6)
    rows = reader.padded([reader.read("红方块在左上方的"), reader.read("红")])
    assert rows.ids.shape == (2, 6)
    assert rows.words.sum(1).tolist() == [4, 1]         # the first is cut to four words between two special tokens
    assert rows.attended.sum(1).tolist() == [6, 3]


def test_a_crop_cuts_all_frames_alike_and_another_size_is_scaled(world, checkpoint):
    samples = ShardDataset(world, split="train")
    visit = Visit(frames=4, texts=TextWeights(), crop=0.4, random=Random(5))
    cropped = maker(samples, checkpoint).training_batch([0], lambda number: visit, planned=[0]).pictures[0]
    whole = torch.from_numpy(clip(0, split="train").frames)
    assert cropped.shape == whole.shape
    assert (cropped.int() - whole.int()).abs().float().mean() > 1


@pytest.mark.parametrize("drawn", [True, False])
def test_shuffled_frames_are_the_same_ones_in_another_order(drawn, world, checkpoint):
    samples = ShardDataset(world, split="train")
    made = maker(samples, checkpoint)

    def shown(shuffled: bool) -> list[list[bytes]]:
        def visit(number: int) -> Visit:
            random = Random(number) if drawn else None
            return Visit(frames=4, texts=TextWeights(), shuffled=shuffled, random=random)

        numbers = list(range(12))
        pictures = made.training_batch(numbers, visit, planned=numbers).pictures
        return [[frame.numpy().tobytes() for frame in clip] for clip in pictures]

    in_time, mixed = shown(False), shown(True)
    assert [sorted(clip) for clip in mixed] == [sorted(clip) for clip in in_time]
    orders = {tuple(a.index(frame) for frame in b) for a, b in zip(in_time, mixed, strict=True)}
    assert len(orders) > 4
    assert shown(True) == mixed


def test_a_recipe_shuffles_frames_in_training_and_in_validation(world, tmp_path):
    setups = [
        prepare(small_recipe(world, "data.frames=4", *more), tmp_path / "start", Processes())
        for more in ((), ("data.frame_order=shuffled",))
    ]
    (plan,) = planned_batches(setups[0].data.videos, size_at=lambda step: 8, seed=0, start=Position(), steps=1)
    in_time, mixed = (setup.data.batch(plan, setup.recipe, Processes()) for setup in setups)
    assert not torch.equal(mixed.pictures, in_time.pictures)
    assert torch.equal(mixed.pictures.sum(dim=1), in_time.pictures.sum(dim=1))
    shown = [next(iter(setup.validator.batches()))[0].pictures for setup in setups]
    assert not torch.equal(*shown)
    assert torch.equal(shown[0].sum(dim=1), shown[1].sum(dim=1))


def test_a_bad_sample_is_named_and_replaced_by_the_next_good_one_of_another_video(world, checkpoint):
    samples = Breaking(ShardDataset(world, split="train"), broken=[4, 5])
    visit = Visit(frames=2, texts=TextWeights())
    numbers = [9, 4, 6]
    batch = maker(samples, checkpoint).training_batch(numbers, lambda number: visit, planned=numbers)
    assert batch.keys == ("train-00009", "train-00007", "train-00006")      # 5 is bad too, 6 is there already
    assert [(bad.key, bad.kind) for bad in batch.bad] == [("train-00004", "damaged"), ("train-00005", "damaged")]


def test_two_bad_samples_are_not_replaced_by_the_same_one(world, checkpoint):
    samples = Breaking(ShardDataset(world, split="train"), broken=[4, 5])
    visit = Visit(frames=2, texts=TextWeights())
    batch = maker(samples, checkpoint).training_batch([4, 5], lambda number: visit, planned=[4, 5])
    assert batch.keys == ("train-00006", "train-00007")


def test_where_every_video_is_in_the_batch_a_bad_sample_is_replaced_by_one_that_is_there_twice(world, checkpoint):
    samples = Breaking(ShardDataset(world, split="train"), broken=[4, 5])
    visit = Visit(frames=2, texts=TextWeights())
    every = range(len(samples))
    batch = maker(samples, checkpoint).training_batch([3, 4, 5], lambda number: visit, planned=every)
    assert batch.keys == ("train-00003", "train-00006", "train-00006")
    assert [bad.key for bad in batch.bad] == ["train-00004", "train-00005"]     # each counts once


def test_where_nothing_is_good_the_search_ends_with_a_sentence(world, checkpoint):
    samples = Breaking(ShardDataset(world, split="train"), broken=range(40))
    visit = Visit(frames=2, texts=TextWeights())
    with pytest.raises(InputError, match="No usable training sample was found after train-00004"):
        maker(samples, checkpoint).training_batch([4], lambda number: visit, planned=[4])
    batch, bad = maker(samples, checkpoint).validation_batch(range(3), lambda number: visit)
    assert batch is None
    assert len(bad) == 3


def test_a_sample_without_a_usable_text_is_bad(world, checkpoint):
    samples = ShardDataset(world, split="train")
    visit = Visit(frames=2, texts=TextWeights(language={"fr": 1}))
    batch, bad = maker(samples, checkpoint).validation_batch([1], lambda number: visit)
    assert batch is None
    assert bad[0].kind == "text"
    assert "train-00001" in bad[0].message


def test_equal_texts_have_equal_numbers(world, checkpoint):
    samples = ShardDataset(world, split="train")
    visit = Visit(frames=1, texts=TextWeights(detail={"short": 1}))
    ids = maker(samples, checkpoint).training_batch([0, 1, 32, 4], lambda n: visit, planned=[0, 1, 32, 4]).text_ids
    assert ids[0] == ids[1] == ids[2] != ids[3]


def test_joined_folders_are_one_sequence(world):
    train, validation = ShardDataset(world, split="train"), ShardDataset(world, split="validation")
    joined = JoinedSamples([train, validation])
    assert len(joined) == 48
    assert (joined.key(39), joined.key(40)) == ("train-00039", "validation-00000")
    assert joined[47].key == "validation-00007"
    assert fingerprint(joined) != fingerprint(JoinedSamples([validation, train]))
    with pytest.raises(IndexError):
        joined.key(48)


def test_samples_of_no_known_video_stand_for_themselves(world):
    samples = ShardDataset(world, split="train")
    samples.video = lambda number: "" if number < 3 else "same"
    assert len(set(video_codes(samples).tolist())) == 4


def test_loading_ahead_keeps_the_order_and_raises_in_its_place():
    def make(number: int) -> int:
        if number == 7:
            raise InputError("the seventh")
        return number * number

    taken = []
    with pytest.raises(InputError, match="the seventh"):
        taken.extend(one.batch for one in load_ahead(range(20), make, workers=3))
    assert taken == [number * number for number in range(7)]
    assert all(one.wait_seconds >= 0 for one in load_ahead(range(3), make, workers=1))


def test_a_position_after_a_batch_is_the_next_step():
    first = plans(range(8), size=4, steps=3)
    assert [plan.after for plan in first] == [
        Position(step=1, epoch=0, epoch_step=0), Position(step=2, epoch=0, epoch_step=0),
        Position(step=3, epoch=1, epoch_step=2),
    ]  # fmt: skip


def test_pictures_that_are_kept_are_those_of_the_shards_and_are_decoded_once(world, monkeypatch):
    samples = ShardDataset(world, split="train")
    decoded, whole = [], []

    def counted(sample, *frames):
        decoded.append(sample.key)
        whole.append(not frames)
        return decode(sample, *frames)

    monkeypatch.setattr(kept, "decode", counted)
    keeping = kept.KeptPictures(2 * decode(samples[0]).nbytes + 1)
    for number in (0, 1, 2, 0, 1, 2):
        sample = samples[number]
        assert (keeping.pictures(number, sample, [1, 0]) == decode(sample, [1, 0])).all()
    assert [decoded.count(samples.key(number)) for number in range(3)] == [1, 1, 2]
    assert whole == [True, True, True, False]


def test_a_damaged_picture_that_is_not_asked_for_costs_nothing_where_pictures_are_kept(world):
    sample = ShardDataset(world, split="train")[0]
    damaged = replace(sample, jpegs=(*sample.jpegs[:-1], b"no picture"))
    keeping = kept.KeptPictures(10**9)
    assert (keeping.pictures(0, damaged, [0]) == decode(sample, [0])).all()
    with pytest.raises(CorpusError):
        keeping.pictures(0, damaged, [len(sample.jpegs) - 1])
