"""Projection of the mean gradient onto the dual cone."""

import torch
from torch import Tensor

from mtlcli.balancing.base import GramAggregator
from mtlcli.balancing.dual_cone import project, regularised
from mtlcli.registry import NonNegative


class DualProj(GramAggregator):
    """The direction nearest to the mean gradient among those that raise no loss.

    DualProj, Lopez-Paz & Ranzato (GEM, NeurIPS 2017), eq. 11: w = argmin over v ≥ 1/P of vᵀGv, and
    Jᵀ w. Cost: K backward passes and K gradients in memory.

    :param epsilon: added to the diagonal of G / tr G.
    """

    def __init__(self, tasks: list[str], *, epsilon: NonNegative = 1e-4) -> None:
        super().__init__(tasks)
        self.epsilon = epsilon

    def weights(self, gram: Tensor, losses: dict[str, Tensor]) -> Tensor:
        start = torch.full((len(gram),), 1 / len(gram), dtype=gram.dtype)
        return project(regularised(gram, self.epsilon), start)
