"""Set the batch norms of a fused network to what they meet, so that training starts as its parents.

A new fusion's norm is the identity in eval mode only: in training mode it would normalise its input
at once, and the stages behind it would meet features they were never trained on.
"""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from mtlcli.errors import DataError
from mtlcli.models.backbones.base import eval_mode
from mtlcli.models.base import MultiTaskNet


class _Moments:
    """Sums over a norm's inputs, float64 ``[C]``."""

    def __init__(self, channels: int) -> None:
        self.count = 0
        self.sum = torch.zeros(channels, dtype=torch.float64)
        self.squares = torch.zeros(channels, dtype=torch.float64)

    def add(self, x: Tensor) -> None:
        """Take in ``[B, C, H, W]``."""
        x = x.detach().double()
        self.count += x.numel() // x.shape[1]
        self.sum += x.sum((0, 2, 3)).cpu()
        self.squares += x.square().sum((0, 2, 3)).cpu()

    def mean_and_var(self) -> tuple[Tensor, Tensor]:
        mean = self.sum / self.count
        return mean, (self.squares / self.count - mean.square()).clamp(min=0)


def calibrate(net: MultiTaskNet, batches: Iterable[Tensor]) -> int:
    """Measure the inputs of every fusion norm in eval mode, then set the norms by them.

    Eval outputs stay as they are, so one pass serves all norms, however deep.

    :param batches: images ``[B, 3, H, W]`` or clips ``[B, N, 3, H, W] uint8``; a few hundred are
        enough.
    :returns: the number of images.
    :raises DataError: there are none.
    """
    norms = net.fusion_norms()
    moments = [_Moments(norm.num_features) for norm in norms]
    hooks = [
        norm.register_forward_pre_hook(_adder(m)) for norm, m in zip(norms, moments, strict=True)
    ]
    try:
        count = _run(net, batches)
    finally:
        for hook in hooks:
            hook.remove()
    if count == 0:
        raise DataError("there are no images to calibrate with")
    for norm, m in zip(norms, moments, strict=True):
        calibrate_norm(norm, *m.mean_and_var())
    return count


def _adder(moments: _Moments) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
    return lambda _, args: moments.add(args[0])


@torch.no_grad()
def _run(net: MultiTaskNet, batches: Iterable[Tensor]) -> int:
    count = 0
    with eval_mode(net):
        for images in batches:
            net.last_features(images.to(net.scale.device))
            count += len(images)
    return count


@torch.no_grad()
def calibrate_norm(norm: nn.BatchNorm2d, mean: Tensor, var: Tensor) -> None:
    """Give a norm new running statistics, and the weight and bias that undo the change.

    In eval mode it computes what it did before; on batches of this mean and variance it now does so
    in training mode too. A fresh norm of a fusion thus stays the identity.

    :param mean: ``[C]`` of the norm's inputs.
    :param var: ``[C]``, biased, of the norm's inputs.
    """
    assert norm.running_mean is not None and norm.running_var is not None
    scale = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
    shift = norm.bias.double() - scale * norm.running_mean.double()
    mean, var = mean.to(scale), var.to(scale)
    norm.running_mean.copy_(mean)
    norm.running_var.copy_(var)
    norm.weight.copy_(scale * (var + norm.eps).sqrt())
    norm.bias.copy_(shift + scale * mean)
