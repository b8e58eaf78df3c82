"""The learned skip connections of sluice networks (Ruder et al., AAAI 2019, eq. 3)."""

import torch
from torch import Tensor, nn

from mtlcli.models.shortcut import resize


class LayerMixture(nn.Module):
    """A weighted sum of all stages' outputs, which starts as the last one alone.

    The paper's layers are all of one size; here each earlier stage is resized to the last one and
    brought to its width by a 1x1 convolution.

    :param channels: the width of each stage.
    """

    def __init__(self, channels: list[int]) -> None:
        super().__init__()
        self.project = nn.ModuleList(
            nn.Conv2d(width, channels[-1], 1, bias=False) for width in channels[:-1]
        )
        #: β, one weight per stage.
        self.beta = nn.Parameter(torch.tensor([0.0] * (len(channels) - 1) + [1.0]))

    def forward(self, maps: list[Tensor]) -> Tensor:
        """Every stage's ``[B, C_i, H_i, W_i]`` to ``[B, C_last, H_last, W_last]``."""
        last = maps[-1]
        mixed = last * self.beta[-1]
        for project, weight, x in zip(self.project, self.beta, maps[:-1], strict=False):
            # projected first: it is linear, and mostly fewer pixels have to be resized
            mixed = mixed + weight * resize(project(x), last.shape[-2:])
        return mixed
