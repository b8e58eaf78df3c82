"""mini-Xception: its size counted by hand, its grey input, and what it is for."""

from pathlib import Path

import pytest
import torch
from torch import nn

from mtlcli.errors import DataError, UsageError
from mtlcli.models.backbones.base import measure
from mtlcli.models.backbones.mini_xception import Luma, MiniXception, Residual
from mtlcli.tasks.heads import ImageHead


def _parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_its_parameters_are_those_counted_by_hand() -> None:
    stem = 9 * 1 * 8 + 2 * 8 + 9 * 8 * 8 + 2 * 8
    blocks = 0
    for wide, out in ((8, 16), (16, 32), (32, 64), (64, 128)):
        skip = wide * out + 2 * out
        separable = 9 * wide + wide * out + 2 * out + 9 * out + out * out + 2 * out
        blocks += skip + separable
    assert stem + blocks == _parameters(MiniXception("mini_xception")) == 48_880


def test_with_its_own_head_for_seven_emotions_it_is_the_published_network() -> None:
    """56,951 trainable parameters, as the authors' Keras model reports."""
    head = ImageHead(128, 7, window=3)
    assert _parameters(MiniXception("mini_xception")) + _parameters(head) == 56_951


def test_64_pixels_become_a_map_of_4() -> None:
    net = MiniXception("mini_xception")
    maps = net.outputs(torch.randn(2, 3, 64, 64))
    assert [x.shape[1] for x in maps] == net.channels
    assert [x.shape[-1] for x in maps] == [60, 30, 15, 8, 4]
    assert (net.channels, net.strides) == measure(net.stages)
    for x, signed in zip(maps, net.signed, strict=True):
        assert bool((x < 0).any()) == signed


def test_only_the_luma_of_colours_counts() -> None:
    net = MiniXception("mini_xception").eval()
    colour = torch.randn(2, 3, 64, 64)
    grey = Luma()(colour)
    assert grey.shape == (2, 1, 64, 64)
    torch.testing.assert_close(net(grey.expand(-1, 3, -1, -1)), net(colour), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(Luma()(torch.ones(1, 3, 1, 1)), torch.ones(1, 1, 1, 1))


def test_a_block_is_a_sum_of_its_two_ways() -> None:
    block = Residual(4, 6).eval()
    x = torch.randn(2, 4, 9, 8)
    nn.init.zeros_(block.two.norm.weight)
    torch.testing.assert_close(block(x), block.skip(x[..., ::2, ::2]))
    nn.init.zeros_(block.skip[1].weight)
    assert block(x).shape == (2, 6, 5, 4) and not block(x).any()


def test_its_own_weights_are_loaded_and_others_refused(tmp_path: Path) -> None:
    net, path = MiniXception("mini_xception"), tmp_path / "net.pth"
    torch.save(net.state_dict(), path)
    loaded = MiniXception("mini_xception", weights=str(path))
    assert all(t.equal(net.state_dict()[n]) for n, t in loaded.state_dict().items())
    torch.save({"fc.weight": torch.ones(1)}, path)
    with pytest.raises(DataError, match="does not hold the weights of mini_xception"):
        MiniXception("mini_xception", weights=str(path))
    with pytest.raises(UsageError, match="no ImageNet weights"):
        MiniXception("mini_xception", weights="imagenet")


def test_channels_last_trains_and_gives_the_same_gradients() -> None:
    """At this size and batch a strided 1x1 convolution crashed PyTorch on some processors."""
    net, images = MiniXception("mini_xception"), torch.randn(48, 3, 64, 64)
    found = []
    for form in (torch.contiguous_format, torch.channels_last):
        net.zero_grad()
        net = net.to(memory_format=form)
        net(images.contiguous(memory_format=form)).square().sum().backward()
        found.append(torch.cat([p.grad.flatten() for p in net.parameters()]))
    assert torch.cosine_similarity(*found, dim=0) > 0.999
