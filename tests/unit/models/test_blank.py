"""Blank networks are the same but for the values, and only within the block."""

import torch
from torch import nn

from mtlcli.models.backbones.classifier import Classifier
from mtlcli.models.blank import blank


def test_a_blank_network_has_the_same_tensors_and_takes_weights() -> None:
    full = Classifier("resnet18")
    with blank():
        empty = Classifier("resnet18")
    assert {k: v.shape for k, v in empty.state_dict().items()} == {
        k: v.shape for k, v in full.state_dict().items()
    }
    empty.load_state_dict(full.state_dict())
    x = torch.randn(1, 3, 64, 64)
    torch.testing.assert_close(empty.eval()(x), full.eval()(x))


def test_random_starts_come_back_after_a_fault() -> None:
    layer = nn.Linear(3, 3, bias=False)
    try:
        with blank():
            layer.weight.data.fill_(7)
            nn.init.zeros_(layer.weight)
            assert (layer.weight == 7).all()
            raise KeyError
    except KeyError:
        nn.init.zeros_(layer.weight)
    assert (layer.weight == 0).all()
