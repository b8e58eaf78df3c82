"""Sluice: subspaces of all tasks are mixed."""

import pytest
import torch
from torch import nn

from mtlcli.errors import UsageError
from mtlcli.models.fusions.cross_stitch import CrossStitch
from mtlcli.models.fusions.sluice import Sluice


def maps(count: int, channels: int = 6) -> list[torch.Tensor]:
    return [torch.randn(2, channels, 3, 5) for _ in range(count)]


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("subspaces", [1, 2, 3])
def test_own_one_other_zero_changes_nothing(count: int, subspaces: int) -> None:
    layer = Sluice([6] * count, False, subspaces=subspaces, own=1.0, other=0.0)
    given = maps(count)
    assert all(torch.equal(a, b) for a, b in zip(layer(given), given, strict=True))


@pytest.mark.parametrize("count", [2, 3])
def test_each_subspace_is_a_weighted_sum_of_all(count: int) -> None:
    layer = Sluice([6] * count, False, subspaces=3)
    nn.init.normal_(layer.alpha)
    given = maps(count)
    parts = [given[t][:, 2 * s : 2 * s + 2] for t in range(count) for s in range(3)]
    found = layer(given)
    for i in range(3 * count):
        expected = sum(layer.alpha[i, j] * part for j, part in enumerate(parts))
        task, space = divmod(i, 3)
        torch.testing.assert_close(found[task][:, 2 * space : 2 * space + 2], expected)


def test_one_subspace_is_a_cross_stitch_per_map() -> None:
    sluice, stitch = Sluice([6, 6], False, subspaces=1), CrossStitch([6, 6], False, per="map")
    given = maps(2)
    for a, b in zip(sluice(given), stitch(given), strict=True):
        torch.testing.assert_close(a, b)


def test_the_start_mixes_equal_subspaces_only() -> None:
    layer = Sluice([6, 6, 6], False)
    assert torch.allclose(layer.alpha[0], torch.tensor([0.9, 0, 0.05, 0, 0.05, 0]))


def test_every_weight_learns() -> None:
    layer = Sluice([6, 6], False)
    sum(x.square().sum() for x in layer(maps(2))).backward()
    assert layer.alpha.grad is not None and (layer.alpha.grad != 0).all()


def test_what_cannot_be_divided_is_refused() -> None:
    with pytest.raises(UsageError, match="6 channels do not fall into 4"):
        Sluice([6, 6], False, subspaces=4)
    with pytest.raises(UsageError, match="these have 6, 4"):
        Sluice([6, 4], False)
