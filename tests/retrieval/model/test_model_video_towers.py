"""Towers that look at several frames at once: what each computes, what it begins as, and what padding must not do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from torch import Tensor

from retrieval.encoders import load_encoder
from retrieval.errors import ModelError
from retrieval.model import DualEncoder, TemporalSettings, VideoSettings, load_dual_encoder, save_dual_encoder
from retrieval.model.settings import VIDEO_TOWERS
from retrieval.model.video_towers.grid import tiled
from retrieval.model.video_towers.inflated import Tubelets
from retrieval.model.video_towers.slow_fast import grouped
from retrieval.model.video_towers.token_shift import shift
from retrieval.model.video_towers.two_stream import differences
from retrieval.model.video_towers.video_swin import SwinBlock
from tests.checkpoints import SIDE, build_chinese_clip, build_clip, build_siglip, build_siglip2, edit_json
from tests.tiny_models import pictures, stirred, tiny

TOWERS = tuple(name for name in VIDEO_TOWERS if name != "single")
SETTINGS = {
    "slow_fast": {"every": 2, "width": 16, "head_width": 8},
    "video_swin": {"width": 16, "head_width": 8, "depths": [2, 2], "window": [2, 3, 3], "patch": 4},
}


def settings(name: str, **changed: object) -> VideoSettings:
    return VideoSettings.read({"tower": name, **SETTINGS.get(name, {}), **changed})


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture tower of two blocks whose frames are averaged."""
    return tiny(tmp_path_factory.mktemp("models") / "start", layers=2, temporal={"aggregation": "mean"})


def stirred_tower(start: Path, name: str, **changed: object) -> DualEncoder:
    return stirred(load_dual_encoder(start, video=settings(name, **changed)))


def everything(clips: Tensor) -> Tensor:
    return torch.ones(clips.shape[:2], dtype=torch.bool)


@pytest.mark.parametrize("name", TOWERS)
def test_neither_padding_nor_other_clips_change_a_clip(name, start):
    model = stirred_tower(start, name)
    clips = pictures(4, 5)
    mask = torch.tensor([[True] * 5, [True, True, False, False, False], [False, True, False, True, True], [True] * 5])
    with torch.no_grad():
        together = model.encode_videos(clips, mask=mask)
        noise = torch.where(mask[..., None, None, None], clips, pictures(4, 5, seed=1))
        torch.testing.assert_close(model.encode_videos(noise, mask=mask).pooled, together.pooled)
        for row, own in enumerate(mask):
            alone = model.encode_videos(clips[row, own][None], mask=torch.ones(1, int(own.sum()), dtype=torch.bool))
            torch.testing.assert_close(together.pooled[row], alone.pooled[0])
            torch.testing.assert_close(together.frames[row, own], alone.frames[0])
    torch.testing.assert_close(together.frames.norm(dim=-1), mask.float())


