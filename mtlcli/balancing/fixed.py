"""Fixed factors: the weighting of the NDDR-CNN paper."""

import torch
from torch import Tensor

from mtlcli.balancing.base import Weighting


class Fixed(Weighting):
    """Σ factor · loss, with the factors of the recipe's ``[loss]`` table (1 where not given)."""

    def __init__(self, tasks: list[str], factors: dict[str, float]) -> None:
        super().__init__(tasks, factors)

    def forward(self, losses: dict[str, Tensor]) -> Tensor:
        return torch.stack([self.factors[task] * loss for task, loss in losses.items()]).sum()
