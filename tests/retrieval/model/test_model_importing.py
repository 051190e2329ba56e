"""Checkpoints in the published layouts of Chinese-CLIP and CLIP4Clip become folders with the same vectors."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from typer.testing import CliRunner

from retrieval.encoders import load_encoder
from retrieval.encoders.quiet import quiet_transformers
from retrieval.errors import InputError, ModelError
from retrieval.model import load_dual_encoder
from retrieval.model.importing import import_checkpoint
from serving.cli.main import app
from tests.checkpoints import DIMENSION, PATCH, SIDE, build_chinese_clip, build_clip

WIDTH = 128         # two heads of 64: published files do not say how many there are
TOWER = {"hidden_size": WIDTH, "intermediate_size": 160, "num_hidden_layers": 2, "num_attention_heads": 2}
VISION = {**TOWER, "image_size": SIDE, "patch_size": PATCH}


def random_towers(model_class, config):
    torch.manual_seed(7)
    with quiet_transformers():
        towers = model_class(config).eval()
    for weight in towers.parameters():
        weight.data.add_(torch.randn_like(weight) * 0.05)
    return towers


def in_openai_names(tower, prefix):
    """The blocks of a CLIP tower, and what their published names are."""
    found = {}
    for number, layer in enumerate(tower.encoder.layers):
        start, attention = f"{prefix}transformer.resblocks.{number}.", layer.self_attn
        parts = (attention.q_proj, attention.k_proj, attention.v_proj)
        found[f"{start}attn.in_proj_weight"] = torch.cat([part.weight for part in parts])
        found[f"{start}attn.in_proj_bias"] = torch.cat([part.bias for part in parts])
        for name, module in (
            ("attn.out_proj", attention.out_proj), ("ln_1", layer.layer_norm1), ("ln_2", layer.layer_norm2),
            ("mlp.c_fc", layer.mlp.fc1), ("mlp.c_proj", layer.mlp.fc2),
        ):
            found |= {f"{start}{name}.weight": module.weight, f"{start}{name}.bias": module.bias}
    return found


def visual(towers):
    tower = towers.vision_model
    return in_openai_names(tower, "visual.") | {
        "visual.class_embedding": tower.embeddings.class_embedding,
        "visual.positional_embedding": tower.embeddings.position_embedding.weight,
        "visual.conv1.weight": tower.embeddings.patch_embedding.weight,
        "visual.ln_pre.weight": tower.pre_layrnorm.weight, "visual.ln_pre.bias": tower.pre_layrnorm.bias,
        "visual.ln_post.weight": tower.post_layernorm.weight, "visual.ln_post.bias": tower.post_layernorm.bias,
        "visual.proj": towers.visual_projection.weight.T, "text_projection": towers.text_projection.weight.T,
        "logit_scale": towers.logit_scale,
    }


def chinese_clip():
    from transformers import ChineseCLIPConfig, ChineseCLIPModel

    text = {**TOWER, "vocab_size": 7200, "max_position_embeddings": 512}
    return random_towers(
        ChineseCLIPModel, ChineseCLIPConfig(text_config=text, vision_config=VISION, projection_dim=DIMENSION)
    )


def published_chinese_clip(towers):
    bert = {f"bert.{name}": value for name, value in towers.text_model.state_dict().items()}
    return {f"module.{name}": value.detach().clone() for name, value in {**bert, **visual(towers)}.items()}


def clip():
    from transformers import CLIPConfig, CLIPModel

    text = {**TOWER, "vocab_size": 518, "bos_token_id": 516, "eos_token_id": 517, "pad_token_id": 517}
    return random_towers(CLIPModel, CLIPConfig(text_config=text, vision_config=VISION, projection_dim=DIMENSION))


def published_clip4clip(towers, head=None):
    tower = towers.text_model
    found = visual(towers) | in_openai_names(tower, "") | {
        "token_embedding.weight": tower.embeddings.token_embedding.weight,
        "positional_embedding": tower.embeddings.position_embedding.weight,
        "ln_final.weight": tower.final_layer_norm.weight, "ln_final.bias": tower.final_layer_norm.bias,
    }
    named = {f"clip.{name}": value for name, value in found.items()} | (head.state_dict() if head is not None else {})
    return {name: value.detach().clone() for name, value in named.items()}


class PublishedBlock(nn.Module):
    """A residual attention block as CLIP's weights name its parts, with norms of epsilon 1e-12."""

    def __init__(self, width, heads):
        super().__init__()
        self.attn = nn.MultiheadAttention(width, heads)
        self.ln_1, self.ln_2 = nn.LayerNorm(width, eps=1e-12), nn.LayerNorm(width, eps=1e-12)
        self.mlp = nn.ModuleDict({"c_fc": nn.Linear(width, 4 * width), "c_proj": nn.Linear(4 * width, width)})

    def forward(self, x, mask):
        normed = self.ln_1(x)
        x = x + self.attn(normed, normed, normed, need_weights=False, key_padding_mask=~mask)[0]
        hidden = self.mlp["c_fc"](self.ln_2(x))
        return x + self.mlp["c_proj"](hidden * torch.sigmoid(1.702 * hidden))


