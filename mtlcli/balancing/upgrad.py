"""Unconflicting projection of gradients."""

import torch
from torch import Tensor

from mtlcli.balancing.base import GramAggregator
from mtlcli.balancing.dual_cone import project, regularised
from mtlcli.registry import NonNegative


class UPGrad(GramAggregator):
    """The mean of the gradients, each projected onto the cone of directions that raise no loss.

    UPGrad, Quinton & Rey (2024), eq. 4 and proposition 1: w_i = argmin over v ≥ e_i / P of vᵀGv,
    and Jᵀ Σ w_i. Cost: K backward passes and K gradients in memory.

    :param epsilon: added to the diagonal of G / tr G; 0.0001 as the authors'.
    """

    def __init__(self, tasks: list[str], *, epsilon: NonNegative = 1e-4) -> None:
        super().__init__(tasks)
        self.epsilon = epsilon

    def weights(self, gram: Tensor, losses: dict[str, Tensor]) -> Tensor:
        inner = regularised(gram, self.epsilon)
        count = len(gram)
        starts = torch.eye(count, dtype=gram.dtype) / count
        return torch.stack([project(inner, start) for start in starts]).sum(0)
