"""A light network for small grey faces (mini-Xception, Arriaga et al. 2017, arXiv 1710.07557)."""

from itertools import pairwise
from pathlib import Path

from torch import Tensor, nn
from torch.nn import functional as F

from mtlcli.errors import UsageError
from mtlcli.models.backbones.base import Backbone
from mtlcli.models.backbones.weights import fill, read_tensors

_CHANNELS = [8, 16, 32, 64, 128]
_STRIDES = [1, 2, 4, 8, 16]
_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601


class MiniXception(Backbone):
    """Two unpadded 3x3 convolutions of 8 channels, then four residual blocks of separable ones.

    48,880 parameters. Colours become one channel first: BT.601 luma of the normalised input, which
    is the picture's own where ``input.mean`` and ``input.std`` are the same for all channels. 64
    pixels become 60, 30, 15, 8, 4. A block ends with a sum and no ReLU, so its output can be
    negative.

    :param name: what the catalog calls it.
    :param weights: "none" (random), or the path of a .pth or .safetensors file of this network.
    """

    def __init__(self, name: str, *, weights: str = "none") -> None:
        stem = nn.Sequential(Luma(), _unit(1, _CHANNELS[0]), _unit(_CHANNELS[0], _CHANNELS[0]))
        stages = [stem, *(Residual(*pair) for pair in pairwise(_CHANNELS))]
        signed = [False] + [True] * (len(stages) - 1)
        super().__init__(stages, list(_CHANNELS), list(_STRIDES), signed)
        if weights == "imagenet":
            raise UsageError(
                f"there are no ImageNet weights of {name}", hint="set weights to none, or a path"
            )
        if weights != "none":
            own = self.state_dict(keep_vars=True)
            fill(own, read_tensors(Path(weights)), weights, name, hint="train it with `mtl`")


class Luma(nn.Module):
    """``[B, 3, H, W]`` to its grey ``[B, 1, H, W]``."""

    def forward(self, x: Tensor) -> Tensor:
        red, green, blue = _LUMA
        return red * x[:, :1] + green * x[:, 1:2] + blue * x[:, 2:]


class Separable(nn.Module):
    """A 3x3 convolution per channel, a 1x1 across them, and a batch norm."""

    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__()
        self.each = nn.Conv2d(
            channels_in, channels_in, 3, padding=1, groups=channels_in, bias=False
        )
        self.across = nn.Conv2d(channels_in, channels, 1, bias=False)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.norm(self.across(self.each(x)))
        return out


class Residual(nn.Module):
    """Two separable convolutions and a pool, beside a 1x1 of stride 2; it halves the size."""

    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__()
        self.skip = nn.Sequential(
            nn.Conv2d(channels_in, channels, 1, bias=False), nn.BatchNorm2d(channels)
        )
        self.one = Separable(channels_in, channels)
        self.two = Separable(channels, channels)
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        # every second pixel in place of a stride of 2, whose backward pass in channels_last crashes
        # PyTorch 2.14 on some processors
        skipped = self.skip(x[..., ::2, ::2])
        out: Tensor = self.pool(self.two(F.relu(self.one(x), inplace=True))) + skipped
        return out


def _unit(channels_in: int, channels: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(channels_in, channels, 3, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(inplace=True),
    )
