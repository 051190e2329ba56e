"""The cross-modal network: the text tower once more, over the tokens of a text and the frames of a clip in one row."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from retrieval.errors import ModelError
from retrieval.model import DualEncoder


@dataclass(frozen=True, kw_only=True)
class CrossStates:
    """What the network makes of M pairs: tokens [M, L, W] of the texts, and pooled [M, W], of the first token."""

    tokens: Tensor
    pooled: Tensor


class CrossModal(nn.Module):
    """The weights that reading a pair takes beside the text tower, whose embeddings and layers it shares, and three heads.

    tower: as `shared_tower` gives it; it is handed over at each call and stays the model's own. dimension: of the frame
    vectors. frames: projects them to the tower's width W. pooler: a copy of the tower's; where that reads its first token
    as it is, the new one begins as the identity. Heads: `masked_language` guesses tokens, `text_video` says no or yes
    [M, 2], `matching` gives a score [M, 1]. All of them are there whichever is trained, so that they begin alike.
    Source: the shared network of SNP-S3 (arXiv 2401.17773), without a separator among the frames.
    """

    def __init__(self, tower: Any, *, dimension: int) -> None:
        super().__init__()
        width = tower.config.hidden_size
        self.frames = nn.Linear(dimension, width)
        self.pooler = _copied_pooler(tower)
        self.masked_language = MaskedLanguageHead(tower)
        self.text_video = nn.Linear(width, 2)
        self.matching = nn.Sequential(
            nn.Dropout(tower.config.hidden_dropout_prob), nn.Linear(width, 2 * width), nn.ReLU(),
            nn.Linear(2 * width, 1, bias=False),        # a score is compared with scores: what all share changes nothing
        )
        # Unit vectors have entries of about 1 / sqrt(D); a linear layer is made for entries of about 1.
        self._scale = math.sqrt(dimension)

    def read(self, tower: Any, ids: Tensor, *, attended: Tensor, frames: Tensor, frame_mask: Tensor) -> CrossStates:
        """Pairs of a text and a clip, row i of both: ids and attended int64 [M, L], 1 = looked at; frames [M, F, D] of unit
        length; frame_mask bool [M, F], True = a frame. Frames are of token type 1, and their positions begin at 0 again.
        """
        words = tower.embeddings.word_embeddings(ids)
        pictures = self.frames(frames * self._scale).to(words.dtype)
        lengths = ids.shape[1], frames.shape[1]
        states = tower(
            inputs_embeds=torch.cat([words, pictures], dim=1),
            attention_mask=torch.cat([attended, frame_mask.to(attended.dtype)], dim=1),
            token_type_ids=torch.cat([torch.full_like(attended, 0), frame_mask.new_ones(frames.shape[:2]).long()], dim=1),
            position_ids=torch.cat([torch.arange(length, device=ids.device) for length in lengths])[None],
        ).last_hidden_state
        return CrossStates(tokens=states[:, : lengths[0]], pooled=self.pooler(states[:, 0]).tanh())


class MaskedLanguageHead(nn.Module):
    """States of tokens to guesses over the vocabulary, by the tower's own word embeddings. Source: BERT (arXiv 1810.04805)."""

    def __init__(self, tower: Any) -> None:
        super().__init__()
        words = tower.embeddings.word_embeddings.weight
        vocabulary, width = words.shape
        self.dense = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width, eps=tower.config.layer_norm_eps)
        # However long the embeddings are, guesses begin with a spread of about 1.
        nn.init.constant_(self.norm.weight, 1 / float(words.detach().norm(dim=1).mean().clamp(min=1e-6)))
        self.bias = nn.Parameter(torch.zeros(vocabulary))

    def forward(self, states: Tensor, word_embeddings: Tensor) -> Tensor:
        """[M, W] and [vocabulary, W] -> logits [M, vocabulary]."""
        return nn.functional.linear(self.norm(nn.functional.gelu(self.dense(states))), word_embeddings, self.bias)


def shared_tower(model: DualEncoder) -> Any:
    """The text tower of a model, if it can read frames too. Raises ModelError for one that is not like BERT's."""
    tower = model.towers.text_model
    if not hasattr(tower.embeddings, "token_type_embeddings"):
        raise ModelError(
            f"The text tower of {type(model.towers).__name__} cannot read words and frames together: "
            "objective.masked_language, objective.matching and objective.text_video need one like BERT's, such as "
            "Chinese-CLIP's."
        )
    return tower


def _copied_pooler(tower: Any) -> nn.Linear:
    width = tower.config.hidden_size
    pooler = nn.Linear(width, width)
    if tower.pooler is None:
        nn.init.eye_(pooler.weight)
        nn.init.zeros_(pooler.bias)
    else:
        pooler.load_state_dict(tower.pooler.dense.state_dict())
    return pooler
