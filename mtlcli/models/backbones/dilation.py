"""Dilation in place of stride: finer features from the same weights (Yu et al., CVPR 2017)."""

from collections.abc import Iterable
from itertools import pairwise

from torch import nn


def dilate(stages: Iterable[nn.Module], strides: list[int], limit: int) -> None:
    """Take from stages of residual blocks the strides beyond ``limit``, in place.

    What follows a stride that is gone is dilated by as much, so that the new features, at the
    positions that the old ones had, are the old ones.

    :param strides: input pixels per output pixel after each stage, as they are now.
    """
    dilation = 1
    for stage, (before, after) in zip(stages, pairwise([1, *strides]), strict=True):
        if after > limit:
            wider = dilation * (after // before)
            for conv in stage.modules():
                if isinstance(conv, nn.Conv2d):
                    _dilate(conv, dilation if conv.stride[0] > 1 else wider)
            dilation = wider


def _dilate(conv: nn.Conv2d, dilation: int) -> None:
    """Blocks have 3x3 convolutions, padded by their dilation, and 1x1, which need none."""
    conv.stride = (1, 1)
    if conv.kernel_size[0] > 1:
        conv.dilation = conv.padding = (dilation, dilation)
