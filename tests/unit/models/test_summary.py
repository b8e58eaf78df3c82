"""Parameters are counted, and multiply-adds are those of the textbook."""

import pytest
import torch

from mtlcli.models.backbones.classifier import Classifier
from mtlcli.models.fused import Fused
from mtlcli.models.summary import Cost, summarise, total
from mtlcli.tasks.heads import ImageHead


def test_every_parameter_is_counted_in_its_part(fused) -> None:
    net = fused("ab", shortcut=True)
    costs = summarise(net, 32, 32)
    assert list(costs) == ["backbones", "fusions", "shortcuts", "heads"]
    for part, cost in costs.items():
        assert cost.parameters == sum(p.numel() for p in getattr(net, part).parameters())
    assert total(costs).parameters == sum(p.numel() for p in net.parameters())


def test_multiply_adds_by_hand(fused) -> None:
    costs = summarise(fused("ab", shortcut=True), 32, 32)
    one = 27 * 4 * 16**2 + 9 * 4 * 6 * 8**2 + 9 * 6 * 8 * 4**2
    assert costs["backbones"].macs == 2 * one
    assert costs["fusions"].macs == 8**2 * 16**2 + 12**2 * 8**2 + 16**2 * 4**2
    assert costs["shortcuts"].macs == 2 * 18 * 8 * 4**2
    assert costs["heads"].macs == 8 * 1 + 8 * 2


def test_resnet50_costs_what_the_literature_says() -> None:
    net = Fused(
        ["a"], {"a": Classifier("resnet50")}, lambda _, c: ImageHead(c, 1000), None, (0,) * 3,
        (1,) * 3,
    )  # fmt: skip
    cost = total(summarise(net, 224, 224))
    assert cost.parameters == 25_557_032
    assert cost.macs == pytest.approx(4.09e9, rel=0.005)


def test_a_part_without_parameters_is_left_out_and_modes_stay(fused) -> None:
    net = fused("a").train()
    assert list(summarise(net, 32, 32)) == ["backbones", "heads"]
    assert net.training
    assert all(not m._forward_hooks for m in net.modules())
    assert net.heads["a"].last.weight.device == torch.device("cpu")


def test_costs_add_up() -> None:
    assert total({"a": Cost(1, 2), "b": Cost(3, 4)}) == Cost(4, 6)
