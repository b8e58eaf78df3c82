"""AlexNet up to fc7 is torchvision's, and a backbone like the others."""

from pathlib import Path

import pytest
import torch
from torch import nn
from torchvision.models import AlexNet

from mtlcli.errors import DataError, MissingError
from mtlcli.models.backbones import alexnet_fc
from mtlcli.models.backbones.alexnet_fc import AlexNetFc
from mtlcli.models.backbones.base import measure, on_meta
from mtlcli.models.blank import blank
from mtlcli.models.fused import Fused
from mtlcli.models.fusions.nddr import NDDR
from mtlcli.models.shared import Shared
from mtlcli.tasks.heads import ImageHead
from mtlcli.tasks.latent_head import LatentHead

MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.3, 0.25)


@pytest.fixture(scope="module")
def parent() -> AlexNet:
    torch.manual_seed(0)
    return AlexNet(num_classes=2).eval()


@pytest.fixture(scope="module")
def shapes() -> AlexNetFc:
    """Without weights."""
    with torch.device("meta"), blank():
        return AlexNetFc("alexnet_fc")


def test_it_computes_what_torchvision_does_up_to_fc7(
    parent: AlexNet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alexnet_fc, "imagenet", lambda _: parent)
    net = AlexNetFc("alexnet_fc", weights="imagenet").eval()
    images = torch.randn(2, 3, 224, 224)
    with torch.no_grad():
        wanted = parent.classifier[:6](parent.avgpool(parent.features(images)).flatten(1))
        found = net(images)
    assert found.shape == (2, 4096, 1, 1) and wanted.std() > 0
    torch.testing.assert_close(found.flatten(1), wanted)


def test_it_has_the_parameters_of_the_paper_and_tells_its_stages(shapes: AlexNetFc) -> None:
    counts = [sum(p.numel() for p in stage.parameters()) for stage in shapes.stages]
    assert sum(counts) == 57_003_840
    assert sum(counts[:3]) == 2_469_696 and counts[3] == 37_752_832 + 16_781_312
    assert measure(shapes.stages) == (shapes.channels, shapes.strides)
    assert shapes.channels == [64, 192, 256, 4096] and shapes.signed == [False] * 4
    assert [m.p for m in shapes.modules() if isinstance(m, nn.Dropout)] == [0.5, 0.5]


@pytest.mark.parametrize("size", [(64, 64), (224, 224), (255, 300)])
def test_any_picture_gives_one_vector(shapes: AlexNetFc, size: tuple[int, int]) -> None:
    assert on_meta(shapes, torch.empty(1, 3, *size, device="meta")).shape == (1, 4096, 1, 1)


def test_a_file_of_torchvision_is_loaded_and_another_refused(
    parent: AlexNet, tmp_path: Path
) -> None:
    torch.save({"features.0.weight": parent.features[0].weight}, tmp_path / "w.pth")
    with blank(), pytest.raises(DataError, match=r"weights of alexnet: features.0.bias is absent"):
        AlexNetFc("alexnet_fc", weights=str(tmp_path / "w.pth"))
    with blank(), pytest.raises(MissingError, match="there is no file of weights"):
        AlexNetFc("alexnet_fc", weights="nowhere.pth")
    own = {k: v for k, v in parent.state_dict().items() if not k.startswith("classifier.6")}
    torch.save(own, tmp_path / "w.pth")
    with blank():
        net = AlexNetFc("alexnet_fc", weights=str(tmp_path / "w.pth"))
    fc6 = net.get_parameter("stages.3.fc6.weight")
    assert fc6.flatten(1).equal(parent.classifier[1].weight)


def test_two_of_them_are_fused_by_nddr(shapes: AlexNetFc) -> None:
    """On shapes alone: the mixture of two times 4096 features has 67 million weights."""
    with torch.device("meta"), blank():
        backbones = {name: AlexNetFc("alexnet_fc") for name in "ab"}
        net = Fused(
            list("ab"), backbones, lambda _, channels: ImageHead(channels, 3),
            lambda channels, signed: NDDR(channels, signed), MEAN, STD,
        )  # fmt: skip
    outputs = net.to("meta").eval()(torch.empty(2, 3, 96, 96, dtype=torch.uint8, device="meta"))
    assert {task: tuple(output.shape) for task, output in outputs.items()} == {
        "a": (2, 3), "b": (2, 3),
    }  # fmt: skip


def test_one_of_them_is_shared_by_attributes_and_a_class(shapes: AlexNetFc) -> None:
    with torch.device("meta"), blank():
        net = Shared(
            ["attributes", "animal"], {"shared": AlexNetFc("alexnet_fc")},
            lambda task, c: LatentHead(c, 85, 64) if task == "attributes" else ImageHead(c, 50),
            lambda channels, signed: NDDR(channels, signed), MEAN, STD,
        )  # fmt: skip
    outputs = net.eval()(torch.empty(2, 3, 96, 96, dtype=torch.uint8, device="meta"))
    assert outputs["attributes"].shape == (2, 85) and outputs["animal"].shape == (2, 50)
