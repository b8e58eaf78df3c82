"""Cross-stitch units (Misra et al., CVPR 2016)."""

from typing import Literal

import torch
from torch import Tensor, nn

from mtlcli.errors import UsageError
from mtlcli.models.fusions.base import Fusion


class CrossStitch(Fusion):
    """Each map becomes a weighted sum of all tasks' maps (eq. 1): K x K weights, learned.

    With own = 1, other = 0 it changes nothing, in training too. All maps have the same width.

    :param own: start of a task's weight for its own map.
    :param other: start of its weight for the maps of the other tasks, which share it equally.
    :param per: "channel" learns K x K weights for each channel, "map" for all of them together.
    """

    def __init__(
        self,
        channels: list[int],
        signed: bool,
        *,
        own: float = 0.9,
        other: float = 0.1,
        per: Literal["channel", "map"] = "channel",
    ) -> None:
        super().__init__(channels, signed)
        width, count = same_width(channels, "cross-stitch"), len(channels)
        start = torch.full((count, count), other / max(1, count - 1)).fill_diagonal_(own)
        sets = width if per == "channel" else 1
        #: ``[K, K, C or 1]``: what task i takes of task j.
        self.weight = nn.Parameter(start.unsqueeze(2).repeat(1, 1, sets))

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        # sums of scaled maps: a stacked product would copy them all
        return [
            sum_of([x * w.view(-1, 1, 1) for x, w in zip(maps, row, strict=True)])
            for row in self.weight
        ]


def same_width(channels: list[int], name: str) -> int:
    """The one width of all maps.

    :raises UsageError: they differ.
    """
    if len(set(channels)) > 1:
        raise UsageError(
            f"{name} adds maps channel by channel, and these have {', '.join(map(str, channels))}",
            hint="take the same backbone for every task, or fusion nddr, which joins any widths",
        )
    return channels[0]


def sum_of(terms: list[Tensor]) -> Tensor:
    """The sum of equal shapes."""
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total
