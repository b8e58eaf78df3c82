"""Gradient sign dropout."""

import torch
from torch import Tensor

from mtlcli.balancing.base import Aggregator
from mtlcli.registry import Fraction

_PIECE = 2**18  # numbers at once


class GradDrop(Aggregator):
    """Each number of the gradients keeps one sign over the tasks, drawn by how much there is of it.

    GradDrop, Chen et al. (NeurIPS 2020), algorithm 1: purity P = ½ (1 + Σ g / Σ |g|); with U drawn
    uniformly, the positive parts stay where P > U, the negative ones where P < U. Here at the
    gradients themselves, or at the features with ``gradients = "features"``, as the authors do.
    Cost: K backward passes and K gradients in memory.

    :param leak: the part of a dropped number that stays.
    """

    def __init__(self, tasks: list[str], *, leak: Fraction = 0.0) -> None:
        super().__init__(tasks)
        self.leak = leak

    def forward(self, gradients: Tensor, losses: dict[str, Tensor]) -> Tensor:
        width = max(1, _PIECE // len(gradients))
        drawn = torch.rand(gradients.shape[1], generator=self.moment.generator()).to(gradients)
        pieces = zip(torch.split(gradients, width, 1), torch.split(drawn, width), strict=True)
        for piece, chance in pieces:  # what is between stays in the cache
            chance.copy_(self._kept(piece, chance))
        return drawn

    def _kept(self, gradients: Tensor, drawn: Tensor) -> Tensor:
        """What stays of some columns of the gradients, ``[P, w]`` → ``[w]``."""
        total, size = gradients.sum(0), gradients.abs().sum(0)
        purity = 0.5 * (1 + total / size.clamp(min=1e-30))
        # the positive parts add up to (Σ|g| + Σg) / 2, the negative ones to (Σg - Σ|g|) / 2
        kept = 0.5 * (total + torch.where(purity > drawn, size, -size))
        return self.leak * total + (1 - self.leak) * kept
