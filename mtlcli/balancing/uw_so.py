"""Uncertainty weighting with its analytical optimum, softened."""

import torch
from torch import Tensor

from mtlcli.balancing.base import Weighting
from mtlcli.balancing.logarithm import TINY
from mtlcli.registry import Positive


class UwSo(Weighting):
    """Σ ω_i L_i, ω = softmax((1 / L_i) / T), the weights without a gradient of their own.

    UW-SO, Kirchdorfer et al. (IJCV 2025): uncertainty weighting has the optimum ω_i ∝ 1 / L_i,
    and a softmax with a temperature tames it. T has to be searched. Cost: one backward pass.

    :param temperature: T; large: equal weights.
    """

    def __init__(
        self, tasks: list[str], factors: dict[str, float], *, temperature: Positive = 1.0
    ) -> None:
        super().__init__(tasks, factors)
        self.temperature = temperature

    def forward(self, losses: dict[str, Tensor]) -> Tensor:
        known = torch.stack([*self.scaled(losses).values()])
        inverse = 1 / known.detach().clamp(min=TINY)
        return (torch.softmax(inverse / self.temperature, 0) * known).sum()
