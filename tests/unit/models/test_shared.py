"""Hard sharing: one backbone that every head reads."""

import pytest
import torch

from mtlcli.errors import UsageError
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


def _stitched(backbone, tasks: str, **options: object) -> Shared:
    torch.manual_seed(3)
    return Shared(
        list(tasks), {"shared": backbone()}, lambda _, c: ImageHead(c, 2, hidden=5), None,
        (0.5,) * 3, (0.2,) * 3, **options,
    )  # fmt: skip


def test_a_stitch_starts_as_if_it_were_not_there(backbone, images) -> None:
    plain, net = _stitched(backbone, "abc").eval(), _stitched(backbone, "abc", stitch=True).eval()
    assert net.fusions[0].mix.shape == (15, 15)
    torch.testing.assert_close(net(images), plain(images))
    torch.testing.assert_close(net.answer(net.embed(images)), net(images))


def test_a_stitch_mixes_the_hidden_vectors_behind_their_relu(backbone, images) -> None:
    net = _stitched(backbone, "ab", stitch=True).eval()
    torch.nn.init.normal_(net.fusions[0].mix)
    features = net.features(images)
    hidden = torch.cat([net.heads[t].embed(features[t]).relu() for t in "ab"], 1)
    mixed = (hidden @ net.fusions[0].mix).split(5, 1)
    expected = {t: net.heads[t].last(x) for t, x in zip("ab", mixed, strict=True)}
    torch.testing.assert_close(net(images), expected)


def test_through_a_stitch_each_tasks_loss_reaches_the_others_head(backbone, images) -> None:
    net = _stitched(backbone, "ab", stitch=True)
    with torch.no_grad():
        net.fusions[0].mix += 0.1
    net(images)["a"].square().sum().backward()
    assert net.heads["b"].hidden.weight.grad.any() and net.fusions[0].mix.grad.any()
    assert net.heads["b"].last.weight.grad is None
    assert net.fusion_parameters() == [net.fusions[0].mix]


def test_one_task_has_nothing_to_stitch(backbone) -> None:
    net = _stitched(backbone, "a", stitch=True)
    assert not net.fusions
    assert net.state_dict().keys() == _stitched(backbone, "a").state_dict().keys()


def test_a_stitch_needs_hidden_layers(backbone) -> None:
    with pytest.raises(UsageError, match="hidden"):
        _shared(backbone, "ab", stitch=True)
