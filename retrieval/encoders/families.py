"""What the supported model families differ in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

_CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
_CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
_HALF = (0.5, 0.5, 0.5)
_IMAGENET_MEAN, _IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_BILINEAR, _BICUBIC = 2, 3      # as Pillow and preprocessor_config.json number them


# towers: of transformers, one for texts and one for single frames; clip_towers: of transformers, texts and frames mixed
# in time; clips: of transformers, frames mixed in time and no texts; open_clip: towers of open_clip.
FamilyKind = Literal["towers", "clip_towers", "clips", "open_clip"]


@dataclass(frozen=True, kw_only=True)
class Family:
    """Facts that a checkpoint's own files leave out when they equal the family's default."""

    model_class: str                        # in transformers; "" where another library holds it
    projected: bool                         # the towers end in visual_projection and text_projection
    positions: int                          # tokens, special ones included, that fit where the config is silent
    trained_context: int | None             # tokens that it was trained on, where those are fewer
    pads_to_context: bool                   # short texts are padded to the context, and the padding is read
    lower_case: bool                        # trained on lower-cased text only
    knows_chinese: bool                     # a vocabulary that cannot spell Chinese means broken tokenizer files
    patches: bool                           # wants pictures cut into a list of patches
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    resample: int
    kind: FamilyKind = "towers"


def _video_only(model_class: str) -> Family:
    return Family(
        model_class=model_class, projected=False, positions=0, trained_context=None, pads_to_context=False,
        lower_case=False, knows_chinese=False, patches=False, mean=_IMAGENET_MEAN, std=_IMAGENET_STD,
        resample=_BILINEAR, kind="clips",
    )


FAMILIES: dict[str, Family] = {
    # Positions reach 512, but contrastive training used 52 tokens (Chinese-CLIP, arXiv 2211.01335).
    "chinese_clip": Family(
        model_class="ChineseCLIPModel", projected=True, positions=512, trained_context=52, pads_to_context=False,
        lower_case=False, knows_chinese=True, patches=False, mean=_CLIP_MEAN, std=_CLIP_STD, resample=_BICUBIC,
    ),
    "clip": Family(
        model_class="CLIPModel", projected=True, positions=77, trained_context=None, pads_to_context=False,
        lower_case=False, knows_chinese=False, patches=False, mean=_CLIP_MEAN, std=_CLIP_STD, resample=_BICUBIC,
    ),
    # Fixed-resolution SigLIP 2 checkpoints are of this type too. Both generations were trained on lower-cased text
    # (SigLIP 2, arXiv 2502.14786), which not every published tokenizer does by itself.
    "siglip": Family(
        model_class="SiglipModel", projected=False, positions=64, trained_context=None, pads_to_context=True,
        lower_case=True, knows_chinese=False, patches=False, mean=_HALF, std=_HALF, resample=_BICUBIC,
    ),
    "siglip2": Family(
        model_class="Siglip2Model", projected=False, positions=64, trained_context=None, pads_to_context=True,
        lower_case=True, knows_chinese=False, patches=True, mean=_HALF, std=_HALF, resample=_BILINEAR,
    ),
    "xclip": Family(
        model_class="XCLIPModel", projected=True, positions=77, trained_context=None, pads_to_context=False,
        lower_case=False, knows_chinese=False, patches=False, mean=_IMAGENET_MEAN, std=_IMAGENET_STD,
        resample=_BILINEAR, kind="clip_towers",
    ),
    "videomae": _video_only("VideoMAEModel"),
    "timesformer": _video_only("TimesformerModel"),
}

# Its tokenizers lower, clean and pad as each model's own settings say.
OPEN_CLIP = Family(
    model_class="", projected=False, positions=77, trained_context=None, pads_to_context=True, lower_case=False,
    knows_chinese=False, patches=False, mean=_CLIP_MEAN, std=_CLIP_STD, resample=_BICUBIC, kind="open_clip",
)


def vector_dimension(config: dict[str, Any], *, family: Family) -> int:
    """The length of a model's vectors, from its config.json."""
    if family.kind == "open_clip":
        return int(config["model_cfg"]["embed_dim"])
    if family.kind == "clips":
        return int(config.get("hidden_size", 768))
    if family.projected:
        return int(config.get("projection_dim", 512))
    return int(config.get("vision_config", {}).get("hidden_size", 768))
