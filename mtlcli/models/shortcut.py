"""The shortcut of NDDR-CNN (section 3.3): the last features see every stage's output directly."""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mtlcli.models.fusions.nddr import identity_norm
from mtlcli.models.pointwise import Pointwise

Start = Literal["parent", "xavier"]


class Shortcut(nn.Module):
    """All stages resized to the last one's size, one 1x1 convolution, batch norm, ReLU.

    :param channels: the width of each stage.
    :param signed: whether the last stage's output can be negative; then there is no ReLU.
    :param start: "parent" starts as the last stage's output alone, "xavier" at random.
    :param align_corners: how the older PyTorch code resizes.
    """

    def __init__(
        self,
        channels: list[int],
        signed: bool,
        start: Start = "parent",
        align_corners: bool = False,
    ) -> None:
        super().__init__()
        self.align_corners = align_corners
        self.mix = Pointwise(sum(channels), channels[-1])
        self.norm = identity_norm(channels[-1])
        self.relu = not signed
        if start == "xavier":
            nn.init.xavier_uniform_(self.mix.weight)
        else:
            nn.init.zeros_(self.mix.weight)
            with torch.no_grad():
                self.mix.weight[:, -channels[-1] :, 0, 0].fill_diagonal_(1)

    def forward(self, maps: list[Tensor]) -> Tensor:
        """Every stage's ``[B, C_i, H_i, W_i]`` to ``[B, C_last, H_last, W_last]``."""
        last = maps[-1]
        resized = [resize(x, last.shape[-2:], self.align_corners) for x in maps[:-1]]
        x: Tensor = self.norm(self.mix(torch.cat([*resized, last], 1)))
        return F.relu(x, inplace=True) if self.relu else x

    def norms(self) -> list[nn.BatchNorm2d]:
        """The batch norms that calibration sets."""
        return [self.norm]


def resize(x: Tensor, size: torch.Size, align_corners: bool = False) -> Tensor:
    """Bilinear, and only where the size ``[H, W]`` differs."""
    if x.shape[-2:] == size:
        return x
    return F.interpolate(x, size=size, mode="bilinear", align_corners=align_corners)
