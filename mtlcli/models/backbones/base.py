"""A backbone: a convolutional network cut into stages."""

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

_PROBE = 256  # pixels; a multiple of every stride


class Backbone(nn.Module):
    """A chain of stages; subclasses hand the parts to this constructor.

    :param stages: modules to run in order; each changes resolution or width.
    :param channels: the width of each stage's output.
    :param strides: input pixels per output pixel after each stage.
    :param signed: for each stage, whether its output can be negative (no ReLU at its end).
    """

    def __init__(
        self, stages: list[nn.Module], channels: list[int], strides: list[int], signed: list[bool]
    ) -> None:
        super().__init__()
        self.stages = nn.ModuleList(stages)
        self.channels = channels
        self.strides = strides
        self.signed = signed

    def outputs(self, x: Tensor) -> list[Tensor]:
        """Normalised images ``[B, 3, H, W]`` to every stage's output ``[B, channels[i], h, w]``."""
        maps: list[Tensor] = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps

    def forward(self, x: Tensor) -> Tensor:
        """Normalised images ``[B, 3, H, W]`` to the last features ``[B, channels[-1], h, w]``."""
        for stage in self.stages:
            x = stage(x)
        return x


def measure(stages: Iterable[nn.Module]) -> tuple[list[int], list[int]]:
    """The channels and strides of stages, from the shapes of one image without any arithmetic.

    A network that does not pad (AlexNet) has no whole stride; the nearest power of two is given.
    """
    x = torch.empty(1, 3, _PROBE, _PROBE, device="meta")
    channels, strides = [], []
    for stage in stages:
        x = on_meta(stage, x)
        channels.append(x.shape[1])
        strides.append(2 ** round(math.log2(_PROBE / x.shape[2])))
    return channels, strides


def on_meta(module: nn.Module, x: Tensor) -> Any:
    """Run ``module`` in eval mode on shapes alone; its own tensors are neither read nor changed."""
    named = chain(module.named_parameters(), module.named_buffers())
    state = {name: tensor.to("meta") for name, tensor in named}
    with torch.no_grad(), eval_mode(module):
        return functional_call(module, state, (x.to("meta"),))


@contextmanager
def eval_mode(module: nn.Module) -> Iterator[None]:
    """Eval mode inside; after it, each part is back in the mode it was in."""
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training
