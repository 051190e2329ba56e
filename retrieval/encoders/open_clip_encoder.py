"""Models of open_clip, read by open_clip itself, as text and frame encoders."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from retrieval.encoders.checkpoint import Checkpoint
from retrieval.encoders.open_clip_tokens import HubTokens, OwnTokens
from retrieval.encoders.preprocessing import read_preprocessing
from retrieval.encoders.quiet import quiet_transformers
from retrieval.encoders.running import Runner
from retrieval.encoders.text_reading import TextTokenizer
from retrieval.encoders.tower_encoder import TowerEncoder
from retrieval.encoders.towers import normalised
from retrieval.errors import ModelError
from retrieval.model.aggregation import unit
from retrieval.model.dual_encoder import DualEncoder, TextFeatures
from retrieval.model.settings import TemporalSettings
from retrieval.records import Generation


class OpenClipEncoder(TowerEncoder):
    """A checkpoint with an open_clip_config.json. Raises ModelError when open_clip is missing or cannot read it."""

    def __init__(
        self, checkpoint: Checkpoint, *, generation: Generation, device: str = "auto", batch_size: int = 32
    ) -> None:
        runner = Runner(checkpoint.name, device=device, batch_size=batch_size)
        model, tokenizer = _load(checkpoint, device=runner.device)
        towers = OpenClipTowers(
            model, preprocessing=read_preprocessing(checkpoint), temporal=TemporalSettings(),
            dimension=generation.dimension, projected=False,
        )  # fmt: skip
        super().__init__(towers, tokenizer, generation=generation, runner=runner, pads_to_context=True)


class OpenClipTowers(DualEncoder):
    """A model of open_clip in the place of one of transformers; frames are averaged over time."""

    def encode_texts(self, ids: Tensor, *, attended: Tensor | None, words: Tensor) -> TextFeatures:
        """As open_clip encodes them: `attended` is not looked at, its models know their padding.

        The vector of a token is its state after the last layer, through the projection that the whole text goes through.
        """
        states, projection = _last_layer(self.towers)
        found: list[Any] = []
        hook = states.register_forward_hook(
            lambda _module, _inputs, output: found.append(getattr(output, "last_hidden_state", output))
        )
        try:
            pooled = self.towers.encode_text(ids)
        finally:
            hook.remove()
        return TextFeatures(unit(pooled), unit(_projected(found[0], projection)) * words[..., None], words)

    def frame_vectors(self, pictures: Tensor) -> Tensor:
        """Single frames before they are mixed in time: uint8 [N, H, W, 3] -> [N, D], any length."""
        pixels = normalised(pictures, self.preprocessing).permute(0, 3, 1, 2).contiguous()
        vectors: Tensor = self.towers.encode_image(pixels)
        return vectors.float()


def _last_layer(model: Any) -> tuple[nn.Module, Any]:
    """The module whose output holds the states of a text's tokens, and what projects them into the joint space."""
    text = getattr(model, "text", model)
    if hasattr(text, "ln_final"):
        return text.ln_final, text.text_projection
    return text.transformer, text.proj      # a text tower of transformers


def _projected(states: Tensor, projection: Any) -> Tensor:
    if projection is None:
        return states
    return projection(states) if isinstance(projection, nn.Module) else states @ projection


def _load(checkpoint: Checkpoint, *, device: torch.device) -> tuple[nn.Module, TextTokenizer]:
    try:
        import open_clip
    except ImportError as error:
        raise ModelError(
            f"The model in {checkpoint.directory} is one of open_clip, which is an extra: install wenshi[open-clip]."
        ) from error
    except RuntimeError as error:       # torchvision's compiled part is for another torch
        raise ModelError(
            f"open_clip cannot be imported ({error}): install torch and torchvision from the same place, or use a model "
            "of transformers."
        ) from error
    source = f"local-dir:{checkpoint.directory}"
    try:
        with quiet_transformers():
            model = open_clip.create_model(source, precision="fp32", device="cpu", require_pretrained=True)
            tokenizer = open_clip.get_tokenizer(source)
    except Exception as error:      # open_clip's, torch's, safetensors' or the hub's, whichever it is
        raise ModelError(
            f"open_clip cannot read the model in {checkpoint.directory} ({type(error).__name__}: "
            f"{(str(error).strip().splitlines() or [''])[0][:200]}): fetch the model again."
        ) from error
    own = isinstance(tokenizer, open_clip.tokenizer.SimpleTokenizer)
    tokens = OwnTokens(tokenizer) if own else HubTokens(tokenizer, directory=checkpoint.directory)
    try:
        return model.eval().to(device), tokens
    except RuntimeError as error:
        raise ModelError(f"The model in {checkpoint.directory} does not fit on {device}: use --device cpu.") from error
