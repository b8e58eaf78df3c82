"""Our backbones and torchvision's classifiers are the same functions."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torchvision.models import get_model

from mtlcli.catalog import BACKBONES
from mtlcli.errors import UsageError
from mtlcli.models.backbones.classifier import Classifier

#: one small network of each family, and the pixels it is tried on
SMALLEST = {
    "resnet18": 64,
    "vgg11_bn": 32,
    "alexnet": 96,
    "squeezenet1_1": 64,
    "mobilenet_v2": 64,
    "mobilenet_v3_small": 64,
    "efficientnet_b0": 64,
    "efficientnet_v2_s": 64,
    "mnasnet0_5": 64,
    "convnext_tiny": 32,
    "densenet121": 64,
    "regnet_x_400mf": 64,
    "regnet_y_400mf": 64,
    "shufflenet_v2_x0_5": 64,
}


def _tail(net: nn.Module, features: torch.Tensor) -> torch.Tensor:
    """torchvision's own way from the features to the logits."""
    if hasattr(net, "avgpool"):
        features = net.avgpool(features)
    elif not isinstance(net.classifier[-1] if _is_sequence(net) else None, nn.AdaptiveAvgPool2d):
        features = F.adaptive_avg_pool2d(features, 1)
    last = net.fc if hasattr(net, "fc") else net.classifier
    if type(net).__name__ == "ConvNeXt":
        return last[1:](features)  # its norm, classifier[0], is in our last stage
    if type(net).__name__ == "SqueezeNet":
        return last(features).flatten(1)
    return last(features.flatten(1))


def _is_sequence(net: nn.Module) -> bool:
    return isinstance(getattr(net, "classifier", None), nn.Sequential)


@pytest.mark.parametrize(("name", "pixels"), SMALLEST.items())
def test_features_and_torchvisions_classifier_equal_the_torchvision_model(
    name: str, pixels: int, tmp_path
) -> None:
    net = get_model(name, weights=None).eval()
    for norm in (m for m in net.modules() if isinstance(m, nn.BatchNorm2d)):
        norm.running_mean.normal_(std=0.1)
        nn.init.uniform_(norm.weight, 0.8, 1.2)
    torch.save(net.state_dict(), tmp_path / "weights.pth")
    ours = Classifier(name, weights=str(tmp_path / "weights.pth")).eval()
    x = torch.randn(2, 3, pixels, pixels)
    with torch.no_grad():
        expected = net(x)
        torch.testing.assert_close(_tail(net, ours(x)), expected, rtol=1e-4, atol=1e-5)
        assert expected.std() > 0


@pytest.mark.parametrize("stem", ["standard", "small"])
@pytest.mark.parametrize("name", SMALLEST)
def test_what_a_backbone_says_of_its_stages_is_what_they_do(name: str, stem: str) -> None:
    net = Classifier(name, stem=stem).train()  # in training mode features do not fade with depth
    pixels = 32 if stem == "small" else 64
    with torch.no_grad():
        maps = net.outputs(torch.randn(2, 3, pixels, pixels))
    assert [m.shape[1] for m in maps] == net.channels
    assert [bool((m < 0).any()) for m in maps] == net.signed
    if name in {"alexnet", "squeezenet1_1"}:  # they pad too little: their maps are smaller
        return
    assert [pixels / m.shape[-1] for m in maps] == net.strides


@pytest.mark.parametrize("name", ["resnet18", "densenet121", "mobilenet_v2"])
def test_a_small_stem_keeps_the_resolution_in_the_first_stage(name: str) -> None:
    standard, small = Classifier(name), Classifier(name, stem="small")
    assert small.strides[0] == 1
    first = standard.strides[0]
    assert [stride * first for stride in small.strides] == standard.strides


def test_a_small_stem_keeps_the_centre_of_the_filters(tmp_path) -> None:
    net = get_model("resnet18", weights=None)
    torch.save(net.state_dict(), tmp_path / "w.pth")
    ours = Classifier("resnet18", weights=str(tmp_path / "w.pth"), stem="small")
    torch.testing.assert_close(
        ours.state_dict()["stages.0.conv1.weight"], net.conv1.weight[:, :, 2:5, 2:5].detach()
    )


@pytest.mark.parametrize(("name", "channels"), [("efficientnet_b0", 320), ("efficientnet_b3", 384)])
def test_an_efficientnet_cut_at_block_7a_computes_what_the_whole_does_there(
    name: str, channels: int, tmp_path
) -> None:
    net = get_model(name, weights=None).eval()
    torch.save(net.state_dict(), tmp_path / "w.pth")
    ours = Classifier(name, weights=str(tmp_path / "w.pth"), cut="block7a").eval()
    assert (ours.channels[-1], ours.strides[-1], len(ours.stages)) == (channels, 32, 5)
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(ours(x), net.features[7][0](net.features[:7](x)))
    full = Classifier(name).state_dict()
    own = ours.state_dict()
    assert {k: t.shape for k, t in own.items()}.items() <= {
        k: t.shape for k, t in full.items()
    }.items()


@pytest.mark.parametrize("name", ["resnet18", "efficientnet_v2_s", "mobilenet_v2"])
def test_only_an_efficientnet_b_is_cut(name: str) -> None:
    with pytest.raises(UsageError, match=f"{name} has no block7a"):
        Classifier(name, cut="block7a")


@pytest.mark.parametrize("name", ["resnet18", "shufflenet_v2_x0_5", "efficientnet_b0"])
@pytest.mark.parametrize("depth", [1, 3])
def test_a_shorter_network_is_the_beginning_of_the_whole(name: str, depth: int) -> None:
    whole, short = Classifier(name).eval(), Classifier(name, depth=depth).eval()
    short.load_state_dict({k: whole.state_dict()[k] for k in short.state_dict()})
    x = torch.randn(1, 3, 64, 64)
    torch.testing.assert_close(short.outputs(x), whole.outputs(x)[:depth])
    assert short.channels == whole.channels[:depth] and len(short.signed) == depth


def test_more_stages_than_there_are_are_refused() -> None:
    with pytest.raises(UsageError, match="resnet18 has 5 stages, not 6"):
        Classifier("resnet18", depth=6)


def test_resnet_has_the_stages_of_the_paper() -> None:
    net = Classifier("resnet50")
    assert net.channels == [64, 256, 512, 1024, 2048]
    assert net.strides == [4, 4, 8, 16, 32]
    assert [name for name, _ in net.stages[0].named_children()] == [
        "conv1",
        "bn1",
        "relu",
        "maxpool",
    ]


def test_every_name_of_the_catalog_is_torchvisions() -> None:
    from torchvision import models

    known = set(models.list_models(models))
    ours = {name for name, target in BACKBONES.items() if target.endswith(":Classifier")}
    assert ours <= known
    attention = {name for name in known if name.startswith(("vit", "swin", "maxvit"))}
    assert known - ours - attention == {"googlenet", "inception_v3"}
