"""How large and how costly a network is, by part."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from mtlcli.models.backbones.base import on_meta
from mtlcli.models.base import MultiTaskNet

PARTS = ("backbones", "fusions", "shortcuts", "heads")


@dataclass(frozen=True)
class Cost:
    """Of one part.

    :param parameters: the number of weights.
    :param macs: multiply-adds of convolutions and linear layers for one image or clip.
    """

    parameters: int
    macs: int

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.parameters + other.parameters, self.macs + other.macs)


def summarise(net: MultiTaskNet, height: int, width: int, frames: int = 1) -> dict[str, Cost]:
    """The cost of each part that has parameters, for an image ``[3, height, width]``.

    :param frames: where it is more than 1, for a clip ``[frames, 3, height, width]``.

    Only shapes are computed, so this takes milliseconds and touches no weight.
    """
    parameters = Counter[str]()
    for name, tensor in net.named_parameters():
        parameters[_part(name)] += tensor.numel()
    shape = (3, height, width) if frames == 1 else (frames, 3, height, width)
    macs = _macs(net, torch.empty(1, *shape, dtype=torch.uint8, device="meta"))
    order = [*PARTS, *sorted(parameters.keys() - set(PARTS))]
    return {part: Cost(parameters[part], macs[part]) for part in order if parameters[part]}


def total(costs: dict[str, Cost]) -> Cost:
    """The cost of all parts together."""
    return sum(costs.values(), Cost(0, 0))


def _part(name: str) -> str:
    return name.partition(".")[0]


def _macs(net: MultiTaskNet, image: Tensor) -> Counter[str]:
    found = Counter[str]()

    def count(part: str) -> Any:
        def hook(layer: nn.Module, _: object, out: Tensor) -> None:
            weight = layer.weight
            assert isinstance(weight, Tensor)
            # a weight [out, in / groups, kh, kw] is used once for every output pixel
            channels = out.shape[1 if isinstance(layer, nn.Conv2d) else -1]
            found[part] += weight.numel() * out.numel() // channels

        return hook

    layers = [(n, m) for n, m in net.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    hooks = [layer.register_forward_hook(count(_part(name))) for name, layer in layers]
    try:
        on_meta(net, image)
    finally:
        for hook in hooks:
            hook.remove()
    return found
