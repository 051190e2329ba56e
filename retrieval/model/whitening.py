"""Patches that tell pictures apart from the first step on: the patch embedding of a new tower, from sample pictures."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from retrieval.encoders.towers import normalised
from retrieval.model.dual_encoder import DualEncoder

_FLOOR = 0.01       # of a component's variance: what hardly ever changes is not blown up into noise
_SPREAD = 0.5       # of what a patch becomes


def whiten_patches(model: DualEncoder, pictures: NDArray[np.uint8], *, seed: int) -> None:
    """Set the patch embedding so that the strongest components of these pictures' patches come out alike strong.

    pictures: uint8 [N, H, W, 3], a few hundred. Patches of pictures differ mostly in brightness; random weights see little
    else, and a tower learns shapes only after it has learnt to look past that. Principal components are scaled to equal
    variance and turned at random, so that every number holds something of each; where there are more numbers than
    components, the rest stays random. Which sign a component came out with makes no difference.
    """
    embedding = model.towers.vision_model.embeddings.patch_embedding
    width, size = embedding.out_channels, embedding.kernel_size[0]
    pixels = normalised(torch.from_numpy(pictures), model.preprocessing).permute(0, 3, 1, 2)
    patches = torch.nn.functional.unfold(pixels, size, stride=size).transpose(1, 2).flatten(0, 1)
    count = min(width, patches.shape[1], len(patches) - 1)
    generator = torch.Generator().manual_seed(seed)
    components = torch.randn(width, patches.shape[1], generator=generator) * patches.shape[1] ** -0.5
    components[:count] = _whitening(patches, count)
    turn = torch.linalg.qr(torch.randn(width, width, generator=generator)).Q
    with torch.no_grad():
        embedding.weight.copy_((_SPREAD * turn @ components).view_as(embedding.weight))


def _whitening(patches: Tensor, count: int) -> Tensor:
    """[count, numbers of a patch]: the first principal components, each divided by its standard deviation."""
    centred = patches - patches.mean(dim=0)
    variances, directions = torch.linalg.eigh(centred.T @ centred / len(centred))      # ascending
    strongest = variances.flip(0)[:count].clamp(min=0.0)
    components = directions.flip(1)[:, :count].T
    signs = components.gather(1, components.abs().argmax(dim=1, keepdim=True)).sign()
    return signs * components / (strongest + _FLOOR).sqrt()[:, None]