class PublishedHead(nn.Module):
    """The sequential head of CLIP4Clip, frame numbers as places, for frames of the length that CLIP gives them."""

    def __init__(self, width, heads):
        super().__init__()
        self.frame_position_embeddings = nn.Embedding(77, width)
        self.transformerClip = nn.ModuleDict({"resblocks": nn.ModuleList(PublishedBlock(width, heads) for _ in range(3))})

    def forward(self, frames, mask):
        x = (frames + self.frame_position_embeddings.weight[: frames.shape[1]]).transpose(0, 1)
        for block in self.transformerClip["resblocks"]:
            x = block(x, mask)
        x = x.transpose(0, 1) + frames
        x = x / x.norm(dim=-1, keepdim=True)
        pooled = torch.stack([row[own].mean(dim=0) for row, own in zip(x, mask, strict=True)])
        return pooled / pooled.norm(dim=-1, keepdim=True)


def pixels_of(model, pictures):
    mean, std = (torch.tensor(part) for part in (model.preprocessing.mean, model.preprocessing.std))
    return ((pictures / 255 - mean) / std).permute(0, 3, 1, 2)


def same_as(model, towers, ids):
    """Texts and pictures of the imported model and of the towers that the file was made from."""
    pictures = torch.randint(0, 256, (3, SIDE, SIDE, 3), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    with torch.inference_mode():
        theirs = towers.get_image_features(pixel_values=pixels_of(model, pictures))
        theirs = getattr(theirs, "pooler_output", theirs)
        torch.testing.assert_close(model.frame_vectors(pictures), theirs, atol=1e-5, rtol=1e-5)
        output = towers.text_model(input_ids=ids)
        pooled = output.last_hidden_state[:, 0] if output.pooler_output is None else output.pooler_output
        theirs = nn.functional.normalize(towers.text_projection(pooled), dim=-1)
        own = model.encode_texts(ids, attended=None, words=torch.ones_like(ids, dtype=torch.bool)).pooled
        torch.testing.assert_close(own, theirs, atol=1e-5, rtol=0)


def test_a_chinese_clip_file_gives_the_vectors_of_the_model_that_it_holds(tmp_path):
    towers = chinese_clip()
    weights = published_chinese_clip(towers)
    weights["module.bert.embeddings.position_ids"] = torch.arange(512)[None]
    torch.save({"epoch": 3, "step": 12, "name": "x", "state_dict": weights, "optimizer": {"state": {}}}, tmp_path / "clip.pt")
    vocabulary = build_chinese_clip(tmp_path / "tokenizer") / "vocab.txt"
    assert import_checkpoint(tmp_path / "clip.pt", tmp_path / "model", tokenizer=str(vocabulary)) == "Chinese-CLIP"
    model = load_dual_encoder(tmp_path / "model")
    same_as(model, towers, torch.randint(5, 7000, (4, 9)))
    assert model.preprocessing.geometry.fit == "stretch"
    assert model.logit_scale.item() == pytest.approx(towers.logit_scale.exp().item())
    assert load_encoder(str(tmp_path / "model"), device="cpu").encode_texts(["一只狗"]).pooled.shape == (1, DIMENSION)


def test_the_parts_of_a_fused_projection_do_not_change_places(tmp_path):
    weights = published_chinese_clip(chinese_clip())
    torch.save({"state_dict": weights}, tmp_path / "clip.pt")
    import_checkpoint(tmp_path / "clip.pt", tmp_path / "model", tokenizer=str(build_chinese_clip(tmp_path / "t")))
    attention = load_dual_encoder(tmp_path / "model").towers.vision_model.encoder.layers[1].self_attn
    fused = weights["module.visual.transformer.resblocks.1.attn.in_proj_weight"]
    for number, part in enumerate((attention.q_proj, attention.k_proj, attention.v_proj)):
        torch.testing.assert_close(part.weight, fused[number * WIDTH : (number + 1) * WIDTH], atol=0, rtol=0)


def test_a_clip4clip_file_without_a_head_averages_frames(tmp_path):
    towers = clip()
    torch.save(published_clip4clip(towers), tmp_path / "pytorch_model.bin.3")
    found = CliRunner().invoke(app, [
        "model", "import", str(tmp_path / "pytorch_model.bin.3"), "-o", str(tmp_path / "model"),
        "--tokenizer", str(build_clip(tmp_path / "tokenizer")),
    ])  # fmt: skip
    assert (found.exit_code, found.stdout) == (0, f"CLIP4Clip: {tmp_path / 'model'}\n")
    model = load_dual_encoder(tmp_path / "model")
    assert model.temporal_settings.aggregation == "mean"
    assert model.preprocessing.geometry.fit == "crop"
    ids = torch.tensor([[516, 5, 9, 30, 517], [516, 80, 7, 517, 517]])
    same_as(model, towers, ids)


def test_the_head_of_clip4clip_gives_its_clip_vectors_also_by_the_encoder(tmp_path):
    torch.manual_seed(2)
    towers, head = clip(), PublishedHead(DIMENSION, 2).eval()
    for weight in head.parameters():
        weight.data = torch.randn_like(weight) * 0.2
    torch.save(published_clip4clip(towers, head), tmp_path / "file")
    import_checkpoint(tmp_path / "file", tmp_path / "model", tokenizer=str(build_clip(tmp_path / "tokenizer")))
    model = load_dual_encoder(tmp_path / "model")
    assert model.temporal_settings.layers == 3
    pictures = torch.randint(0, 256, (2, 5, SIDE, SIDE, 3), dtype=torch.uint8)
    mask = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])
    with torch.inference_mode():
        frames = towers.get_image_features(pixel_values=pixels_of(model, pictures.flatten(0, 1)))
        frames = getattr(frames, "pooler_output", frames).view(2, 5, DIMENSION)
        theirs = head(frames, mask)
        torch.testing.assert_close(model.encode_videos(pictures, mask=mask).pooled, theirs, atol=1e-5, rtol=0)
    encoder = load_encoder(str(tmp_path / "model"), device="cpu")
    clips = encoder.encode_clips(pictures.numpy(), frame_mask=mask.numpy())
    np.testing.assert_allclose(clips.pooled, theirs.numpy(), atol=1e-5)


