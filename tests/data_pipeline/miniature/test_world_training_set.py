"""Clips of the world as shards: what is wrong with a clip's texts is in the shards too."""

from __future__ import annotations

import json
import tarfile
from dataclasses import replace

from data_pipeline.corpus.shard_reader import ShardDataset
from data_pipeline.miniature.training_set import WorldSample, write_clips
from data_pipeline.miniature.world import generate
from data_pipeline.miniature.world.dirt import KINDS


def test_wrong_texts_are_written_as_they_are_and_true_ones_drawn_anew(tmp_path):
    clips = [clip for clip in generate(60, seed=3, split="train", dirt=0.6) if clip.captions]
    chosen = [next(clip for clip in clips if clip.dirt == kind) for kind in ("mismatched", "lyrics", "weak", None)]
    write_clips(tmp_path, chosen, side=32, frames=2, workers=1)
    written = [[text["text"] for text in sample.texts] for sample in ShardDataset(tmp_path)]
    for clip, texts in zip(chosen[:3], written, strict=False):
        assert texts == [caption.text for caption in clip.captions]
    assert len(written[3]) > len(chosen[3].captions)


def test_the_label_of_what_is_wrong_with_a_clip_stands_in_its_shard(tmp_path):
    clips = list(generate(60, seed=3, split="train", dirt=0.5))
    chosen = [next(clip for clip in clips if clip.dirt == kind) for kind in (None, *KINDS)]
    write_clips(tmp_path, chosen, side=32, frames=1, workers=1)
    shards = ShardDataset(tmp_path)
    found = {sample.key: sample.dirt for sample in (shards[number] for number in range(len(shards)))}
    assert found == {clip.spec.name: clip.dirt for clip in chosen}
    (tar,) = tmp_path.glob("*.tar")
    with tarfile.open(tar) as archive:
        described = [json.load(archive.extractfile(name)) for name in archive.getnames() if name.endswith(".json")]
    assert [one["dirt"] for one in described if "dirt" in one] == list(KINDS)


def test_a_clip_with_another_label_is_another_sample():
    clip = next(clip for clip in generate(60, seed=3, split="train", dirt=0.5) if clip.dirt == "static")
    assert len({WorldSample(clip=replace(clip, dirt=kind)).fingerprint() for kind in (None, "static", "near_duplicate")}) == 3