@pytest.mark.parametrize("name", TOWERS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_a_stored_tower_gives_the_library_the_vectors_that_were_trained(name, dtype, start, tmp_path):
    first = tmp_path / "first"
    save_dual_encoder(stirred_tower(start, name), first, files_from=start, dtype=dtype)
    model = load_dual_encoder(first)
    assert model.video_settings == settings(name)
    save_dual_encoder(model, tmp_path / "second", files_from=first, dtype=dtype)
    clips, mask = pictures(3, 4), torch.tensor([[True] * 4, [True, True, True, False], [True, False, False, False]])
    with torch.no_grad():
        wanted = model.encode_videos(clips, mask=mask)
    for size in (1, 32):
        encoder = load_encoder(str(tmp_path / "second"), batch_size=size)
        encoded = encoder.encode_clips(clips.numpy(), frame_mask=mask.numpy())
        np.testing.assert_allclose(encoded.pooled, wanted.pooled.numpy(), atol=1e-5)
        np.testing.assert_allclose(encoded.frames, wanted.frames.numpy(), atol=1e-5)
    one = encoder.encode_frames(clips[2, :1].numpy())
    np.testing.assert_allclose(one, wanted.frames[2, :1].numpy(), atol=1e-5)    # a picture is a clip of one frame
    assert encoder.encode_clips(clips[:0].numpy(), frame_mask=mask[:0].numpy()).frames.shape == (0, 4, 16)


@pytest.mark.parametrize("name", TOWERS)
def test_gradients_reach_every_weight(name, start):
    model = stirred_tower(start, name).train()
    clips = pictures(2, 3)
    videos = model.encode_videos(clips, mask=everything(clips))
    (videos.pooled @ torch.randn(16, 1)).sum().backward()
    looked_at = [(n, w) for n, w in model.named_parameters() if "text" not in n and "logit_scale" not in n]
    untouched = {name for name, weight in looked_at if weight.grad is None or not weight.grad.any()}
    assert untouched <= {"towers.vision_model.embeddings.class_embedding"}      # max_mean does not read the class


@pytest.mark.parametrize("name", VIDEO_TOWERS)
def test_every_tower_but_that_of_single_frames_knows_their_order(name, start):
    model = stirred_tower(start, name)
    clips = pictures(1, 4)
    with torch.no_grad():
        there = model.encode_videos(clips, mask=everything(clips)).pooled
        back = model.encode_videos(clips.flip(1), mask=everything(clips)).pooled
    assert bool((there - back).abs().max() > 1e-4) == (name != "single")


@pytest.mark.parametrize("pooling", ["class", "max_mean"])
@pytest.mark.parametrize("build", [build_chinese_clip, build_clip])
@pytest.mark.parametrize("name", ["token_shift", "two_stream", "inflated", "slow_fast"])
def test_on_a_still_clip_a_tower_begins_as_the_picture_tower(name, build, pooling, tmp_path):
    source = build(tmp_path / "m")
    edit_json(source / "config.json", frames={"pooling": pooling})
    still = torch.randint(0, 256, (2, 1, SIDE, SIDE, 3), dtype=torch.uint8).expand(-1, 4, -1, -1, -1)
    with torch.no_grad():
        wanted = load_dual_encoder(source).encode_videos(still, mask=everything(still))
        found = load_dual_encoder(source, video=settings(name)).encode_videos(still, mask=everything(still))
    torch.testing.assert_close(found.frames, wanted.frames, atol=1e-5, rtol=0)


@pytest.mark.parametrize("length", [1, 2, 3, 5])
def test_tubelets_are_a_convolution_over_time_whose_ends_are_repeated(length):
    torch.manual_seed(0)
    flat = torch.nn.Conv2d(3, 6, 4, stride=4, bias=False)
    tubelets = Tubelets(flat, length=length)
    torch.nn.init.normal_(tubelets.change)
    pixels = torch.randn(2, 4, 3, 8, 12)
    ends = torch.nn.functional.pad(pixels.transpose(1, 2), (0, 0, 0, 0, length // 2, length - 1 - length // 2), mode="replicate")
    kernel = (flat.weight / length + tubelets.change).movedim(0, 2)
    wanted = torch.nn.functional.conv3d(ends, kernel, stride=(1, 4, 4)).permute(0, 2, 3, 4, 1).flatten(2, 3)
    torch.testing.assert_close(tubelets(flat, pixels), wanted, atol=1e-5, rtol=1e-5)


def test_attention_in_time_begins_with_the_weights_of_attention_in_space(start):
    model = load_dual_encoder(start, video=settings("inflated"))
    layer, time = model.towers.vision_model.encoder.layers[1], model.video.time[1]
    query, key, value = time.attend(time.norm(states := torch.randn(5, 32))).chunk(3, dim=-1)
    normed, space = layer.layer_norm1(states), layer.self_attn
    for found, part in ((query, space.q_proj), (key, space.k_proj), (value, space.v_proj)):
        torch.testing.assert_close(found, part(normed))


def test_a_shift_takes_from_either_neighbour_and_the_ends_keep_their_own():
    states = torch.arange(3)[None, :, None, None] * 100 + torch.arange(8.0).expand(1, 3, 2, 8)
    found = shift(states, share=0.25)[0, :, 0]
    frames = [[0, 0, 1, 1, 0, 0, 0, 0], [0, 0, 2, 2, 1, 1, 1, 1], [1, 1, 2, 2, 2, 2, 2, 2]]
    assert found.tolist() == [[100.0 * frame + channel for channel, frame in enumerate(row)] for row in frames]


def test_differences_reach_to_the_next_frame_and_a_single_one_has_none():
    pixels = torch.tensor([1.0, 4.0, 9.0]).view(1, 3, 1, 1, 1)
    assert differences(pixels).flatten().tolist() == [3.0, 5.0, 5.0]
    assert differences(pixels[:, :1]).flatten().tolist() == [0.0]


@pytest.mark.parametrize("shared", [True, False])
def test_two_streams_add_what_the_second_makes_of_differences(shared, start):
    model = stirred_tower(start, "two_stream", shared=shared)
    pixels = torch.randn(1, 3, 3, 32, 32)
    second = model.towers if shared else model.video.motion

    def seen(tower: object, picture: Tensor) -> Tensor:
        states = tower.vision_model(pixel_values=picture[None]).last_hidden_state[:, 1:]
        patches = tower.visual_projection(tower.vision_model.post_layernorm(states))
        return patches.amax(dim=1)[0] + patches.mean(dim=1)[0]

    with torch.no_grad():
        found = model.video(model.towers, pixels)[0]
        for i, (here, there) in enumerate(((0, 1), (1, 2), (1, 2))):
            motion = model.video.join(seen(second, pixels[0, there] - pixels[0, here]))
            torch.testing.assert_close(found[i], seen(model.towers, pixels[0, i]) + motion, atol=1e-4, rtol=1e-4)


def test_groups_of_a_slow_fast_tower_are_filled_with_the_last_frame():
    assert grouped(5, every=2).tolist() == [[0, 1], [2, 3], [4, 4]]
    assert grouped(1, every=4).tolist() == [[0, 0, 0, 0]]


def test_only_slow_frames_go_through_the_picture_tower_and_every_frame_through_the_fast_path(start):
    model = stirred_tower(start, "slow_fast")
    seen = []
    embedding = model.towers.vision_model.embeddings.patch_embedding
    handle = embedding.register_forward_hook(lambda module, inputs, output: seen.append(len(inputs[0])))
    clips, changed = pictures(1, 4), pictures(1, 4)
    changed[0, 0] = 255 - changed[0, 0]     # of groups of two, the second frame is the slow one
    with torch.no_grad():
        one, other = (model.encode_clips(c, mask=everything(c)) for c in (clips, changed))
    handle.remove()
    assert seen == [2, 2]
    assert (one - other)[0].abs().amax(dim=-1).min() > 1e-5      # the fast path mixes over time


def test_a_grid_shows_the_frames_row_by_row_and_repeats_some_to_fill_it():
    pixels = torch.arange(3.0).view(1, 3, 1, 1, 1).expand(1, 3, 3, 8, 8)
    assert tiled(pixels)[0, 0, ::4, ::4].tolist() == [[0.0, 0.0], [1.0, 2.0]]
    single = torch.randn(2, 1, 3, 8, 8)
    torch.testing.assert_close(tiled(single), single[:, 0])


def test_every_frame_of_a_grid_has_the_vector_of_the_whole(start):
    model = stirred_tower(start, "grid")
    clips = pictures(1, 3)
    with torch.no_grad():
        frames = model.encode_videos(clips, mask=everything(clips)).frames[0]
    torch.testing.assert_close(frames, frames[:1].expand(3, -1))


@pytest.mark.parametrize("build", [build_siglip, build_siglip2])
def test_a_grid_serves_families_that_the_other_towers_refuse(build, tmp_path):
    source = build(tmp_path / "m")
    clips = torch.randint(0, 256, (1, 4, SIDE, SIDE, 3), dtype=torch.uint8)
    grid = load_dual_encoder(source, video=settings("grid"))
    assert grid.encode_videos(clips, mask=everything(clips)).pooled.norm().item() == pytest.approx(1)
    with pytest.raises(ModelError, match="Chinese-CLIP"):
        load_dual_encoder(source, video=settings("inflated"))


@pytest.mark.parametrize("shifted", [True, False])
@pytest.mark.parametrize("grid", [(4, 6, 6), (3, 5, 7), (1, 2, 2), (2, 3, 4)])
def test_a_block_of_video_swin_is_attention_within_windows(grid, shifted):
    """Against attention of all patches with all, of which only those of one window count, wherever the window ends."""
    torch.manual_seed(0)
    window, heads, width = (2, 3, 3), 2, 8
    block = SwinBlock(width, heads=heads, window=window, shifted=shifted)
    torch.nn.init.normal_(block.position_bias)
    states = torch.randn(1, *grid, width)
    places = torch.cartesian_prod(*map(torch.arange, grid))
    sides = torch.tensor([min(pair) for pair in zip(window, grid, strict=True)])
    moves = torch.where((sides < torch.tensor(grid)) & shifted, sides // 2, 0)
    windows = (places - moves).div(sides, rounding_mode="floor")
    together = (windows[:, None] == windows[None, :]).all(dim=-1)
    table = block.position_bias.view(*(2 * side - 1 for side in window), heads)
    flat, wanted = states.view(-1, width), torch.zeros(len(places), width)
    query, key, value = block.attend(block.norm_1(flat)).view(-1, 3, heads, width // heads).unbind(dim=1)
    for i, place in enumerate(places):
        others = together[i].nonzero()[:, 0]
        steps = place - places[others] + torch.tensor(window) - 1
        scores = torch.einsum("hd,nhd->nh", query[i], key[others]) / (width // heads) ** 0.5 + table[tuple(steps.T)]
        wanted[i] = torch.einsum("nh,nhd->hd", scores.softmax(dim=0), value[others]).flatten()
    after = flat + block.out(wanted)
    torch.testing.assert_close(block(states).view(-1, width), after + block.mlp(block.norm_2(after)), atol=1e-5, rtol=1e-5)


def test_a_video_swin_is_stored_without_the_picture_tower_that_it_replaces(start, tmp_path):
    target = tmp_path / "swin"
    save_dual_encoder(stirred_tower(start, "video_swin"), target, files_from=start)
    with safe_open(target / "model.safetensors", framework="pt") as file:
        assert not any("vision" in name or "visual" in name for name in file.keys())  # noqa: SIM118
    with pytest.raises(ModelError, match="no picture tower"):
        load_dual_encoder(target, video=VideoSettings())
    other = load_dual_encoder(target, temporal=TemporalSettings(aggregation="recurrent"))
    assert other.video_settings.tower == "video_swin"


@pytest.mark.parametrize(
    ("entry", "word"),
    [
        ({"tower": "cinema"}, "grid"),
        ({"tower": "inflated", "colour": 3}, "colour"),
        ({"tower": "token_shift", "share": 0.6}, "share"),
        ({"tower": "slow_fast", "width": 20}, "heads"),
        ({"tower": "video_swin", "window": [8, 7]}, "video"),
        ({"tower": "video_swin", "depths": []}, "1 or more"),
        ({"tower": "inflated"}, "video tower"),
    ],
)
def test_a_video_entry_that_cannot_be_used_is_refused_in_one_sentence(entry, word, tmp_path):
    source = tiny(tmp_path / "m")
    edit_json(source / "config.json", video=entry)
    with pytest.raises(ModelError, match=word):
        load_dual_encoder(source)
