"""VGG-16-LFOV is the paper's trunk, and takes torchvision's VGG-16 as it is."""

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models import vgg

from mtlcli.errors import DataError, MissingError, UsageError
from mtlcli.models.backbones import vgg16_lfov
from mtlcli.models.backbones.base import measure, on_meta
from mtlcli.models.backbones.vgg16_lfov import Vgg16Lfov
from mtlcli.models.blank import blank


class Parent(nn.Module):
    """The body of torchvision's vgg16_bn, with norms that are not trivial."""

    def __init__(self) -> None:
        super().__init__()
        self.features = vgg.make_layers(vgg.cfgs["D"], batch_norm=True)
        for norm in (m for m in self.modules() if isinstance(m, nn.BatchNorm2d)):
            nn.init.uniform_(norm.weight, 0.5, 2.0)
            nn.init.normal_(norm.bias, std=0.3)
            norm.running_mean.normal_(std=0.3)
            norm.running_var.uniform_(0.01, 1.0)


@pytest.fixture(scope="module")
def parent() -> Parent:
    torch.manual_seed(0)
    return Parent().eval()


@pytest.fixture(scope="module")
def parent_file(parent: Parent, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("vgg") / "vgg16_bn.pth"
    # files of before 2018 do not count batches
    held = {k: v for k, v in parent.state_dict().items() if not k.endswith("tracked")}
    torch.save(held, path)
    return path


@pytest.fixture(scope="module")
def ours(parent_file: Path) -> Vgg16Lfov:
    """With the parent's weights."""
    with blank():
        return Vgg16Lfov("vgg16_lfov", weights=str(parent_file)).eval()


@pytest.fixture(scope="module")
def shapes() -> Vgg16Lfov:
    """Without weights."""
    with torch.device("meta"), blank():
        return Vgg16Lfov("vgg16_lfov")


def _pool(x: Tensor, stride: int) -> Tensor:
    """What is behind a ReLU may be padded with zeros."""
    return F.max_pool2d(F.pad(x, (1, 1, 1, 1)), 3, stride)


def _mean(x: Tensor) -> Tensor:
    ones = torch.ones_like(x)
    return F.avg_pool2d(x, 3, 1, 1) / F.avg_pool2d(ones, 3, 1, 1)


def _as_lfov(features: nn.Sequential, x: Tensor) -> list[Tensor]:
    """The parent's layers with the pools and the dilation of the paper, stage by stage."""
    maps: list[Tensor] = []
    for layer in features:
        if isinstance(layer, nn.MaxPool2d):
            x = _pool(x, 2 if len(maps) < 3 else 1)
            maps.append(_mean(x) if len(maps) == 4 else x)
        elif isinstance(layer, nn.Conv2d):
            reach = 2 if len(maps) == 4 else 1
            x = F.conv2d(x, layer.weight, layer.bias, padding=reach, dilation=reach)
        else:
            x = layer(x.clone())
    return maps


def test_from_torchvisions_weights_it_computes_what_they_do(
    parent: Parent, ours: Vgg16Lfov
) -> None:
    x = torch.randn(1, 3, 33, 40)
    with torch.no_grad():
        for ours_now, theirs in zip(ours.outputs(x), _as_lfov(parent.features, x), strict=True):
            torch.testing.assert_close(ours_now, theirs, rtol=1e-3, atol=1e-4 * float(theirs.std()))
            assert theirs.std() > 0.05


def test_biases_are_moved_into_the_running_means(parent: Parent, ours: Vgg16Lfov) -> None:
    held, norm, conv = ours.state_dict(), parent.features[41], parent.features[40]
    torch.testing.assert_close(held["stages.4.conv5_3.weight"], conv.weight.detach())
    torch.testing.assert_close(
        held["stages.4.norm5_3.running_mean"], norm.running_mean - conv.bias.detach()
    )
    torch.testing.assert_close(held["stages.4.norm5_3.running_var"], norm.running_var)


def test_imagenet_weights_are_those_of_vgg16_bn(
    parent: Parent, ours: Vgg16Lfov, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(vgg16_lfov, "imagenet", lambda name: asked.append(name) or parent)
    with blank():
        made = Vgg16Lfov("vgg16_lfov", weights="imagenet")
    assert asked == ["vgg16_bn"]
    torch.testing.assert_close(made.state_dict(), ours.state_dict())


@pytest.mark.parametrize(
    ("height", "width", "sizes"),
    [
        (321, 321, [(161, 161), (81, 81), (41, 41), (41, 41), (41, 41)]),
        (480, 640, [(240, 320), (120, 160), (60, 80), (60, 80), (60, 80)]),
    ],
)
def test_features_have_the_sizes_of_the_paper(
    shapes: Vgg16Lfov, height: int, width: int, sizes: list
) -> None:
    x = torch.empty(1, 3, height, width, device="meta")
    found = []
    for stage in shapes.stages:
        x = on_meta(stage, x)
        found.append(tuple(x.shape[2:]))
    assert found == sizes


@settings(derandomize=True, deadline=None, max_examples=8)
@given(st.integers(1, 700), st.integers(1, 700))
def test_any_size_is_divided_and_rounded_up(shapes: Vgg16Lfov, height: int, width: int) -> None:
    out = on_meta(shapes, torch.empty(1, 3, height, width, device="meta"))
    assert out.shape[2:] == (-(-height // 8), -(-width // 8))


@pytest.mark.parametrize("width", [1.0, 0.25, 0.001])
def test_what_it_says_of_its_stages_is_what_they_do(width: float) -> None:
    with torch.device("meta"), blank():
        net = Vgg16Lfov("vgg16_lfov", width=width)
    assert measure(net.stages) == (net.channels, net.strides)
    assert net.channels == [max(1, round(c * width)) for c in (64, 128, 256, 512, 512)]
    assert net.signed == [False] * 5


def test_layers_are_those_of_the_specification(shapes: Vgg16Lfov) -> None:
    convs = [[m for m in stage if isinstance(m, nn.Conv2d)] for stage in shapes.stages]
    assert [len(block) for block in convs] == [2, 2, 3, 3, 3]
    for index, block in enumerate(convs):
        reach = (2, 2) if index == 4 else (1, 1)
        assert all(c.bias is None and c.dilation == c.padding == reach for c in block)
    norms = [m for m in shapes.modules() if isinstance(m, nn.BatchNorm2d)]
    assert {(m.eps, m.momentum) for m in norms} == {(1e-3, 0.05)} and len(norms) == 13
    assert sum(p.numel() for p in shapes.parameters()) == 14_710_464 + 2 * 4_224


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_its_own_tensors_load_unchanged(tmp_path: Path, suffix: str) -> None:
    net = Vgg16Lfov("vgg16_lfov", width=0.1)
    for norm in (m for m in net.modules() if isinstance(m, nn.BatchNorm2d)):
        norm.running_mean.normal_()
    path = tmp_path / f"w{suffix}"
    (torch.save if suffix == ".pth" else save_file)(net.state_dict(), path)
    again = Vgg16Lfov("vgg16_lfov", weights=str(path), width=0.1)
    torch.testing.assert_close(again.state_dict(), net.state_dict(), rtol=0, atol=0)
    with pytest.raises(DataError, match=r"set width to what it was trained with") as caught:
        Vgg16Lfov("vgg16_lfov", weights=str(path), width=0.2)
    assert "stages.0.conv1_1.weight has the shape [6, 3, 3, 3], not [13, 3, 3, 3]" in str(
        caught.value
    )


def test_weights_that_do_not_fit_are_refused(parent_file: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"weights of vgg16_bn: features.0.weight has the shape"):
        Vgg16Lfov("vgg16_lfov", weights=str(parent_file), width=0.1)
    torch.save({"conv1.weight": torch.zeros(1)}, tmp_path / "w.pth")
    with blank(), pytest.raises(DataError, match=r"features.0.weight is absent") as caught:
        Vgg16Lfov("vgg16_lfov", weights=str(tmp_path / "w.pth"))
    assert "torch.save(vgg16_bn(...)" in str(caught.value)
    with blank(), pytest.raises(MissingError, match="there is no file of weights"):
        Vgg16Lfov("vgg16_lfov", weights="nowhere.pth")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"width": 0.0}, "leaves no channels"),
        ({"width": -1.0}, "leaves no channels"),
        ({"width": 0.5, "weights": "imagenet"}, "of width 1, not 0.5"),
    ],
)
def test_widths_that_cannot_be_are_refused(options: dict, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Vgg16Lfov("vgg16_lfov", **options)
