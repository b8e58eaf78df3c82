"""A dilated ResNet is the same function as the strided one, read at more places."""

import pytest
import torch
from torch import Tensor, nn
from torchvision.models import get_model

from mtlcli.catalog import BACKBONES
from mtlcli.errors import UsageError
from mtlcli.models.backbones.base import measure
from mtlcli.models.backbones.classifier import Classifier
from mtlcli.models.blank import blank

CLASSIFIERS = [name for name, target in BACKBONES.items() if target.endswith(":Classifier")]
RESNETS = [n for n in CLASSIFIERS if n.startswith(("resnet", "resnext", "wide_resnet"))]
#: what torchvision itself can dilate
BOTTLENECKS = [name for name in RESNETS if name not in {"resnet18", "resnet34"}]
DILATED = {16: [False, False, True], 8: [False, True, True]}


def _shapes(name: str, **options: object) -> Classifier:
    """Without weights."""
    with torch.device("meta"), blank():
        return Classifier(name, **options)


def _settings(net: nn.Module) -> list[tuple]:
    convs = [m for m in net.modules() if isinstance(m, nn.Conv2d)]
    return [(c.kernel_size, c.stride, c.dilation, c.padding) for c in convs]


@pytest.mark.parametrize(
    ("name", "output_stride"), [("resnet50", 16), *((name, 8) for name in BOTTLENECKS)]
)
def test_layers_are_those_of_torchvisions_own_dilation(name: str, output_stride: int) -> None:
    with torch.device("meta"), blank():
        theirs = get_model(name, weights=None, replace_stride_with_dilation=DILATED[output_stride])
    assert _settings(_shapes(name, output_stride=output_stride)) == _settings(theirs)


def test_with_the_same_weights_it_equals_torchvisions() -> None:
    ours = Classifier("resnet50", output_stride=8).eval()
    _stir(ours)
    with torch.device("meta"), blank():
        theirs = get_model("resnet50", weights=None, replace_stride_with_dilation=DILATED[8])
    theirs.eval().load_state_dict(_torchvision_names(ours), assign=True, strict=False)
    x = torch.randn(1, 3, 64, 48)
    with torch.no_grad():
        expected = nn.Sequential(*list(theirs.children())[:-2])(x)
        torch.testing.assert_close(ours(x), expected)
        assert expected.shape[2:] == (8, 6) and expected.std() > 0.01


def _torchvision_names(net: Classifier) -> dict[str, Tensor]:
    stem = {f"stages.0.{part}": part for part in ("conv1", "bn1")}
    names = {**stem, **{f"stages.{i}": f"layer{i}" for i in (1, 2, 3, 4)}}
    return {
        key.replace(ours, theirs, 1): tensor
        for ours, theirs in names.items()
        for key, tensor in net.state_dict().items()
        if key.startswith(f"{ours}.")
    }


def _stir(net: nn.Module) -> None:
    for norm in (m for m in net.modules() if isinstance(m, nn.BatchNorm2d)):
        norm.running_mean.normal_(std=0.1)
        nn.init.uniform_(norm.weight, 0.8, 1.2)


def _both(output_stride: int) -> tuple[Classifier, Classifier]:
    plain = Classifier("resnet18").eval()
    _stir(plain)
    dilated = _shapes("resnet18", output_stride=output_stride).eval()
    dilated.load_state_dict(plain.state_dict(), assign=True)
    return plain, dilated


@pytest.mark.parametrize("size", [(64, 64), (97, 65)])
@pytest.mark.parametrize("output_stride", DILATED)
def test_at_the_old_positions_features_are_the_old_ones(
    output_stride: int, size: tuple[int, int]
) -> None:
    plain, dilated = _both(output_stride)
    x = torch.randn(1, 3, *size)
    with torch.no_grad():
        maps = zip(plain.outputs(x), dilated.outputs(x), strict=True)
        for i, (old, new) in enumerate(maps):
            every = plain.strides[i] // dilated.strides[i]
            torch.testing.assert_close(new[..., ::every, ::every], old, rtol=1e-4, atol=1e-5)
            assert _differ(new, old) == (every > 1)


def _differ(one: Tensor, two: Tensor) -> bool:
    return one.shape != two.shape


@pytest.mark.parametrize("stem", ["standard", "small"])
@pytest.mark.parametrize("output_stride", [8, 16, 32])
@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_strides_are_those_of_the_features_and_end_at_the_one_asked_for(
    name: str, output_stride: int, stem: str
) -> None:
    net = _shapes(name, output_stride=output_stride, stem=stem)
    assert measure(net.stages) == (net.channels, net.strides)
    whole = _shapes(name, stem=stem)
    assert net.strides == [min(stride, output_stride) for stride in whole.strides]
    assert net.channels == whole.channels


def test_pretrained_weights_load_unchanged(tmp_path) -> None:
    held = get_model("resnet18", weights=None).state_dict()
    torch.save(held, tmp_path / "w.pth")
    with blank():
        ours = [
            Classifier("resnet18", weights=str(tmp_path / "w.pth"), output_stride=s).state_dict()
            for s in (8, 32)
        ]
    torch.testing.assert_close(*ours, rtol=0, atol=0)
    key = "layer4.0.downsample.0.weight"
    torch.testing.assert_close(ours[0][f"stages.4{key[6:]}"], held[key], rtol=0, atol=0)


@pytest.mark.parametrize("name", [name for name in CLASSIFIERS if name not in RESNETS])
def test_other_families_say_what_to_take(name: str) -> None:
    with pytest.raises(UsageError, match=rf"{name} cannot have an output_stride of 8") as caught:
        Classifier(name, output_stride=8)
    assert "vgg16_lfov" in str(caught.value)


def test_an_output_stride_of_32_is_what_others_have_anyway() -> None:
    assert _shapes("vgg11_bn", output_stride=32).strides == _shapes("vgg11_bn").strides
