"""Sluice networks (Ruder et al., AAAI 2019): subspaces of every task's features are mixed."""

import torch
from torch import Tensor, nn

from mtlcli.errors import UsageError
from mtlcli.models.fusions.base import Fusion
from mtlcli.models.fusions.cross_stitch import same_width


class Sluice(Fusion):
    """Each task's channels fall into subspaces, and each becomes a weighted sum of all (eq. 1).

    The learned weights α are (K·S x K·S) numbers for K tasks of S subspaces. With own = 1,
    other = 0 it changes nothing, in training too. The paper's learned skip connections β are the
    architecture's ``shortcut = "mixture"``; its penalty that keeps a task's subspaces apart is not
    here.

    :param subspaces: of each task's channels, equally wide.
    :param own: start of a subspace's weight for itself.
    :param other: start of its weight for the same subspace of the other tasks, which share it
        equally; the other subspaces start at 0.
    """

    def __init__(
        self,
        channels: list[int],
        signed: bool,
        *,
        subspaces: int = 2,
        own: float = 0.9,
        other: float = 0.1,
    ) -> None:
        super().__init__(channels, signed)
        width, count = same_width(channels, "sluice"), len(channels)
        if subspaces < 1 or width % subspaces:
            raise UsageError(
                f"{width} channels do not fall into {subspaces} equal subspaces",
                hint="set model.fusion.subspaces to a divisor of every stage's width",
            )
        self.subspaces = subspaces
        tasks = torch.full((count, count), other / max(1, count - 1)).fill_diagonal_(own)
        #: ``[K·S, K·S]``: task by task, what a subspace takes of each.
        self.alpha = nn.Parameter(torch.kron(tasks, torch.eye(subspaces)))

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        parts = torch.stack([part for x in maps for part in x.chunk(self.subspaces, 1)])
        mixed = (self.alpha.to(parts.dtype) @ parts.flatten(1)).view_as(parts)
        return [torch.cat(list(group), 1) for group in torch.split(mixed, self.subspaces)]
