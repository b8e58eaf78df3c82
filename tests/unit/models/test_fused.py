"""A fused network starts as its parents, and is one function of all of them."""

import pytest
import torch
from torch import nn

from mtlcli.errors import UsageError
from mtlcli.models.backbones.base import Backbone
from mtlcli.models.backbones.classifier import Classifier
from mtlcli.models.blank import blank
from mtlcli.models.fused import Fused, fuse
from mtlcli.models.fusions.nddr import NDDR
from mtlcli.tasks.heads import ImageHead

PARENTS = {"own": 1.0, "other": 0.0}


def _alone(net: Fused, images: torch.Tensor) -> dict[str, torch.Tensor]:
    """The outputs of the parents: backbone and head, nothing between."""
    x = net.normalise(images)
    return {task: net.heads[task](net.backbones[task](x)) for task in net.tasks}


@pytest.mark.parametrize("shortcut", [False, True])
@pytest.mark.parametrize("tasks", ["a", "ab", "cab"])
def test_own_1_other_0_gives_exactly_the_parents(fused, images, tasks, shortcut) -> None:
    net = fused(tasks, nddr=PARENTS, shortcut=shortcut).eval()
    with torch.no_grad():
        ours, expected = net(images), _alone(net, images)
    assert list(ours) == list(tasks)
    torch.testing.assert_close(ours, expected, rtol=1e-6, atol=1e-6)


def test_parents_of_other_widths_and_resolutions_start_as_parents_too(fused, images) -> None:
    wide = fused("ab", {"a": (4, 6, 8), "b": (5, 3, 10)}, nddr=PARENTS).eval()
    torch.testing.assert_close(wide(images), _alone(wide, images), rtol=1e-6, atol=1e-6)


def test_each_task_reads_the_other(fused, images) -> None:
    net = fused("ab", nddr={"own": 0.5, "other": 0.5}).eval()
    before = net(images)
    nn.init.zeros_(net.backbones["b"].stages[0][0].weight)
    after = net(images)
    assert all((before[task] != after[task]).any() for task in "ab")


def test_one_task_has_no_fusion_and_the_same_names(fused) -> None:
    single, both = fused("a"), fused("ab")
    names = {name for name in both.state_dict() if name.split(".")[1] == "a"}
    assert set(single.state_dict()) == names
    assert single.fusion_parameters() == [] == single.fusion_norms()


def test_a_single_network_may_have_a_shortcut_that_learns_as_the_rest(fused, images) -> None:
    net = fused("a", shortcut=True)
    assert "shortcuts.a.mix.weight" in net.state_dict()
    assert net.fusion_parameters() == []
    net(images)["a"].sum().backward()
    assert net.shortcuts["a"].mix.weight.grad.abs().sum() > 0


def test_names_say_part_task_and_stage(fused) -> None:
    names = set(fused("ab", shortcut=True).state_dict())
    assert {
        "backbones.a.stages.0.0.weight", "fusions.2.mix.weight", "fusions.0.norm.running_var",
        "shortcuts.b.mix.weight", "heads.a.last.weight",
    } <= names  # fmt: skip
    assert {name.partition(".")[0] for name in names} == {
        "backbones", "fusions", "shortcuts", "heads"
    }  # fmt: skip


def test_what_fusing_brought_in_is_known(fused) -> None:
    net = fused("abc", shortcut=True)
    ours = {id(p) for p in net.fusion_parameters()}
    named = {id(p) for n, p in net.named_parameters() if n.startswith(("fusions.", "shortcuts."))}
    assert ours == named
    assert len(net.fusion_norms()) == 3 + 3


def test_maps_of_other_resolution_meet_at_the_largest_and_go_back() -> None:
    met = []

    def fusion(maps: list[torch.Tensor]) -> list[torch.Tensor]:
        met.extend(m.shape[-2:] for m in maps)
        return maps

    maps = [torch.rand(1, 2, 4, 4), torch.rand(1, 3, 8, 6)]
    out = fuse(fusion, maps)
    assert met == [(8, 6), (8, 6)]
    assert [m.shape for m in out] == [m.shape for m in maps]


def test_backbones_of_other_depth_are_refused(backbone) -> None:
    parts = {"a": backbone(), "b": backbone((4, 6), (2, 4))}
    with pytest.raises(UsageError, match="a has 3, b has 2"):
        Fused(["a", "b"], parts, lambda *_: nn.Identity(), NDDR, (0,) * 3, (1,) * 3)


def test_a_signed_stage_makes_its_fusion_signed(backbone) -> None:
    parts = {"a": backbone(), "b": backbone()}
    parts["b"].signed = [False, True, False]
    seen: list[bool] = []

    def make(channels: list[int], signed: bool) -> NDDR:
        seen.append(signed)
        return NDDR(channels, signed)

    Fused(["a", "b"], parts, lambda _, c: ImageHead(c, 1), make, (0,) * 3, (1,) * 3)
    assert seen == [False, True, False]


@pytest.fixture(scope="module")
def resnets() -> Fused:
    outputs = {"gender": 2, "age": 100}
    with torch.device("meta"), blank():
        return Fused(
            list(outputs),
            {task: Classifier("resnet50") for task in outputs},
            lambda task, channels: ImageHead(channels, outputs[task], hidden=512, dropout=0.2),
            lambda channels, signed: NDDR(channels, signed, init="xavier"),
            (0.5,) * 3,
            (0.2,) * 3,
            shortcut=True,
            shortcut_start="xavier",
        )


def test_the_published_gender_and_age_network_has_as_many_parameters(resnets: Fused) -> None:
    """Published: 79,480,294 with one shortcut for both tasks; here each task has its own."""
    shortcut = sum(p.numel() for p in resnets.shortcuts["age"].parameters())
    assert shortcut == 3904 * 2048 + 2 * 2048
    ours = sum(p.numel() for p in resnets.parameters())
    assert ours - shortcut == 79_480_294


def test_a_backbone_runs_its_stages_in_order(backbone) -> None:
    net: Backbone = backbone().eval()
    x = torch.rand(2, 3, 16, 16)
    torch.testing.assert_close(net(x), net.outputs(x)[-1])
