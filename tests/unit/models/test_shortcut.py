"""The shortcut starts as nothing, and is what the paper draws."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from mtlcli.models.shortcut import Shortcut, resize

CHANNELS = [3, 4, 5]


def _maps(signed: bool = False) -> list[torch.Tensor]:
    return [torch.rand(2, c, 12 // c, 12 // c) - 0.5 * signed for c in CHANNELS]


@pytest.mark.parametrize("signed", [False, True])
def test_the_parents_start_hands_on_the_last_stage_alone(signed: bool) -> None:
    maps = _maps(signed)
    assert torch.equal(Shortcut(CHANNELS, signed).eval()(maps), maps[-1])


@pytest.mark.parametrize("align_corners", [False, True])
def test_it_is_resize_concatenate_convolve_norm_relu(align_corners: bool) -> None:
    layer = Shortcut(CHANNELS, False, "xavier", align_corners)
    nn.init.normal_(layer.norm.bias)
    maps = _maps()
    size = maps[-1].shape[-2:]
    stacked = torch.cat(
        [F.interpolate(m, size, mode="bilinear", align_corners=align_corners) for m in maps[:-1]]
        + [maps[-1]],
        1,
    )
    mixed = F.conv2d(stacked, layer.mix.weight)
    expected = F.batch_norm(
        mixed, None, None, layer.norm.weight, layer.norm.bias, True, eps=1e-3
    ).relu()
    torch.testing.assert_close(layer(maps), expected)


def test_it_has_the_parameters_of_the_paper() -> None:
    layer = Shortcut([64, 128, 256, 512, 512], False)
    assert [p.numel() for p in layer.parameters()] == [753_664, 512, 512]


def test_resizing_to_the_same_size_copies_nothing() -> None:
    x = torch.rand(1, 2, 3, 4)
    assert resize(x, x.shape[-2:]) is x
