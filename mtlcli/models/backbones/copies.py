"""Copies of one backbone side by side, each of which goes its own way in training."""

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from mtlcli import registry
from mtlcli.errors import UsageError
from mtlcli.models.backbones.base import Backbone
from mtlcli.registry import Count


class Copies(Backbone):
    """As many copies of a backbone, their features side by side: a network per attribute.

    The networks of Abdulnabi et al. 2015 (section III): attribute m has features X_m of its own,
    ``[B, D, h, w]``; here those of all are one map ``[B, M D, h, w]``, attribute after attribute.
    All copies begin with the same weights, so that feature d means the same in each of them at
    first, as it does where all begin with one pretrained network; what is shared between attributes
    (``head = "latent_task"``) counts on that.

    :param name: what the catalog calls it.
    :param of: the backbone, by its name or as a table of its name and options.
    :param count: how many copies; for a task of kind attributes one for each attribute.
    :param weights: of the backbone; "none" is random.
    :raises UsageError: no copy, or copies of copies.
    """

    def __init__(self, name: str, *, of: Any, count: Count, weights: str = "none") -> None:
        spec = {"name": of} if isinstance(of, str) else dict(of)
        refuse(spec, count)
        if weights != "none":
            spec["weights"] = weights
        inner = spec.pop("name")
        first: Backbone = registry.build("backbone", inner, inner, options=spec)
        bodies = [first, *(copy.deepcopy(first) for _ in range(count - 1))]
        stages: list[nn.Module] = [
            _Abreast(list(parts), split=bool(number))
            for number, parts in enumerate(zip(*(body.stages for body in bodies), strict=True))
        ]
        channels = [count * width for width in first.channels]
        super().__init__(stages, channels, first.strides, first.signed)


def refuse(spec: Mapping[str, Any], count: int) -> None:
    """See that this backbone can be copied.

    :raises UsageError: it cannot.
    """
    name = spec.get("name")
    what = "copies of copies" if name == "copies" else f"{count} copies of {name}"
    if not name:
        what = "of a table that does not name which backbone"
    if count < 1 or name in (None, "copies"):
        raise UsageError(
            f"the backbone copies cannot be {what}",
            hint='model.backbone = { name = "copies", of = "resnet18", count = 12 }',
        )


class _Abreast(nn.Module):
    """The same stage of every copy.

    :param split: each reads its own part of the channels; else all read the same image.
    """

    def __init__(self, parts: list[nn.Module], *, split: bool) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)
        self.split = split

    def forward(self, x: Tensor) -> Tensor:
        """``[B, 3, H, W]`` or ``[B, M C, h, w]`` to ``[B, M C', h', w']``."""
        given = x.chunk(len(self.parts), 1) if self.split else [x] * len(self.parts)
        return torch.cat([part(own) for part, own in zip(self.parts, given, strict=True)], 1)
