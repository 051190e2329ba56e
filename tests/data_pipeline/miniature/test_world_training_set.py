"""Clips of the world as shards: what is wrong with a clip's texts is in the shards too."""

from __future__ import annotations

from data_pipeline.corpus.shard_reader import ShardDataset
from data_pipeline.miniature.training_set import write_clips
from data_pipeline.miniature.world import generate


def test_wrong_texts_are_written_as_they_are_and_true_ones_drawn_anew(tmp_path):
    clips = [clip for clip in generate(60, seed=3, split="train", dirt=0.6) if clip.captions]
    chosen = [next(clip for clip in clips if clip.dirt == kind) for kind in ("mismatched", "lyrics", "weak", None)]
    write_clips(tmp_path, chosen, side=32, frames=2, workers=1)
    written = [[text["text"] for text in sample.texts] for sample in ShardDataset(tmp_path)]
    for clip, texts in zip(chosen[:3], written, strict=False):
        assert texts == [caption.text for caption in clip.captions]
    assert len(written[3]) > len(chosen[3].captions)
