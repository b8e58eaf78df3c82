"""VGG-16 for dense prediction, as NDDR-CNN trains it (Gao et al., CVPR 2019)."""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn

from mtlcli.errors import UsageError
from mtlcli.models.backbones.base import Backbone
from mtlcli.models.backbones.weights import fill, imagenet, read_tensors

_CHANNELS = [64, 128, 256, 512, 512]
_STRIDES = [2, 4, 8, 8, 8]
#: of each block: its convolutions, their dilation, the stride of its pool.
_BLOCKS = [(2, 1, 2), (2, 1, 2), (3, 1, 2), (3, 1, 1), (3, 2, 1)]
_EPS, _MOMENTUM = 1e-3, 0.05
_PARENT, _PARENT_EPS = "vgg16_bn", 1e-5  # torchvision's


class Vgg16Lfov(Backbone):
    """The trunk of DeepLab-LargeFOV (Chen et al., ICLR 2015) with batch norms; output stride 8.

    Pools are 3x3 with a padding of 1: a side of n pixels becomes n/2, n/4, n/8, n/8, n/8, rounded
    up. Layers fc6 to fc8 are the dense tasks' head ``lfov``.

    :param name: what the catalog calls it.
    :param weights: "none" (random), "imagenet" (those of torchvision's vgg16_bn, downloaded once),
        or the path of a .pth or .safetensors file with the tensors of vgg16_bn or of this network.
    :param width: factor on the channels of every layer; less than 1 for small machines.
    """

    def __init__(self, name: str, *, weights: str = "none", width: float = 1.0) -> None:
        if width <= 0:
            raise UsageError(f"{name}: the width {width:g} leaves no channels", hint="1, 0.5, 0.25")
        channels = [max(1, round(c * width)) for c in _CHANNELS]
        if weights == "imagenet" and channels != _CHANNELS:
            raise UsageError(
                f"{name}: ImageNet weights are of width 1, not {width:g}",
                hint="leave width out, or set weights to none",
            )
        stages = [_stage(i, *pair) for i, pair in enumerate(pairwise([3, *channels]))]
        super().__init__(stages, channels, list(_STRIDES), [False] * len(stages))
        if weights == "imagenet":
            self._adopt(imagenet(_PARENT).state_dict(), "torchvision")
        elif weights != "none":
            self._load(weights, name)

    def _load(self, path: str, name: str) -> None:
        found = read_tensors(Path(path))
        own = self.state_dict(keep_vars=True)
        if found.keys() & own.keys():
            fill(own, found, path, name, hint="set width to what it was trained with")
        else:
            self._adopt(found, path)

    @torch.no_grad()
    def _adopt(self, found: Mapping[str, Tensor], path: str) -> None:
        """Take vgg16_bn's tensors; in eval mode the convolutions and norms compute what its do.

        A bias before a norm is the norm's running mean moved; the norm's weight makes up for the
        smaller eps of torchvision.
        """
        layers = list(_numbered(self.stages))
        biases = [torch.zeros(conv.out_channels) for _, conv, _ in layers]
        own: dict[str, Tensor] = {}
        for (index, conv, norm), bias in zip(layers, biases, strict=True):
            own |= {f"features.{index}.weight": conv.weight, f"features.{index}.bias": bias}
            held = norm.state_dict(keep_vars=True)
            own |= {f"features.{index + 1}.{key}": tensor for key, tensor in held.items()}
        narrow = self.channels != _CHANNELS
        fill(own, found, path, _PARENT, hint="leave width out" if narrow else None)
        for (_, _, norm), bias in zip(layers, biases, strict=True):
            assert norm.running_mean is not None and norm.running_var is not None
            norm.running_mean -= bias
            var = norm.running_var
            norm.weight.mul_(((var + _EPS) / (var + _PARENT_EPS)).sqrt())


def _stage(index: int, channels_in: int, channels: int) -> nn.Module:
    """A block of convolutions and the pool behind it."""
    convs, dilation, stride = _BLOCKS[index]
    block = index + 1
    layers: dict[str, nn.Module] = {}
    for name in (f"{block}_{i}" for i in range(1, convs + 1)):
        conv = nn.Conv2d(channels_in, channels, 3, padding=dilation, dilation=dilation, bias=False)
        nn.init.xavier_uniform_(conv.weight)  # as the authors do
        layers[f"conv{name}"] = conv
        layers[f"norm{name}"] = nn.BatchNorm2d(channels, _EPS, _MOMENTUM)
        layers[f"relu{name}"] = nn.ReLU(inplace=True)
        channels_in = channels
    layers[f"pool{block}"] = nn.MaxPool2d(3, stride, padding=1)
    if block == len(_BLOCKS):
        layers["mean"] = nn.AvgPool2d(3, 1, padding=1, count_include_pad=False)
    return nn.Sequential(OrderedDict(layers))


def _numbered(stages: Iterable[nn.Module]) -> Iterator[tuple[int, nn.Conv2d, nn.BatchNorm2d]]:
    """Each convolution with its norm, and its number among vgg16_bn's ``features``."""
    index = 0
    for stage in stages:
        parts = list(stage.children())
        convs = [part for part in parts if isinstance(part, nn.Conv2d)]
        norms = [part for part in parts if isinstance(part, nn.BatchNorm2d)]
        for conv, norm in zip(convs, norms, strict=True):
            yield index, conv, norm
            index += 3  # convolution, norm, ReLU
        index += 1  # pool
