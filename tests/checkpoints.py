"""Small real checkpoints: the classes that published models use, with random weights and files of the same layout."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from retrieval.encoders.quiet import quiet_transformers

SIDE = 64       # pixels of a picture
PATCH = 16
WIDTH = 32      # of both towers
DIMENSION = 24  # of the vectors of the families that project

_CLIP_MEAN = [0.48145466, 0.4578275, 0.40821073]
_CLIP_STD = [0.26862954, 0.26130258, 0.27577711]
_TOWER = {"hidden_size": WIDTH, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
_SIGLIP_TEXT = {
    **_TOWER, "max_position_embeddings": 64, "projection_size": WIDTH,
    "pad_token_id": 0, "eos_token_id": 1, "bos_token_id": 2,
}
_VISION = {**_TOWER, "image_size": SIDE, "patch_size": PATCH}


def build_chinese_clip(directory: Path, *, seed: int = 0, safetensors: bool = True) -> Path:
    """Chinese-CLIP with a vocab.txt of the 6,763 characters of GB 2312, and nothing but vocab.txt for a tokenizer."""
    from transformers import ChineseCLIPConfig, ChineseCLIPModel

    directory.mkdir(parents=True, exist_ok=True)
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *_ascii(), *(f"##{c}" for c in _ascii()), *_chinese()]
    (directory / "vocab.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    text = {**_TOWER, "vocab_size": len(vocabulary), "max_position_embeddings": 512}
    config = ChineseCLIPConfig(text_config=text, vision_config=_VISION, projection_dim=DIMENSION)
    _save(ChineseCLIPModel, config, directory, seed=seed, safetensors=safetensors)
    _write_json(directory / "preprocessor_config.json", {
        "feature_extractor_type": "ChineseCLIPFeatureExtractor", "do_resize": True, "do_center_crop": False,
        "size": {"height": SIDE, "width": SIDE}, "crop_size": {"height": SIDE, "width": SIDE}, "resample": 3,
        "do_normalize": True, "image_mean": _CLIP_MEAN, "image_std": _CLIP_STD,
    })
    return directory


def build_clip(directory: Path, *, seed: int = 0) -> Path:
    """CLIP with a byte-level BPE of vocab.json and merges.txt."""
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import CLIPConfig, CLIPModel

    directory.mkdir(parents=True, exist_ok=True)
    letters = sorted(ByteLevel.alphabet())
    merges = [("d", "o"), ("do", "g</w>"), ("c", "a"), ("ca", "t</w>")]
    tokens = [*letters, *(f"{c}</w>" for c in letters), *("".join(merge) for merge in merges)]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    _write_json(directory / "vocab.json", {token: i for i, token in enumerate(tokens)})
    lines = ["#version: 0.2", *(" ".join(merge) for merge in merges)]
    (directory / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    _write_json(directory / "tokenizer_config.json", {"tokenizer_class": "CLIPTokenizer", "model_max_length": 77})
    start, end = len(tokens) - 2, len(tokens) - 1
    text = {**_TOWER, "vocab_size": len(tokens), "bos_token_id": start, "eos_token_id": end, "pad_token_id": end}
    config = CLIPConfig(text_config=text, vision_config=_VISION, projection_dim=DIMENSION)
    _save(CLIPModel, config, directory, seed=seed)
    _write_json(directory / "preprocessor_config.json", {
        "image_processor_type": "CLIPImageProcessor", "do_resize": True, "size": SIDE, "resample": 3,
        "do_center_crop": True, "crop_size": SIDE, "image_mean": _CLIP_MEAN, "image_std": _CLIP_STD,
    })
    return directory


def build_siglip(directory: Path, *, seed: int = 0) -> Path:
    """SigLIP at a fixed resolution, the type that most SigLIP 2 checkpoints are of too."""
    from transformers import SiglipConfig, SiglipModel

    directory.mkdir(parents=True, exist_ok=True)
    size = _save_gemma_tokenizer(directory, lower_case=False)
    text = {**_SIGLIP_TEXT, "vocab_size": size}
    _save(SiglipModel, SiglipConfig(text_config=text, vision_config=_VISION), directory, seed=seed)
    _write_json(directory / "preprocessor_config.json", {
        "image_processor_type": "SiglipImageProcessor", "do_resize": True, "size": {"height": SIDE, "width": SIDE},
        "resample": 3, "do_rescale": True, "rescale_factor": 1 / 255, "image_mean": [0.5] * 3, "image_std": [0.5] * 3,
    })
    return directory


def build_siglip2(directory: Path, *, seed: int = 0) -> Path:
    """SigLIP 2 of the kind that takes any shape of picture, with at most 16 patches."""
    from transformers import Siglip2Config, Siglip2Model

    directory.mkdir(parents=True, exist_ok=True)
    size = _save_gemma_tokenizer(directory, lower_case=True)
    text = {**_SIGLIP_TEXT, "vocab_size": size}
    vision = {**_TOWER, "patch_size": PATCH, "num_patches": 16}
    _save(Siglip2Model, Siglip2Config(text_config=text, vision_config=vision), directory, seed=seed)
    _write_json(directory / "preprocessor_config.json", {
        "image_processor_type": "Siglip2ImageProcessor", "patch_size": PATCH, "max_num_patches": 16, "resample": 2,
        "do_resize": True, "image_mean": [0.5] * 3, "image_std": [0.5] * 3,
    })
    return directory


BUILDERS = {
    "chinese_clip": build_chinese_clip, "clip": build_clip, "siglip": build_siglip, "siglip2": build_siglip2,
}


def edit_json(path: Path, **changes: Any) -> None:
    """Set keys of a JSON file."""
    content = json.loads(path.read_text(encoding="utf-8"))
    _write_json(path, {**content, **changes})


def _save(model_class: Any, config: Any, directory: Path, *, seed: int, safetensors: bool = True) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = model_class(config)
        # Fresh models start with all biases zero and all norms one: a layer left out would not be noticed.
        for parameter in model.parameters():
            parameter.data.add_(torch.randn_like(parameter) * 0.05)
    with quiet_transformers():
        model.save_pretrained(directory)
    if not safetensors:
        (directory / "model.safetensors").unlink()
        torch.save(model.state_dict(), directory / "pytorch_model.bin")


def _save_gemma_tokenizer(directory: Path, *, lower_case: bool) -> int:
    """BPE with byte fallback that ends a text with <eos>; gives the size of the vocabulary."""
    from tokenizers import Tokenizer, decoders, normalizers, pre_tokenizers, processors
    from tokenizers.models import BPE

    special, raw_bytes = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"], [f"<0x{i:02X}>" for i in range(256)]
    tokens = [*special, *raw_bytes, *_ascii(), "▁", *_chinese(), "do", "dog"]
    vocabulary = {token: i for i, token in enumerate(tokens)}
    tokenizer = Tokenizer(BPE(
        vocab=vocabulary, merges=[("d", "o"), ("do", "g")], unk_token="<unk>", fuse_unk=True, byte_fallback=True
    ))
    tokenizer.normalizer = normalizers.Sequence(
        ([normalizers.Lowercase()] if lower_case else []) + [normalizers.Replace(" ", "▁")]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    tokenizer.post_processor = processors.TemplateProcessing(single="$A <eos>", special_tokens=[("<eos>", 1)])
    tokenizer.save(str(directory / "tokenizer.json"))
    _write_json(directory / "tokenizer_config.json", {
        "tokenizer_class": "GemmaTokenizer", "model_max_length": 64, "padding_side": "right",
        "model_input_names": ["input_ids"], "add_bos_token": False, "add_eos_token": True,
        "pad_token": "<pad>", "eos_token": "<eos>", "bos_token": "<bos>", "unk_token": "<unk>",
    })
    return len(vocabulary)


def _ascii() -> list[str]:
    return [chr(i) for i in range(33, 127)]


def _chinese() -> list[str]:
    pairs = [bytes((row, column)) for row in range(0xB0, 0xF8) for column in range(0xA1, 0xFF)]
    return [c for c in (pair.decode("gb2312", errors="ignore") for pair in pairs) if c]


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")
