"""MTAN: one backbone, an attention per task and stage."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from mtlcli.models.backbones.base import Backbone
from mtlcli.models.mtan import Attention, Mtan
from mtlcli.models.shared import Shared
from mtlcli.tasks.heads import ImageHead
from tests.unit.models.conftest import MEAN, STD

Make = Callable[..., Backbone]


def build(cls: type[Mtan | Shared], backbone: Backbone, tasks: str = "abc", **options: Any) -> Any:
    return cls(
        list(tasks), {"shared": backbone}, lambda _, channels: ImageHead(channels, 2),
        lambda *_: pytest.fail("nothing is fused"), MEAN, STD, **options,
    )  # fmt: skip


def test_it_starts_nearly_as_hard_sharing(backbone: Make, images: torch.Tensor) -> None:
    trunk = backbone()
    ours, theirs = build(Mtan, trunk).eval(), build(Shared, trunk).eval()
    theirs.heads.load_state_dict(ours.heads.state_dict())
    for task, features in ours.features(images).items():
        expected = theirs.features(images)[task]
        torch.testing.assert_close(features, expected * torch.sigmoid(torch.tensor(4.0)))


def test_a_mask_only_takes_away(backbone: Make, images: torch.Tensor) -> None:
    net = build(Mtan, backbone(), start="random").eval()
    shared = net.backbones["shared"].outputs(net.normalise(images))[-1]
    for features in net.features(images).values():
        assert ((features >= 0) & (features <= shared + 1e-6)).all()
        assert not torch.allclose(features, shared)


def test_each_task_has_masks_of_its_own_and_all_learn(backbone: Make, images: torch.Tensor) -> None:
    net = build(Mtan, backbone(), start="random")
    net(images)["b"].square().sum().backward()
    named = net.attentions.named_parameters()
    graded = {name.partition(".")[0] for name, p in named if p.grad is not None}
    assert graded == {"b"}
    assert all(p.grad is not None for p in net.attentions["b"].parameters())
    assert all(p.grad is not None for p in net.backbones.parameters())


def test_the_attentions_learn_at_the_rate_of_fusions(backbone: Make) -> None:
    net = build(Mtan, backbone())
    assert {id(p) for p in net.fusion_parameters()} == {id(p) for p in net.attentions.parameters()}


def test_maps_of_any_odd_size_pass() -> None:
    first, second = Attention(0, 4, 8, True), Attention(4, 6, 8, True)
    attended = first(torch.randn(2, 4, 9, 7), None)
    assert second(torch.randn(2, 6, 5, 4), attended).shape == (2, 6, 5, 4)
