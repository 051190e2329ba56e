"""The token-wise score on arrays: what a search and an evaluation compute from stored vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from retrieval.model.settings import InteractionSettings

if TYPE_CHECKING:
    from retrieval.encoders.protocols import TextVectors

_PAIRS_AT_ONCE = 4_000_000      # words × frames of one block of texts: some tens of megabytes


def token_wise_scores(
    texts: TextVectors, frames: NDArray[np.float32], *, frame_mask: NDArray[np.bool_], interaction: InteractionSettings
) -> NDArray[np.float32]:
    """Every text with every clip by words and frames: frames [B, F, D], frame_mask bool [B, F] -> [A, B].

    interaction: as the model was trained. Texts are taken in blocks, so that memory stays small.
    """
    import torch

    from retrieval.model.dual_encoder import TextFeatures, VideoFeatures, token_wise_score

    read = TextFeatures(
        torch.from_numpy(texts.pooled), torch.from_numpy(texts.words), torch.from_numpy(texts.mask),
        None if texts.weights is None else torch.from_numpy(texts.weights),
    )  # fmt: skip
    # No score looks at the pooled vectors of clips.
    clips = VideoFeatures(torch.empty(len(frames), 0), torch.from_numpy(frames), torch.from_numpy(frame_mask))
    step = max(1, _PAIRS_AT_ONCE // (read.mask.shape[1] * clips.mask.numel()))
    with torch.inference_mode():
        blocks = [
            token_wise_score(read.rows(slice(start, start + step)), clips, interaction=interaction)
            for start in range(0, len(read.mask), step)
        ]
    return torch.cat(blocks).numpy()


def combined_score(
    pooled: NDArray[np.float32], token_wise: NDArray[np.float32], *, interaction: InteractionSettings
) -> NDArray[np.float32]:
    """The score that orders what was re-ranked: a mean of both, by the share that the model carries."""
    return np.asarray((1 - interaction.share) * pooled + interaction.share * token_wise, dtype=np.float32)
