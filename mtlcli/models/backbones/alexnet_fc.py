"""AlexNet with its two fully connected layers, the network of attribute MTL-CNN."""

from collections import OrderedDict
from pathlib import Path

from torch import nn
from torchvision.models import AlexNet, get_model

from mtlcli.models.backbones.base import Backbone, measure
from mtlcli.models.backbones.families import assemble, family
from mtlcli.models.backbones.weights import fill, imagenet, read_tensors
from mtlcli.registry import Fraction

_PARENT = "alexnet"  # torchvision's
_SIDE = 6  # pixels of what fc6 reads


class AlexNetFc(Backbone):
    """AlexNet up to fc7: 4096 features of the whole picture, as Abdulnabi et al. 2015 use it.

    The last stage pools what the convolutions give to 6x6, and fc6 and fc7 follow as convolutions,
    so that features are ``[B, 4096, 1, 1]``. 57,003,840 parameters.

    :param name: what the catalog calls it.
    :param weights: "none" (random), "imagenet" (torchvision's, downloaded once), or the path of a
        .pth or .safetensors file with the tensors of torchvision's alexnet.
    :param dropout: probability of dropout before fc6 and before fc7.
    """

    def __init__(self, name: str, *, weights: str = "none", dropout: Fraction = 0.5) -> None:
        net = imagenet(_PARENT) if weights == "imagenet" else get_model(_PARENT, weights=None)
        if weights not in ("none", "imagenet"):
            own = net.state_dict(keep_vars=True)
            body = {key: t for key, t in own.items() if not key.startswith("classifier.6.")}
            fill(body, read_tensors(Path(weights)), weights, _PARENT)
        stages = [*assemble(family(_PARENT).cut(net)), _fully_connected(net, dropout)]
        channels, strides = measure(stages)
        super().__init__(stages, channels, strides, [False] * len(stages))


def _fully_connected(net: AlexNet, dropout: float) -> nn.Module:
    """Torchvision's pooling and first two layers behind the convolutions."""
    _, fc6, _, _, fc7, *_ = net.classifier
    layers: list[tuple[str, nn.Module]] = [
        ("pool", nn.AdaptiveAvgPool2d(_SIDE)),
        ("drop6", nn.Dropout(dropout)),
        ("fc6", _as_convolution(fc6, _SIDE)),
        ("relu6", nn.ReLU(inplace=True)),
        ("drop7", nn.Dropout(dropout)),
        ("fc7", _as_convolution(fc7, 1)),
        ("relu7", nn.ReLU(inplace=True)),
    ]
    return nn.Sequential(OrderedDict(layers))


def _as_convolution(layer: nn.Module, side: int) -> nn.Conv2d:
    """A linear layer over flattened ``[B, C, side, side]`` maps, without flattening them."""
    assert isinstance(layer, nn.Linear)
    channels = layer.in_features // side**2
    made = nn.Conv2d(channels, layer.out_features, side, device="meta")
    made.weight = nn.Parameter(layer.weight.detach().view(-1, channels, side, side))
    made.bias = nn.Parameter(layer.bias.detach())
    return made
