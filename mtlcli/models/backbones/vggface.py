"""VGG-16 as VGGFace has it, down to one vector per face (Parkhi et al., BMVC 2015)."""

import re
from collections import OrderedDict
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from mtlcli.errors import DataError, UsageError
from mtlcli.models.backbones.base import Backbone
from mtlcli.models.backbones.weights import fill, imagenet, read_tensors

_CHANNELS = [64, 128, 256, 512, 512]
_CONVS = [2, 2, 3, 3, 3]
_FEATURES = 1024
_SIDE = 7  # of the map that the fully connected layer reads: an input of 224
_PARENT = "vgg16"  # torchvision's
#: conv1_1 in Albanie's port, conv_1_1 in Rodríguez's.
_PORTED = re.compile(r"conv_?(\d)_(\d)\.(weight|bias)$")


class VggFace(Backbone):
    """13 convolutions with ReLU and five pools, then a fully connected layer of 1,024 with ReLU.

    The last layer is one stage of its own, a 7x7 convolution that gives a map of 1x1: all tasks'
    common feature, which fusions can mix as they mix maps. 40,405,824 parameters at width 1. The
    network is meant for 224 pixels; of any other size the last map is averaged (or, below 224,
    repeated) to 7x7 by adaptive pooling, which changes nothing at 224.

    :param name: what the catalog calls it.
    :param weights: "none" (random), "imagenet" (the convolutions of torchvision's vgg16, downloaded
        once), or the path of a .pth or .safetensors file: of this network, of vgg16, of a VGGFace
        port, or of any network whose 3x3 convolutions are these in this order. The layer of 1,024
        is taken from files of this network only; else it starts at random.
    :param order: of the channels that the file's network reads; "bgr" is turned round.
    :param width: factor on the channels of every layer; less than 1 for small machines.
    """

    def __init__(
        self,
        name: str,
        *,
        weights: str = "none",
        order: Literal["rgb", "bgr"] = "rgb",
        width: float = 1.0,
    ) -> None:
        if width <= 0:
            raise UsageError(f"{name}: the width {width:g} leaves no channels", hint="1, 0.5, 0.25")
        if weights == "imagenet" and width != 1:
            raise UsageError(
                f"{name}: ImageNet weights are of width 1, not {width:g}",
                hint="leave width out, or set weights to none",
            )
        channels = [max(1, round(c * width)) for c in [*_CHANNELS, _FEATURES]]
        blocks = zip(pairwise([3, *channels[:-1]]), _CONVS, strict=True)
        stages = [_block(i, *pair, convs) for i, (pair, convs) in enumerate(blocks, start=1)]
        stages.append(_common(*channels[-2:]))
        super().__init__(stages, channels, [2, 4, 8, 16, 32, 32 * _SIDE], [False] * len(stages))
        if weights == "imagenet":
            self._adopt(imagenet(_PARENT).state_dict(), "torchvision", name)
        elif weights != "none":
            self._load(weights, name)
        if weights != "none" and order == "bgr":
            self._turn_round()

    def _load(self, path: str, name: str) -> None:
        found = read_tensors(Path(path))
        own = self.state_dict(keep_vars=True)
        if found.keys() & own.keys():
            fill(own, found, path, name, hint="set width to what it was trained with")
        else:
            self._adopt(found, path, name)

    def _adopt(self, found: Mapping[str, Tensor], path: str, name: str) -> None:
        """Take the convolutions of another network's file: by their names, else in order."""
        convs = {
            key: tensor
            for key, tensor in self.state_dict(keep_vars=True).items()
            if not key.startswith(f"stages.{len(_CHANNELS)}.")
        }
        ported = {
            f"conv{m[1]}_{m[2]}.{m[3]}": t for key, t in found.items() if (m := _PORTED.search(key))
        }
        if not ported:
            ported = _in_order(found, path, name)
        renamed = {key.split(".", 2)[2]: tensor for key, tensor in convs.items()}
        hint = "leave width out" if self.channels[0] != _CHANNELS[0] else "take a file of VGG-16"
        fill(renamed, ported, path, name, hint=hint)

    @torch.no_grad()
    def _turn_round(self) -> None:
        weight = self.stages[0].get_parameter("conv1_1.weight")
        weight.copy_(weight.flip(1))


def _block(index: int, channels_in: int, channels: int, convs: int) -> nn.Module:
    """Convolutions and the pool behind them."""
    layers: dict[str, nn.Module] = {}
    for name in (f"{index}_{i}" for i in range(1, convs + 1)):
        layers[f"conv{name}"] = _started(nn.Conv2d(channels_in, channels, 3, padding=1))
        layers[f"relu{name}"] = nn.ReLU(inplace=True)
        channels_in = channels
    layers[f"pool{index}"] = nn.MaxPool2d(2)
    return nn.Sequential(OrderedDict(layers))


def _common(channels_in: int, channels: int) -> nn.Module:
    """Flatten and a linear layer, written as a convolution as large as the map."""
    return nn.Sequential(
        OrderedDict(
            size=nn.AdaptiveAvgPool2d(_SIDE),
            fc=_started(nn.Conv2d(channels_in, channels, _SIDE)),
            relu=nn.ReLU(inplace=True),
        )
    )


def _started(conv: nn.Conv2d) -> nn.Conv2d:
    """He et al. 2015, for a ReLU behind it."""
    nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
    assert conv.bias is not None
    nn.init.zeros_(conv.bias)
    return conv


def _in_order(found: Mapping[str, Tensor], path: str, name: str) -> dict[str, Tensor]:
    """The file's 3x3 convolutions and their biases, named by their place among VGG's.

    :raises DataError: there are not 13 of them, or batch norms between them.
    """
    if any(key.endswith("running_mean") for key in found):
        raise DataError(
            f"{path} does not hold the weights of {name}: it has batch norms, and {name} has none",
            hint="take a file of VGG-16 without batch norms, or of a VGGFace port",
        )
    kernels = [key for key, t in found.items() if t.ndim == 4 and t.shape[-2:] == (3, 3)]
    places = [f"conv{i}_{j}" for i, convs in enumerate(_CONVS, 1) for j in range(1, convs + 1)]
    if len(kernels) != len(places):
        raise DataError(
            f"{path} does not hold the weights of {name}: it has {len(kernels)} 3x3 convolutions "
            f"and not {len(places)}, and no names like conv1_1.weight",
            hint="take a file of VGG-16 without batch norms, or of a VGGFace port",
        )
    made: dict[str, Tensor] = {}
    for key, place in zip(sorted(kernels, key=_natural), places, strict=True):
        made[f"{place}.weight"] = found[key]
        bias = found.get(key.removesuffix("weight") + "bias")
        if bias is not None:
            made[f"{place}.bias"] = bias
    return made


def _natural(key: str) -> list[tuple[int, str]]:
    """``features.10.weight`` behind ``features.2.weight``; safetensors keep no order."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", key)]
