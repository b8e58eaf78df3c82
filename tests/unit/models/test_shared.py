"""Hard sharing: one backbone that every head reads."""

import pytest
import torch

from mtlcli.models.shared import Shared
from mtlcli.tasks.heads import ImageHead


def _shared(backbone, tasks: str, **options: object) -> Shared:
    return Shared(
        list(tasks), {"shared": backbone()}, lambda _, c: ImageHead(c, 2), None, (0.5,) * 3,
        (0.2,) * 3, **options,
    )  # fmt: skip


@pytest.mark.parametrize("shortcut", [False, True])
def test_each_head_reads_the_one_backbone(backbone, images, shortcut: bool) -> None:
    net = _shared(backbone, "abc", shortcut=shortcut).eval()
    features = net.backbones["shared"](net.normalise(images))
    expected = {task: net.heads[task](features) for task in "abc"}
    torch.testing.assert_close(net(images), expected)


def test_one_task_equals_the_single_network(fused, backbone, images) -> None:
    single, net = fused("b").eval(), _shared(backbone, "b").eval()
    state = {
        k.replace("backbones.b.", "backbones.shared."): v for k, v in single.state_dict().items()
    }
    net.load_state_dict(state)
    net.scale, net.shift = single.scale, single.shift
    torch.testing.assert_close(net(images), single(images))


def test_its_one_backbone_is_called_shared(backbone) -> None:
    assert Shared.backbone_names(["a", "b"]) == ["shared"]
    assert _shared(backbone, "ab").fusion_parameters() == []


def test_the_shortcut_of_all_tasks_reads_every_stage(backbone, images) -> None:
    net = _shared(backbone, "ab", shortcut=True)
    net.features(images)["a"].square().sum().backward()
    assert (net.shortcuts["shared"].mix.weight.grad.abs().sum((0, 2, 3)) > 0).all()
