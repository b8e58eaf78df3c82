"""Shapes are measured without touching a network."""

import torch
from torch import nn

from mtlcli.models.backbones.base import eval_mode, measure, on_meta


def test_measuring_reads_and_changes_nothing() -> None:
    stage = nn.Sequential(nn.Conv2d(3, 5, 3, 2, 1), nn.BatchNorm2d(5)).train()
    before = {k: v.clone() for k, v in stage.state_dict().items()}
    assert measure([stage, nn.MaxPool2d(4)]) == ([5, 5], [2, 8])
    torch.testing.assert_close(stage.state_dict(), before)
    assert stage.training


def test_shapes_on_meta_are_the_real_ones() -> None:
    layer = nn.Conv2d(3, 7, 5)
    x = torch.randn(2, 3, 20, 31)
    assert on_meta(layer, x).shape == layer(x).shape
    assert on_meta(layer, x).is_meta


def test_modes_are_restored_one_by_one() -> None:
    net = nn.Sequential(nn.Dropout(), nn.Dropout()).train()
    net[1].eval()
    with eval_mode(net):
        assert not any(part.training for part in net.modules())
    assert [net.training, net[0].training, net[1].training] == [True, True, False]
