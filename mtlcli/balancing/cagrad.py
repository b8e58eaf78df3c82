"""Conflict-averse gradient descent."""

import math
from typing import Literal

import torch
from torch import Tensor

from mtlcli.balancing.base import GramAggregator
from mtlcli.balancing.simplex import minimise
from mtlcli.registry import NonNegative


class CAGrad(GramAggregator):
    """The direction near the mean gradient that improves the worst task most.

    CAGrad, Liu et al. (NeurIPS 2021), eq. 4: with g_0 the mean, w = argmin over the simplex of
    g_w·g_0 + c ‖g_0‖ ‖g_w‖, and the direction g_0 + c ‖g_0‖ / ‖g_w‖ g_w, divided by a constant.
    Cost: K backward passes and K gradients in memory.

    :param c: 0: the mean; 0.5 as LibMTL's; the authors search 0.1 to 0.9.
    :param rescale: divide by 1 (0), 1 + c² (1, as LibMTL's and the authors'), 1 + c (2).
    """

    def __init__(
        self, tasks: list[str], *, c: NonNegative = 0.5, rescale: Literal[0, 1, 2] = 1
    ) -> None:
        super().__init__(tasks)
        self.c = c
        self.divisor = (1.0, 1 + c**2, 1 + c)[rescale]

    def weights(self, gram: Tensor, losses: dict[str, Tensor]) -> Tensor:
        count = len(gram)
        even = torch.full((count,), 1 / count, dtype=gram.dtype)
        size = float(even @ gram @ even)
        if size <= 0 or self.c == 0:
            return even / self.divisor
        scaled = gram / size  # then ‖g_0‖ = 1
        inner = scaled @ even

        def norm(w: Tensor) -> float:
            return math.sqrt(max(float(w @ scaled @ w), 1e-20))

        found = minimise(
            lambda w: inner + self.c / norm(w) * (scaled @ w),
            lambda w: float(inner @ w) + self.c * norm(w),
            even,
        )
        return (even + self.c / norm(found) * found) / self.divisor
