"""Every torchvision classifier that can be cut into stages, as a backbone."""

from typing import Literal

from torch import nn
from torchvision.models import get_model

from mtlcli.errors import UsageError
from mtlcli.models.backbones.base import Backbone, measure
from mtlcli.models.backbones.dilation import dilate
from mtlcli.models.backbones.families import Family, assemble, family
from mtlcli.models.backbones.weights import imagenet, load_body
from mtlcli.registry import Count

_SMALL = 3  # pixels, the kernel of a small stem
_WHOLE = 32  # the output stride that leaves a network as it is


class Classifier(Backbone):
    """A torchvision classifier without its classifier.

    :param name: torchvision's name of the network.
    :param weights: "none" (random), "imagenet" (torchvision's best, downloaded once), or the path
        of a .pth or .safetensors file with the tensors of the torchvision network.
    :param stem: "small" keeps the resolution of small images in the first stage: its first
        convolution becomes 3x3 (the centre of a larger one) with stride 1, and its max pool goes.
    :param output_stride: of ResNets: 8 or 16 keeps the last features at an eighth or a sixteenth
        of the picture's size, for dense tasks; the late stages dilate in place of striding.
    :param cut: of EfficientNet B0 to B7: "block7a" ends after the first block of the last stage,
        so without its further blocks and the wide convolution that only classifying ImageNet needs.
    :param depth: how many of its stages to keep, from the first; 0: all.
    :raises UsageError: an output stride below 32 of another network than a ResNet, or a cut of
        another than an EfficientNet, or a depth of more stages than there are.
    """

    def __init__(
        self,
        name: str,
        *,
        weights: str = "none",
        stem: Literal["standard", "small"] = "standard",
        output_stride: Literal[8, 16, 32] = 32,
        cut: Literal["none", "block7a"] = "none",
        depth: Count = 0,
    ) -> None:
        kind = family(name)
        _check_stride(name, kind, output_stride)
        _check_cut(name, cut)
        net = imagenet(name) if weights == "imagenet" else get_model(name, weights=None)
        stages = assemble(kind.cut(net))
        if weights not in ("none", "imagenet"):
            load_body(weights, name, net, stages)
        if stem == "small":
            _shrink(stages[0])
        if cut != "none":
            _shorten(stages[-1])
        channels, strides = measure(stages)
        if kind.dilates:
            dilate(stages, strides, output_stride)
            strides = [min(stride, output_stride) for stride in strides]
        kept = _kept(name, len(stages), depth)
        super().__init__(stages[:kept], channels[:kept], strides[:kept], list(kind.signed[:kept]))


def _check_stride(name: str, kind: Family, output_stride: int) -> None:
    if output_stride != _WHOLE and not kind.dilates:
        raise UsageError(
            f"{name} cannot have an output_stride of {output_stride}, only a ResNet can",
            hint="leave output_stride out, or take resnet50 or vgg16_lfov",
        )


def _kept(name: str, stages: int, depth: int) -> int:
    if depth > stages:
        raise UsageError(
            f"{name} has {stages} stages, not {depth}", hint="leave depth out for all of them"
        )
    return depth or stages


def _check_cut(name: str, cut: str) -> None:
    if cut != "none" and not name.startswith("efficientnet_b"):
        raise UsageError(
            f"{name} has no {cut} to be cut at, only EfficientNet B0 to B7 have",
            hint="leave cut out, or take efficientnet_b3",
        )


def _shorten(stage: nn.Module) -> None:
    """Leave of an EfficientNet's last stage block 6 and the first block of 7, in place."""
    last = stage.get_submodule("7")
    for name, _ in list(last.named_children())[1:]:
        delattr(last, name)
    delattr(stage, "8")


def _shrink(stage: nn.Module) -> None:
    """Make the first stage fit for small images, in place."""
    conv = next(m for m in stage.modules() if isinstance(m, nn.Conv2d))
    start = (conv.kernel_size[0] - _SMALL) // 2
    centre = slice(start, start + _SMALL)
    conv.weight = nn.Parameter(conv.weight.detach()[:, :, centre, centre].clone())
    conv.kernel_size, conv.padding, conv.stride = (_SMALL, _SMALL), (1, 1), (1, 1)
    for name, child in stage.named_children():
        if isinstance(child, nn.MaxPool2d):
            setattr(stage, name, nn.Identity())
