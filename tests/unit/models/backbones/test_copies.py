"""Copies of a backbone: each answers as the one it was made of, and none reads another's maps."""

import pytest
import torch

from mtlcli.errors import MissingError, UsageError
from mtlcli.models.backbones.base import measure
from mtlcli.models.backbones.copies import Copies
from mtlcli.models.backbones.mini_xception import MiniXception


def made(count: int = 3) -> Copies:
    return Copies("copies", of="mini_xception", count=count).eval()


def test_every_copy_is_the_backbone() -> None:
    torch.manual_seed(4)
    one = MiniXception("mini_xception").eval()
    torch.manual_seed(4)
    several, images = made(), torch.randn(2, 3, 64, 64)
    for whole, alone in zip(several.outputs(images), one.outputs(images), strict=True):
        for part in whole.chunk(3, 1):
            torch.testing.assert_close(part, alone, rtol=0, atol=0)


def test_its_channels_and_strides_are_those_of_its_maps() -> None:
    several = made()
    assert (several.channels, several.strides) == measure(several.stages)
    assert len(several.signed) == len(several.stages)


def test_a_copy_reads_nothing_of_another() -> None:
    several = made()
    part = several(torch.randn(2, 3, 64, 64)).chunk(3, 1)[1]
    part.sum().backward()
    reached = {
        name.split(".")[3]
        for name, tensor in several.named_parameters()
        if tensor.grad is not None and tensor.grad.any()
    }
    assert reached == {"1"}


def test_copies_go_their_own_ways() -> None:
    several = made(2)
    first, second = (dict(part.named_parameters()) for part in several.stages[0].parts)
    with torch.no_grad():
        next(iter(first.values())).add_(1.0)
    assert not torch.equal(next(iter(first.values())), next(iter(second.values())))


def test_the_backbones_options_and_weights_reach_it() -> None:
    spec = {"name": "regnet_x_400mf", "depth": 2}
    assert len(Copies("copies", of=spec, count=2).stages) == 2
    with pytest.raises(MissingError, match="nowhere"):
        Copies("copies", of="resnet18", count=2, weights="nowhere.pth")


@pytest.mark.parametrize(
    ("of", "count", "said"),
    [
        ("resnet18", 0, "0 copies"),
        ("copies", 2, "copies of copies"),
        ("resnet19", 2, "did you mean resnet18"),
        ({"name": "resnet18", "deepness": 2}, 2, "deepness"),
        ({"depth": 2}, 2, "which backbone"),
    ],
)
def test_what_cannot_be_copied_is_said(of: object, count: int, said: str) -> None:
    with pytest.raises(UsageError) as fault:
        Copies("copies", of=of, count=count)
    assert said in f"{fault.value} {fault.value.hint}"
