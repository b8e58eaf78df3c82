"""Heads that answer for every pixel, at the resolution of the features."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_EPS, _MOMENTUM = 1e-3, 0.05  # of batch norms, as in the VGG trunk


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, _EPS, _MOMENTUM)


def _start(head: nn.Module, last: nn.Conv2d) -> None:
    """He et al. 2015: unit variance behind every ReLU, and at the output without one."""
    for module in head.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(
                module.weight, nonlinearity="linear" if module is last else "relu"
            )
            if module.bias is not None:
                nn.init.zeros_(module.bias)


class LFOV(nn.Module):
    """DeepLab's large field of view (Chen et al., ICLR 2015), with batch norms.

    A dilated 3x3 convolution and a 1x1, each with norm, ReLU and dropout; then the last 1x1.

    :param channels: width of the features.
    :param outputs: channels of the output.
    :param width: of the hidden layers.
    :param rate: dilation; 12 belongs to features at an eighth of the picture's size.
    :param dropout: probability, behind each hidden layer.
    """

    def __init__(
        self,
        channels: int,
        outputs: int,
        *,
        width: int = 1024,
        rate: int = 12,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.hidden = nn.Sequential(
            nn.Conv2d(channels, width, 3, padding=rate, dilation=rate, bias=False),
            _norm(width),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Conv2d(width, width, 1, bias=False),
            _norm(width),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
        )
        self.last = nn.Conv2d(width, outputs, 1)
        _start(self, self.last)

    def forward(self, features: Tensor) -> Tensor:
        """Features ``[B, channels, h, w]`` to ``[B, outputs, h, w]``."""
        out: Tensor = self.last(self.hidden(features))
        return out


class ASPP(nn.Module):
    """Atrous spatial pyramid pooling (DeepLab v3, Chen et al. 2017).

    A 1x1 convolution, three dilated 3x3 and the mean over the map, side by side; a 1x1 joins them.
    The branch of the mean has a bias in place of a norm: from a batch of one picture a norm would
    learn nothing of it.

    :param channels: width of the features.
    :param outputs: channels of the output.
    :param width: of each branch.
    :param rate: the dilations are 1, 2 and 3 times this; 12 belongs to features at an eighth of the
        picture's size, 6 to a sixteenth.
    :param dropout: probability, before the last layer.
    """

    def __init__(
        self,
        channels: int,
        outputs: int,
        *,
        width: int = 256,
        rate: int = 12,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        kernels = [nn.Conv2d(channels, width, 1, bias=False)] + [
            nn.Conv2d(channels, width, 3, padding=rate * i, dilation=rate * i, bias=False)
            for i in (1, 2, 3)
        ]
        self.branches = nn.ModuleList(
            nn.Sequential(kernel, _norm(width), nn.ReLU(inplace=True)) for kernel in kernels
        )
        self.mean = nn.Conv2d(channels, width, 1)
        self.join = nn.Sequential(
            nn.Conv2d((len(kernels) + 1) * width, width, 1, bias=False),
            _norm(width),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
        )
        self.last = nn.Conv2d(width, outputs, 1)
        _start(self, self.last)

    def forward(self, features: Tensor) -> Tensor:
        """Features ``[B, channels, h, w]`` to ``[B, outputs, h, w]``."""
        mean = F.relu(self.mean(F.adaptive_avg_pool2d(features, 1)))
        maps = [branch(features) for branch in self.branches]
        joined = self.join(torch.cat([*maps, mean.expand_as(maps[0])], 1))
        out: Tensor = self.last(joined)
        return out


HEADS: dict[str, Callable[..., nn.Module]] = {"lfov": LFOV, "aspp": ASPP}


def dense_head(
    name: str, channels: int, outputs: int, *, width: int, rate: int, dropout: float
) -> nn.Module:
    """A head by name; ``width`` 0 takes the head's own."""
    sizes = {"width": width} if width else {}
    return HEADS[name](channels, outputs, rate=rate, dropout=dropout, **sizes)