def without(weights, name):
    return {key: value for key, value in weights.items() if key != name}


@pytest.mark.parametrize(("change", "sentence"), [
    (lambda w: without(w, "module.bert.encoder.layer.1.output.dense.bias"), r"lacks 1 weights: text_model\.\S+dense\.bias"),
    (lambda w: {**w, "module.visual.extra": torch.ones(1)}, r"beyond the model's 1 weights: visual\.extra"),
    (lambda w: {**w, "module.visual.ln_pre.bias": torch.ones(3)}, r"another shape .*: vision_model\.pre_layrnorm\.bias"),
    (lambda w: without(w, "module.visual.conv1.weight"), r"lacks the weight visual\.conv1\.weight"),
    (lambda w: {"module.visual.layer1.0.conv1.weight": torch.ones(1), **w}, "ResNet"),
    (lambda w: {"encoder.weight": torch.ones(2)}, r"neither .* its first weight is encoder\.weight"),
    (lambda w: {"state_dict": []}, "holds no weights"),
])  # fmt: skip
def test_what_is_missing_too_much_or_of_another_kind_is_named(change, sentence, tmp_path):
    torch.save(change(published_chinese_clip(chinese_clip())), tmp_path / "file.pt")
    with pytest.raises(ModelError, match=sentence):
        import_checkpoint(tmp_path / "file.pt", tmp_path / "model", tokenizer=str(build_chinese_clip(tmp_path / "t")))
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(("start", "sentence"), [("cross.x", "tightTransf"), ("lstm_visual.x", "seqLSTM")])
def test_heads_of_clip4clip_that_have_no_counterpart_are_refused(start, sentence, tmp_path):
    torch.save({**published_clip4clip(clip()), start: torch.ones(1)}, tmp_path / "file")
    with pytest.raises(ModelError, match=sentence):
        import_checkpoint(tmp_path / "file", tmp_path / "model", tokenizer=str(build_clip(tmp_path / "t")))


def test_a_file_with_code_in_it_is_not_loaded(tmp_path):
    class Evil:
        def __reduce__(self):
            return (print, ("run",))

    torch.save({"state_dict": Evil()}, tmp_path / "evil.pt")
    with pytest.raises(ModelError, match="could be code and is not loaded"):
        import_checkpoint(tmp_path / "evil.pt", tmp_path / "model", tokenizer="x")
    with pytest.raises(ModelError, match="There is no file"):
        import_checkpoint(tmp_path / "none.pt", tmp_path / "model", tokenizer="x")


def test_a_folder_that_holds_anything_but_a_model_is_left_as_it_is(tmp_path):
    torch.save(published_clip4clip(clip()), tmp_path / "pytorch_model.bin.3")
    tokenizer = str(build_clip(tmp_path / "t"))
    mine = tmp_path / "models"
    (mine / "other").mkdir(parents=True)
    (mine / "other/model.safetensors").write_text("precious")
    with pytest.raises(InputError, match="models is there already and holds no model: choose another folder"):
        import_checkpoint(tmp_path / "none.bin", mine, tokenizer=tokenizer)     # told before the weights are looked at
    assert (mine / "other/model.safetensors").read_text() == "precious"
    new = tmp_path / "new"
    new.mkdir()
    for _ in range(2):      # into an empty folder, then in the place of a model
        import_checkpoint(tmp_path / "pytorch_model.bin.3", new, tokenizer=tokenizer)
    assert load_dual_encoder(new).dimension == DIMENSION
