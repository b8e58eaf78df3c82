"""Maps of evidence: the closed form is the derivation's, evidence is found where it was planted."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mtlcli.engine.explain import activation_map, channel_weights, explain
from mtlcli.errors import UsageError
from mtlcli.io.column import Column
from mtlcli.models.backbones.base import Backbone
from mtlcli.models.base import MultiTaskNet
from mtlcli.models.fused import Fused
from mtlcli.models.fusions.nddr import NDDR
from mtlcli.models.light import Light
from mtlcli.models.mtan import Mtan
from mtlcli.models.shared import Shared
from mtlcli.tasks.age import Age
from mtlcli.tasks.attributes import Attributes
from mtlcli.tasks.base import Task
from mtlcli.tasks.boundary import Boundary
from mtlcli.tasks.classification import Classification
from mtlcli.tasks.depth import Depth
from mtlcli.tasks.identity import Identity
from mtlcli.tasks.normals import Normals
from mtlcli.tasks.regression import Regression
from mtlcli.tasks.segmentation import Segmentation

COLOURS = ("red", "green", "blue")
IMAGE_TASKS: dict[str, Task] = {
    "colour": Classification("colour", Column("classification", COLOURS), hidden=4),
    "age": Age("age", Column("age", low=1, high=20)),
    "angle": Regression("angle", Column("regression", low=-90, high=90)),
    "worn": Attributes("worn", Column("attributes", ("hat", "tie"))),
    "who": Identity("who", Column("identity", ("ann", "bob")), size=4),
}
STITCHED: dict[str, Task] = {
    name: Classification(name, Column("classification", COLOURS), hidden=4)
    for name in ("colour", "paint")
}
DENSE_TASKS: dict[str, Task] = {
    "seg": Segmentation("seg", Column("segmentation", COLOURS), width=4),
    "way": Normals("way", Column("normals"), width=4),
    "raw": Normals("raw", Column("normals"), encoding_space="raw", width=4),
    "far": Depth("far", Column("depth", high=4), width=4),
    "edge": Boundary("edge", Column("boundary", ("no", "yes")), width=4),
}
ALL = {"shared": Shared, "fused": Fused, "mtan": Mtan, "light": Light}


def _stage(channels: int, width: int, last: nn.Module) -> nn.Module:
    conv = nn.Conv2d(channels, width, 3, 2, 1)
    return nn.Sequential(conv, nn.BatchNorm2d(width), last)


def _trunk(last: Callable[[], nn.Module] = nn.ReLU) -> Backbone:
    """Three stages of stride 2 each."""
    widths = [4, 6, 8]
    stages = [_stage(*pair, last()) for pair in zip([3, *widths], widths, strict=False)]
    return Backbone(stages, widths, [2, 4, 8], [False] * 3)


def network(
    architecture: str,
    tasks: dict[str, Task],
    last: Callable[[], nn.Module] = nn.ReLU,
    **options: Any,
) -> MultiTaskNet:
    kind = ALL[architecture]
    options = options or ({"width": 8} if architecture == "light" else {})
    made: MultiTaskNet = kind(
        list(tasks),
        {name: _trunk(last) for name in kind.backbone_names(list(tasks))},
        lambda task, channels: tasks[task].head(channels),
        NDDR, (0.5,) * 3, (0.25,) * 3, **options,
    )  # fmt: skip
    return made


def pictures(*shape: int) -> Tensor:
    return torch.randint(0, 256, shape, dtype=torch.uint8)


def test_the_closed_form_is_that_of_the_derivatives_of_an_exponential_score() -> None:
    """α = Y'' / (2 Y'' + Σ A Y'''), Y = exp(S), by three times autograd on each position alone."""
    features = torch.rand(3, 2, 2, dtype=torch.float64)
    slope = torch.randn(3, 2, 2, dtype=torch.float64)
    expected = torch.zeros(3, dtype=torch.float64)
    for k, i, j in torch.cartesian_prod(*map(torch.arange, features.shape)).tolist():
        a = features[k, i, j].clone().requires_grad_()
        rest = (features * slope).sum() - features[k, i, j] * slope[k, i, j]
        y = (rest + a * slope[k, i, j]).exp()
        (first,) = torch.autograd.grad(y, a, create_graph=True)
        (second,) = torch.autograd.grad(first, a, create_graph=True)
        (third,) = torch.autograd.grad(second, a)
        alpha = second / (2 * second + features[k].sum() * third)
        expected[k] += (alpha * first.relu() / y).detach()  # exp(S) is common to all channels
    found = channel_weights(features[None], slope[None], "gradcam++")[0]
    torch.testing.assert_close(found, expected)


def test_gradcam_weighs_channels_by_their_mean_gradient() -> None:
    features, slope = torch.rand(2, 3, 4, 4), torch.randn(2, 3, 4, 4)
    expected = (slope.mean((2, 3))[..., None, None] * features).sum(1).relu()
    torch.testing.assert_close(activation_map(features, slope, "gradcam"), expected)


@pytest.mark.parametrize("scale", [1.0, 1e4, 1e-4])
def test_features_without_a_relu_have_bounded_weights(scale: float) -> None:
    features, slope = torch.randn(50, 8, 3, 3) * scale, torch.randn(50, 8, 3, 3)
    found = channel_weights(features, slope, "gradcam++")
    assert found.isfinite().all() and (found >= 0).all()
    assert (found <= slope.relu().sum((2, 3)) / 2 + 1e-6).all()


class Bright(MultiTaskNet):
    """The picture's own channels are its last features, of cells of 8 pixels."""

    def __init__(self, tasks: dict[str, Task]) -> None:
        super().__init__(list(tasks), (0.0,) * 3, (1.0,) * 3)
        self.pool = nn.AvgPool2d(8)
        for name, task in tasks.items():
            self.heads[name] = task.head(3)

    def features(self, images: Tensor) -> dict[str, Tensor]:
        return dict.fromkeys(self.tasks, self.pool(self.normalise(images)))


@pytest.fixture
def planted() -> tuple[Bright, dict[str, Task], Tensor]:
    """Class c reads channel c; the picture has red at the top left, blue at the bottom right."""
    tasks: dict[str, Task] = {"colour": Classification("colour", Column("classification", COLOURS))}
    net = Bright(tasks)
    net.heads["colour"].last.weight.data = torch.eye(3)
    images = torch.zeros(1, 3, 32, 32, dtype=torch.uint8)
    images[:, 0, :8, :8], images[:, 2, 24:, 24:] = 255, 200
    return net, tasks, images


@pytest.mark.parametrize("method", ["gradcam++", "gradcam"])
def test_evidence_is_found_where_it_was_planted(planted: Any, method: Any) -> None:
    net, tasks, images = planted
    found = explain(net, tasks, images, method=method)["colour"]
    assert found.parts == ["red"] and found.peaks == [(0, 4.0, 4.0)]
    assert found.maps[0, :4, :4].min() == 1 and found.maps[0, 20:, 20:].max() == 0
    other = explain(net, tasks, images, parts={"colour": "blue"}, method=method)["colour"]
    assert other.parts == ["blue"] and other.peaks == [(0, 28.0, 28.0)]
    assert other.decoded[0]["label"] == "red"


def test_where_nothing_speaks_for_a_part_the_map_is_empty(planted: Any) -> None:
    net, tasks, images = planted
    found = explain(net, tasks, images, parts={"colour": "green"})["colour"]
    assert found.peaks == [None] and not found.maps.any()


@pytest.mark.parametrize("stage", [None, 1, 2, 3])
@pytest.mark.parametrize("architecture", ALL)
def test_every_architecture_gives_maps_of_the_inputs_size(
    architecture: str, stage: int | None
) -> None:
    net = network(architecture, IMAGE_TASKS)
    found = explain(net, IMAGE_TASKS, pictures(3, 3, 32, 40), stage=stage)
    assert list(found) == list(IMAGE_TASKS)
    for told in found.values():
        assert told.maps.shape == (3, 32, 40) and told.maps.isfinite().all()
        assert told.maps.min() >= 0 and told.maps.max() == 1
        assert told.stage == (3 if architecture == "light" and stage is None else stage or 0)
        assert len(told.peaks) == len(told.numbers) == len(told.decoded) == 3


@pytest.mark.parametrize("method", ["gradcam++", "gradcam"])
@pytest.mark.parametrize("architecture", ["shared", "fused", "mtan"])
def test_dense_tasks_have_maps_too(architecture: str, method: Any) -> None:
    net = network(architecture, DENSE_TASKS)
    for told in explain(net, DENSE_TASKS, pictures(2, 3, 32, 40), method=method).values():
        assert told.maps.shape == (2, 32, 40) and told.maps.isfinite().all()
        assert told.maps.min() >= 0 and told.maps.max() <= 1


@pytest.mark.parametrize("architecture", ALL)
def test_a_clip_has_a_map_per_frame(architecture: str) -> None:
    net = network(architecture, IMAGE_TASKS)
    for told in explain(net, IMAGE_TASKS, pictures(2, 3, 3, 32, 32)).values():
        assert told.maps.shape == (2, 3, 32, 32)
        assert (told.maps.amax((1, 2, 3)) <= 1).all() and told.maps.max() == 1
        assert all(peak is None or 0 <= peak[0] < 3 for peak in told.peaks)


def test_the_brightest_frame_of_a_clip_has_the_peak(planted: Any) -> None:
    net, tasks, images = planted
    clip = torch.stack([images // 4, images // 2, images], 1)
    found = explain(net, tasks, clip)["colour"]
    assert found.peaks == [(2, 4.0, 4.0)]
    tops = found.maps.amax((0, 2, 3))
    assert tops[0] < tops[1] < tops[2] == 1


@pytest.mark.parametrize("architecture", ALL)
def test_others_in_the_batch_change_nothing(architecture: str) -> None:
    net, images = network(architecture, IMAGE_TASKS), pictures(4, 3, 32, 32)
    whole = explain(net, IMAGE_TASKS, images)
    alone = [explain(net, IMAGE_TASKS, image[None]) for image in images]
    for task, told in whole.items():
        single = torch.cat([one[task].maps for one in alone])
        torch.testing.assert_close(told.maps, single, atol=1e-4, rtol=1e-3)


def test_answers_are_those_of_the_network_and_nothing_of_it_changes() -> None:
    net, images = network("shared", STITCHED, stitch=True).train(), pictures(3, 3, 32, 32)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    for stage in (None, 2):
        found = explain(net, STITCHED, images, stage=stage)
        assert net.training and all(p.grad is None for p in net.parameters())
        net.eval()
        with torch.no_grad():
            outputs = net(images)
        net.train()
        assert found["colour"].decoded == STITCHED["colour"].decode(outputs["colour"])
    assert all(torch.equal(before[name], now) for name, now in net.state_dict().items())
    assert not any(part._forward_hooks for part in net.modules())


def test_the_gradient_is_the_tasks_own() -> None:
    """A fused task's map is of its own backbone: changing the other's head changes nothing."""
    tasks = {name: IMAGE_TASKS[name] for name in ("colour", "age")}
    net, images = network("fused", tasks), pictures(2, 3, 32, 32)
    first = explain(net, tasks, images, stage=2)
    nn.init.normal_(net.heads["age"].last.weight)
    second = explain(net, tasks, images, stage=2)
    assert torch.equal(first["colour"].maps, second["colour"].maps)
    assert not torch.equal(first["age"].maps, second["age"].maps)


def test_one_cell_is_no_map_and_an_earlier_stage_is_taken() -> None:
    found = explain(network("shared", IMAGE_TASKS), IMAGE_TASKS, pictures(1, 3, 8, 8))
    assert found["age"].stage == 2  # of 4, 2 and 1 pixels a side


def test_what_has_no_map_is_refused() -> None:
    net = network("shared", IMAGE_TASKS)
    with pytest.raises(UsageError, match="no stage has a map for inputs of 2 x 2"):
        explain(net, IMAGE_TASKS, pictures(1, 3, 2, 2))
    for stage in (0, 4):
        with pytest.raises(UsageError, match=f"--stage {stage}") as fault:
            explain(net, IMAGE_TASKS, pictures(1, 3, 32, 32), stage=stage)
        assert "has 3" in str(fault.value)


def test_a_layer_that_works_in_place_leaves_the_map_as_it_was() -> None:
    """As the first one of a DenseNet's stage."""
    net = network("shared", IMAGE_TASKS, nn.Identity)
    plain = explain(net, IMAGE_TASKS, images := pictures(2, 3, 32, 32), stage=1)
    stage = net.get_submodule("backbones.shared.stages.1")
    stage.insert(0, nn.ReLU())
    expected = explain(net, IMAGE_TASKS, images, stage=1)
    stage[0].inplace = True
    found = explain(net, IMAGE_TASKS, images, stage=1)
    assert torch.equal(found["age"].maps, expected["age"].maps)
    assert not torch.equal(found["age"].maps, plain["age"].maps)


def test_signed_features_have_finite_maps() -> None:
    net = network("shared", IMAGE_TASKS, nn.Identity)
    for told in explain(net, IMAGE_TASKS, pictures(4, 3, 32, 32)).values():
        assert told.maps.isfinite().all() and told.maps.max() <= 1
