"""NDDR: neural discriminative dimensionality reduction (Gao et al., CVPR 2019, eq. 1-2)."""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mtlcli.models.fusions.base import Fusion
from mtlcli.models.pointwise import Pointwise


class NDDR(Fusion):
    """One 1x1 convolution per task on all tasks' features, batch norm, ReLU.

    The K convolutions read the same concatenation, so they are one (ΣC × ΣC) convolution and one
    batch norm, whose output is split: numerically the K separate ones. The running variance starts
    at 1 - eps, so that in eval mode the norm is exactly the identity; own = 1, other = 0 then gives
    the parents unchanged.

    :param own: start of a task's weight for its own features.
    :param other: start of its weight for the features of the other tasks, which share it equally.
    :param init: "diagonal" starts from own and other (rectangular where widths differ); "xavier"
        and "kaiming" start at random.
    :param activation: what follows the norm. "auto" is ReLU, except where the features that come in
        can be negative: ReLU would destroy what the next stage was trained on.
    :param eps: added to the variance.
    :param momentum: weight of a new batch in the running statistics.
    """

    def __init__(
        self,
        channels: list[int],
        signed: bool,
        *,
        own: float = 0.9,
        other: float = 0.1,
        init: Literal["diagonal", "xavier", "kaiming"] = "diagonal",
        activation: Literal["auto", "relu", "none"] = "auto",
        eps: float = 1e-3,
        momentum: float = 0.05,
    ) -> None:
        super().__init__(channels, signed)
        self.mix = Pointwise(sum(channels), sum(channels))
        self.norm = identity_norm(sum(channels), eps, momentum)
        self.relu = activation == "relu" or (activation == "auto" and not signed)
        self._start(init, own, other / max(1, len(channels) - 1))

    @torch.no_grad()
    def _start(self, init: str, own: float, other: float) -> None:
        for i, row in enumerate(torch.split(self.mix.weight, self.channels)):
            if init == "xavier":
                nn.init.xavier_uniform_(row)
            elif init == "kaiming":
                nn.init.kaiming_normal_(row, mode="fan_out", nonlinearity="relu")
            else:
                row.zero_()
                for j, block in enumerate(torch.split(row, self.channels, 1)):
                    block[..., 0, 0].fill_diagonal_(own if i == j else other)

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        x = self.norm(self.mix(torch.cat(maps, 1)))
        if self.relu:
            x = F.relu(x, inplace=True)
        return list(torch.split(x, self.channels, 1))


def identity_norm(channels: int, eps: float = 1e-3, momentum: float = 0.05) -> nn.BatchNorm2d:
    """A batch norm that is exactly the identity in eval mode until it has seen a batch."""
    norm = nn.BatchNorm2d(channels, eps, momentum)
    assert norm.running_var is not None
    norm.running_var.fill_(1 - eps)
    return norm
