"""Dense heads have the parameters of their papers, see as far, and start at unit scale."""

import pytest
import torch
from torch import nn

from mtlcli.tasks.dense_heads import ASPP, HEADS, LFOV, dense_head


def _count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize(("outputs", "whole"), [(40, 20_531_176), (3, 20_493_251)])
def test_lfov_has_the_parameters_of_deeplab_to_the_unit(outputs: int, whole: int) -> None:
    with torch.device("meta"):
        head = LFOV(512, outputs)
    trunk = 14_710_464 + 2 * 4_224  # VGG-16's convolutions without bias, and their norms
    assert _count(head) == 9 * 512 * 1024 + 2048 + 1024**2 + 2048 + 1024 * outputs + outputs
    assert trunk + _count(head) == whole


def test_aspp_has_five_branches() -> None:
    with torch.device("meta"):
        head = ASPP(2048, 40)
    branches = 2048 * 256 * (1 + 3 * 9) + 4 * 512 + 2048 * 256 + 256
    assert _count(head) == branches + 5 * 256 * 256 + 512 + 256 * 40 + 40


@pytest.mark.parametrize("name", HEADS)
@pytest.mark.parametrize("size", [(1, 1), (5, 3), (9, 12)])
def test_outputs_have_the_size_of_the_features(name: str, size: tuple[int, int]) -> None:
    head = dense_head(name, 3, 7, width=4, rate=12, dropout=0.5)
    assert head(torch.randn(2, 3, *size)).shape == (2, 7, *size)


@pytest.mark.parametrize(("name", "width"), [("lfov", 1024), ("aspp", 256)])
def test_width_0_is_the_heads_own(name: str, width: int) -> None:
    with torch.device("meta"):
        assert dense_head(name, 8, 2, width=0, rate=1, dropout=0).last.in_channels == width  # type: ignore[union-attr]


@pytest.mark.parametrize("name", HEADS)
def test_the_norms_are_those_of_the_trunk(name: str) -> None:
    head = dense_head(name, 3, 2, width=4, rate=2, dropout=0.1)
    norms = [m for m in head.modules() if isinstance(m, nn.BatchNorm2d)]
    assert norms and {(m.eps, m.momentum) for m in norms} == {(1e-3, 0.05)}


@pytest.mark.parametrize("name", HEADS)
def test_a_single_picture_trains_and_every_parameter_learns(name: str) -> None:
    head = dense_head(name, 3, 2, width=8, rate=1, dropout=0.0)
    head(torch.rand(1, 3, 6, 6)).square().sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in head.parameters())


@pytest.mark.parametrize("name", HEADS)
def test_dropout_is_random_in_training_only(name: str) -> None:
    head = dense_head(name, 3, 2, width=32, rate=1, dropout=0.5)
    features = torch.randn(2, 3, 6, 6)
    assert not head(features).equal(head(features))
    head.eval()
    assert head(features).equal(head(features))


@pytest.mark.parametrize("rate", [1, 2, 4])
def test_lfov_sees_as_far_as_its_rate(rate: int) -> None:
    head = dense_head("lfov", 1, 1, width=64, rate=rate, dropout=0.0).eval()
    features = torch.rand(1, 1, 11, 11, requires_grad=True)
    head(features)[0, 0, 5, 5].backward()
    assert features.grad is not None
    reached = {tuple(place) for place in features.grad[0, 0].nonzero().tolist()}
    steps = (5 - rate, 5, 5 + rate)
    assert reached <= {(y, x) for y in steps for x in steps} and len(reached) > 1


@pytest.mark.parametrize("name", HEADS)
def test_outputs_start_at_unit_scale(name: str) -> None:
    head = dense_head(name, 64, 100, width=256, rate=1, dropout=0.0)
    output = head(torch.rand(4, 64, 8, 8))
    assert 0.3 < output.std().item() < 1.5
    assert head.last.bias is not None and not head.last.bias.any()  # type: ignore[union-attr, operator]
