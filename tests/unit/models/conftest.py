"""Tiny networks of every shape, for tests of how parts are joined."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from mtlcli.models.backbones.base import Backbone
from mtlcli.models.fused import Fused
from mtlcli.models.fusions.nddr import NDDR
from mtlcli.tasks.heads import ImageHead

MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.3, 0.25)

MakeBackbone = Callable[..., Backbone]
MakeFused = Callable[..., Fused]


def _block(width_in: int, width_out: int, stride: int) -> nn.Module:
    conv = nn.Conv2d(width_in, width_out, 3, stride, 1, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(width_out), nn.ReLU())


@pytest.fixture
def backbone() -> MakeBackbone:
    """``backbone(widths, strides)``: one block per stage, with batch norms that are not trivial."""

    def make(widths: tuple[int, ...] = (4, 6, 8), strides: tuple[int, ...] = (2, 4, 8)) -> Backbone:
        steps = [b // a for a, b in zip((1, *strides), strides, strict=False)]
        sizes = zip((3, *widths), widths, steps, strict=False)
        stages: list[nn.Module] = [_block(*size) for size in sizes]
        net = Backbone(stages, list(widths), list(strides), [False] * len(widths))
        for module in net.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.uniform_(module.weight, 0.5, 2.0)
                nn.init.normal_(module.bias)
                module.running_mean.normal_()
                module.running_var.uniform_(0.5, 2.0)
        return net

    return make


@pytest.fixture
def fused(backbone: MakeBackbone) -> MakeFused:
    """``fused(tasks, widths of each task's backbone, options of NDDR, options of Fused)``."""

    def make(
        tasks: str = "ab",
        widths: dict[str, tuple[int, ...]] | None = None,
        nddr: dict[str, object] | None = None,
        **options: object,
    ) -> Fused:
        widths = widths or {}
        backbones = {task: backbone(widths.get(task, (4, 6, 8))) for task in tasks}
        return Fused(
            list(tasks),
            backbones,
            lambda task, channels: ImageHead(channels, 1 + ord(task) - ord("a")),
            lambda channels, signed: NDDR(channels, signed, **(nddr or {})),
            MEAN,
            STD,
            **options,
        )

    return make


@pytest.fixture
def images() -> torch.Tensor:
    """Images ``[6, 3, 32, 32] uint8``."""
    return torch.randint(0, 256, (6, 3, 32, 32), dtype=torch.uint8)
