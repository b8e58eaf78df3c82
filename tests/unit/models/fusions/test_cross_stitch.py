"""Cross-stitch units: weighted sums of the tasks' maps."""

from typing import Literal

import pytest
import torch
from torch import nn

from mtlcli.errors import UsageError
from mtlcli.models.fusions.cross_stitch import CrossStitch
from mtlcli.models.fusions.nddr import NDDR


def maps(count: int, channels: int = 4) -> list[torch.Tensor]:
    return [torch.randn(2, channels, 3, 5) for _ in range(count)]


@pytest.mark.parametrize("per", ["channel", "map"])
@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("training", [True, False])
def test_own_one_other_zero_changes_nothing(
    count: int, per: Literal["channel", "map"], training: bool
) -> None:
    layer = CrossStitch([4] * count, False, own=1.0, other=0.0, per=per).train(training)
    given = maps(count)
    assert all(torch.equal(a, b) for a, b in zip(layer(given), given, strict=True))


@pytest.mark.parametrize("per", ["channel", "map"])
@pytest.mark.parametrize("count", [2, 3])
def test_it_is_the_papers_sum(count: int, per: Literal["channel", "map"]) -> None:
    layer = CrossStitch([4] * count, False, per=per)
    nn.init.normal_(layer.weight)
    given = maps(count)
    for i, found in enumerate(layer(given)):
        expected = torch.zeros_like(found)
        for j in range(count):
            for c in range(4):
                weight = layer.weight[i, j, c if per == "channel" else 0]
                expected[:, c] += weight * given[j][:, c]
        torch.testing.assert_close(found, expected)


def test_the_start_is_own_and_a_shared_other() -> None:
    layer = CrossStitch([2, 2, 2], False)
    assert torch.allclose(layer.weight[0, :, 0], torch.tensor([0.9, 0.05, 0.05]))
    assert layer.weight.shape == (3, 3, 2)


def test_nddr_with_diagonal_blocks_is_a_cross_stitch() -> None:
    """The special case that section 3.1 of NDDR-CNN names; its norm is the identity at first."""
    stitch = CrossStitch([4, 4], False, per="map", own=0.7, other=0.3)
    nddr = NDDR([4, 4], False, own=0.7, other=0.3, activation="none").eval()
    given = maps(2)
    for a, b in zip(stitch(given), nddr(given), strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-5)


def test_every_weight_learns() -> None:
    layer = CrossStitch([4, 4], False)
    sum(x.square().sum() for x in layer(maps(2))).backward()
    assert layer.weight.grad is not None and (layer.weight.grad != 0).all()


def test_different_widths_are_refused() -> None:
    with pytest.raises(UsageError, match="these have 4, 6"):
        CrossStitch([4, 6], False)
