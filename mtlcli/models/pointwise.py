"""The 1x1 convolution as a matrix product over pixels."""

from torch import Tensor, nn
from torch.nn import functional as F


class Pointwise(nn.Conv2d):
    """A 1x1 convolution without bias, computed as one matrix product in channels-last order.

    The deepest of these layers have millions of weights and few pixels, where convolution kernels
    lose up to a third of the time. What comes out is channels-last, whatever came in.
    """

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__(channels_in, channels_out, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """``[B, in, H, W]`` to ``[B, out, H, W]``."""
        pixels = x.permute(0, 2, 3, 1)  # [B, H, W, in]
        return F.linear(pixels, self.weight.flatten(1)).permute(0, 3, 1, 2)
