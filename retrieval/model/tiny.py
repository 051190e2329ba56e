"""Small untrained models: the same transformers classes as the published ones, for worlds that need no more."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import torch

from retrieval.encoders.quiet import quiet_transformers
from retrieval.errors import InputError, ModelError
from retrieval.model.settings import FrameSettings, InteractionSettings, TemporalSettings

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
MOST_TOKENS = 2_000
# Where weights begin. The usual numbers are made for wide towers: a narrow text tower would begin almost blind, and
# where things are in the picture would be drowned by what they look like.
_TEXT_SPREAD = 0.7              # times 1 / sqrt(width)
_WORD_STRENGTH = 5.0            # a word beside its place in the text
_QUIET = 0.3                    # of what should hardly be heard at first
_PLACE_SPREAD = 0.2
_LOGIT_SCALE = 3.0              # natural logarithm
_CHINESE_CLIP_MEAN = [0.48145466, 0.4578275, 0.40821073]
_CHINESE_CLIP_STD = [0.26862954, 0.26130258, 0.27577711]


@dataclass(frozen=True, kw_only=True)
class TinySettings:
    """The size of a tiny Chinese-CLIP: pictures of `side` pixels in patches of `patch`; `dimension` of its vectors."""

    side: int = 96
    patch: int = 16
    width: int = 192
    layers: int = 6
    heads: int = 3
    text_width: int = 192
    text_layers: int = 3
    text_heads: int = 3
    context: int = 52
    dropout: float = 0.0
    dimension: int = 192
    temporal: TemporalSettings = field(default_factory=lambda: TemporalSettings(aggregation="transformer"))
    interaction: InteractionSettings = field(default_factory=InteractionSettings)
    frames: FrameSettings = field(default_factory=lambda: FrameSettings(pooling="max_mean"))


def build_tiny(directory: Path, *, vocabulary: Sequence[str], settings: TinySettings, seed: int) -> Path:
    """Write an untrained Chinese-CLIP in Hugging Face layout into `directory`, and give it back.

    vocabulary: characters and whole words beyond the special tokens and the pieces of unknown Latin words, which are
    added; a text is cut into characters and, in Latin letters, into the longest known words. Raises InputError when
    they are more than 2,000, repeat, or the sizes do not fit each other.
    """
    from transformers import ChineseCLIPConfig, ChineseCLIPModel

    from retrieval.encoders.checkpoint import open_checkpoint
    from retrieval.encoders.preprocessing import read_preprocessing
    from retrieval.model.dual_encoder import DualEncoder
    from retrieval.model.storing import save_dual_encoder

    tokens = _tokens(vocabulary)
    _check(settings)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "vocab.txt").write_text("\n".join(tokens) + "\n", encoding="utf-8")
    _write_json(directory / "tokenizer_config.json", {
        "tokenizer_class": "BertTokenizer", "do_lower_case": True, "model_max_length": settings.context,
        "tokenize_chinese_chars": True,
    })  # fmt: skip
    size = {"height": settings.side, "width": settings.side}
    _write_json(directory / "preprocessor_config.json", {
        "image_processor_type": "ChineseCLIPImageProcessor", "do_resize": True, "size": size, "resample": 3,
        "do_center_crop": False, "do_rescale": True, "rescale_factor": 1 / 255, "do_normalize": True,
        "image_mean": _CHINESE_CLIP_MEAN, "image_std": _CHINESE_CLIP_STD,
    })  # fmt: skip
    config = ChineseCLIPConfig(
        text_config={
            "vocab_size": len(tokens), "hidden_size": settings.text_width, "num_hidden_layers": settings.text_layers,
            "num_attention_heads": settings.text_heads, "intermediate_size": 4 * settings.text_width,
            "max_position_embeddings": settings.context, "hidden_dropout_prob": settings.dropout,
            "attention_probs_dropout_prob": settings.dropout,
            "initializer_range": _TEXT_SPREAD * settings.text_width**-0.5,
        },
        vision_config={
            "hidden_size": settings.width, "num_hidden_layers": settings.layers, "image_size": settings.side,
            "num_attention_heads": settings.heads, "intermediate_size": 4 * settings.width,
            "patch_size": settings.patch, "dropout": settings.dropout,
        },
        projection_dim=settings.dimension,
        logit_scale_init_value=_LOGIT_SCALE,
    )  # fmt: skip
    with torch.random.fork_rng(), quiet_transformers():
        torch.manual_seed(seed)
        towers = ChineseCLIPModel(config)
        torch.nn.init.normal_(towers.vision_model.embeddings.position_embedding.weight, std=_PLACE_SPREAD)
        _begin_as_bag_of_words(towers.text_model)
        towers.config.save_pretrained(directory)
        model = DualEncoder(
            towers, preprocessing=read_preprocessing(open_checkpoint(directory)), temporal=settings.temporal,
            dimension=settings.dimension, projected=True, interaction=settings.interaction,
            frames=settings.frames,
        )  # fmt: skip
    model.learned_tokens = frozenset()
    save_dual_encoder(model, directory, files_from=directory)
    return directory


def _begin_as_bag_of_words(tower: Any) -> None:
    """Let [CLS] begin as the mean of the words, and every word as itself beside that mean.

    A text tower with random weights says nearly the same of every text, and pictures cannot be told apart by it: training
    then stands still for a thousand steps. Values are passed on as they are and the feed-forward layers add little; all of
    it is learned away where that helps.
    """
    words = tower.embeddings
    words.word_embeddings.weight.data.mul_(_WORD_STRENGTH)
    words.word_embeddings.weight.data[[SPECIAL.index("[CLS]"), SPECIAL.index("[SEP]")]] = 0.0
    words.position_embeddings.weight.data.mul_(_QUIET)
    torch.nn.init.zeros_(words.token_type_embeddings.weight)        # the same for every word
    for layer in tower.encoder.layer:
        torch.nn.init.eye_(layer.attention.self.value.weight)
        torch.nn.init.eye_(layer.attention.output.dense.weight)
        layer.attention.self.query.weight.data.mul_(_QUIET)
        layer.output.dense.weight.data.mul_(_QUIET)


def _tokens(vocabulary: Sequence[str]) -> list[str]:
    printable = [chr(code) for code in range(33, 127) if not chr(code).isupper()]
    pieces = [f"##{sign}" for sign in printable if sign.isalnum()]
    own = [token for token in vocabulary if token not in {*SPECIAL, *printable, *pieces}]
    if len(set(own)) != len(own) or any(not token.strip() or token != token.lower() for token in own):
        raise InputError("The vocabulary holds an entry twice, an empty one or one in capitals: give each word once.")
    tokens = [*SPECIAL, *printable, *pieces, *own]
    if len(tokens) > MOST_TOKENS:
        raise InputError(f"The vocabulary has {len(tokens)} entries, {MOST_TOKENS} at most fit a tiny model.")
    return tokens


def _check(settings: TinySettings) -> None:
    if settings.side % settings.patch:
        raise InputError(f"Pictures of {settings.side} pixels cannot be cut into patches of {settings.patch}.")
    for width, heads in ((settings.width, settings.heads), (settings.text_width, settings.text_heads)):
        if width % heads:
            raise InputError(f"{heads} attention heads do not divide a width of {width}.")


def settings_of(values: dict[str, Any]) -> TinySettings:
    """From plain values, such as those of a recipe; `temporal`, `interaction` and `frames` are mappings of their own.

    Raises InputError on an unknown name.
    """
    try:
        nested = {
            "temporal": TemporalSettings.read(values.get("temporal", {"aggregation": "transformer"})),
            "interaction": InteractionSettings.read(values.get("interaction")),
            "frames": FrameSettings.read(values.get("frames", {"pooling": "max_mean"})),
        }
        return TinySettings(**{**values, **nested})
    except (TypeError, ModelError) as error:
        known = ", ".join(field.name for field in fields(TinySettings))
        raise InputError(f"The settings of a new model cannot be used ({error}): it has {known}.") from error


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
