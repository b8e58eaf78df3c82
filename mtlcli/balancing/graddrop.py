"""Gradient sign dropout."""

import torch
from torch import Tensor

from mtlcli.balancing.base import Aggregator
from mtlcli.registry import Fraction


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
        size = gradients.abs().sum(0)
        purity = 0.5 * (1 + gradients.sum(0) / size.clamp(min=1e-30))
        drawn = torch.rand(len(purity), generator=self.moment.generator()).to(purity)
        kept = torch.where(
            purity > drawn, gradients.clamp(min=0).sum(0), gradients.clamp(max=0).sum(0)
        )
        return self.leak * gradients.sum(0) + (1 - self.leak) * kept
