"""VGG-16 down to one vector: its size, its layers, and the files it takes."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models import vgg

from mtlcli.errors import DataError, MissingError, UsageError
from mtlcli.models.backbones import vggface
from mtlcli.models.backbones.base import measure
from mtlcli.models.backbones.vggface import VggFace
from mtlcli.models.blank import blank
from mtlcli.models.fused import Fused
from mtlcli.models.fusions.nddr import NDDR
from mtlcli.tasks.heads import ImageHead

WIDTH = 1 / 16  # 4, 8, 16, 32, 32 and 64 channels
PLACES = [f"{i}_{j}" for i, convs in enumerate([2, 2, 3, 3, 3], 1) for j in range(1, convs + 1)]


def small(**options: object) -> VggFace:
    torch.manual_seed(options.pop("seed", 0))
    return VggFace("vggface", width=WIDTH, **options)


def convolutions(net: VggFace) -> list[nn.Conv2d]:
    return [m for m in net.modules() if isinstance(m, nn.Conv2d)][:13]


def test_it_has_forty_million_parameters() -> None:
    """13 convolutions and 25,088 x 1,024: with two heads of 128, the 40.5 to 40.7 M of the face
    networks."""
    with torch.device("meta"), blank():
        net = VggFace("vggface")
    convs = sum(c.weight.numel() + c.out_channels for c in convolutions(net))
    assert convs == 14_714_688
    total = sum(p.numel() for p in net.parameters())
    assert total == convs + 7 * 7 * 512 * 1024 + 1024 == 40_405_824
    assert net.channels == [64, 128, 256, 512, 512, 1024]
    assert (net.channels[:5], net.strides[:5]) == measure(net.stages[:5])


def test_at_224_pixels_the_last_stage_is_a_linear_layer_on_the_flat_map() -> None:
    net = small().eval()
    nn.init.normal_(net.stages[5].fc.bias)
    x = torch.randn(2, 3, 224, 224)
    maps = net.outputs(x)
    assert [m.shape[-1] for m in maps] == [112, 56, 28, 14, 7, 1]
    fc = net.stages[5].fc
    expected = F.relu(F.linear(maps[4].flatten(1), fc.weight.flatten(1), fc.bias))
    torch.testing.assert_close(maps[5].flatten(1), expected)
    body = vgg.make_layers(
        [c if c == "M" else int(c * WIDTH) for c in vgg.cfgs["D"]], batch_norm=False
    )
    for own, theirs in zip(
        convolutions(net), (m for m in body if isinstance(m, nn.Conv2d)), strict=True
    ):
        theirs.load_state_dict(own.state_dict())
    torch.testing.assert_close(maps[4], body(x))


@pytest.mark.parametrize(("size", "side"), [(64, 2), (160, 5), (256, 8)])
def test_other_sizes_are_pooled_to_seven(size: int, side: int) -> None:
    net = small().eval()
    maps = net.outputs(torch.randn(1, 3, size, size))
    assert maps[4].shape[-2:] == (side, side) and maps[5].shape[-2:] == (1, 1)
    pooled = F.adaptive_avg_pool2d(maps[4], 7)
    torch.testing.assert_close(maps[5], net.stages[5].fc(pooled).relu())


def ported(net: VggFace, name: Callable[[str], str]) -> dict[str, Tensor]:
    """The file of another network with these convolutions and layers of its own behind them."""
    found = {"fc6.weight": torch.ones(4, 7), "fc8.bias": torch.ones(3)}
    for place, conv in zip(PLACES, convolutions(net), strict=True):
        found[f"{name(place)}.weight"] = conv.weight.detach()
        found[f"{name(place)}.bias"] = conv.bias.detach()
    return found


def _torchvision(place: str) -> str:
    block, number = map(int, place.split("_"))
    return f"features.{[0, 5, 10, 17, 24][block - 1] + 2 * (number - 1)}"


NAMES: dict[str, Callable[[str], str]] = {
    "Albanie's port": "conv{}".format,
    "Rodríguez's port": "conv_{}".format,
    "torchvision": _torchvision,
    "in order": lambda place: f"body.{PLACES.index(place)}.inner",
}


@pytest.mark.parametrize("kind", NAMES)
@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
def test_the_convolutions_of_a_file_are_taken(kind: str, suffix: str, tmp_path: Path) -> None:
    donor = small(seed=1)
    for conv in convolutions(donor):
        nn.init.normal_(conv.bias)
    path = tmp_path / f"net.{suffix}"
    held = ported(donor, NAMES[kind])
    if suffix == "pth":
        torch.save(held, path)
    else:
        save_file(held, path)
    net = small(weights=str(path))
    for own, theirs in zip(convolutions(net), convolutions(donor), strict=True):
        assert own.weight.equal(theirs.weight) and own.bias.equal(theirs.bias)
    turned = small(weights=str(path), order="bgr")
    first = convolutions(donor)[0].weight
    assert convolutions(turned)[0].weight.equal(first[:, [2, 1, 0]])
    assert convolutions(turned)[1].weight.equal(convolutions(donor)[1].weight)


def test_its_own_file_brings_the_common_layer_too(tmp_path: Path) -> None:
    donor = small(seed=1)
    save_file(donor.state_dict(), tmp_path / "own.st")
    net = small(weights=str(tmp_path / "own.st"))
    assert all(t.equal(donor.state_dict()[n]) for n, t in net.state_dict().items())


def test_torchvisions_weights_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    donor = small(seed=1)
    parent = nn.Module()
    parent.state_dict = lambda: ported(donor, _torchvision)
    monkeypatch.setattr(vggface, "imagenet", lambda name: {"vgg16": parent}[name])
    monkeypatch.setattr(vggface, "_CHANNELS", donor.channels[:5])
    monkeypatch.setattr(vggface, "_FEATURES", 64)
    net = VggFace("vggface", weights="imagenet")
    for own, theirs in zip(convolutions(net), convolutions(donor), strict=True):
        assert own.weight.equal(theirs.weight)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda held: held.pop("conv3_2.weight"), "conv3_2.weight is absent"),
        (lambda held: held.update({"conv1_1.weight": torch.ones(4, 1, 3, 3)}), "has the shape"),
        (lambda held: [held.pop(k) for k in list(held) if "conv" in k], "0 3x3 convolutions"),
        (
            lambda held: (
                [
                    held.update({k.replace("conv", "features."): held.pop(k)})
                    for k in list(held)
                    if "conv" in k
                ]
                + [held.update({"features.1.running_mean": torch.ones(4)})]
            ),
            "it has batch norms",
        ),
    ],
)
def test_a_file_of_another_network_is_refused(
    change: Callable[[dict[str, Tensor]], object], words: str, tmp_path: Path
) -> None:
    held = ported(small(), "conv{}".format)
    change(held)
    torch.save(held, tmp_path / "net.pth")
    with pytest.raises(DataError, match=words):
        small(weights=str(tmp_path / "net.pth"))


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(UsageError, match="leaves no channels"):
        VggFace("vggface", width=0)
    with pytest.raises(UsageError, match="of width 1"):
        VggFace("vggface", width=0.5, weights="imagenet")
    with pytest.raises(MissingError, match="no file"):
        small(weights="nowhere.pth")


def test_nddr_fuses_the_common_layer_as_a_map(tmp_path: Path) -> None:
    """With own = 1 and other = 0 the fused network is its parents."""
    backbones = {task: small(seed=i) for i, task in enumerate("ab")}
    net = Fused(
        ["a", "b"], backbones, lambda _, c: ImageHead(c, 2, hidden=5),
        lambda channels, signed: NDDR(channels, signed, own=1.0, other=0.0),
        (0.5,) * 3, (0.2,) * 3,
    ).eval()  # fmt: skip
    assert len(net.fusions) == 6
    images = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    x = net.normalise(images)
    expected = {task: net.heads[task](backbones[task](x)) for task in "ab"}
    torch.testing.assert_close(net(images), expected, atol=1e-5, rtol=1e-4)
