"""Equal weights: the baseline that every other method has to beat."""

import torch
from torch import Tensor

from mtlcli.balancing.base import Weighting
from mtlcli.errors import UsageError


class Equal(Weighting):
    """Σ L_i / P over the P tasks that a batch has labels for.

    Often as good as anything else where the losses are of one scale (Xin et al. NeurIPS 2022;
    Kurin et al. NeurIPS 2022). Cost: one backward pass.
    """

    linear = True

    def __init__(self, tasks: list[str], factors: dict[str, float]) -> None:
        super().__init__(tasks, factors)
        if any(factor != 1 for factor in self.factors.values()):
            raise UsageError(
                'weighting = "equal" gives every task the same weight, and [loss] names factors',
                hint='take weighting = "fixed" for the factors, or leave out [loss]',
            )

    def forward(self, losses: dict[str, Tensor]) -> Tensor:
        return torch.stack([*losses.values()]).mean()
