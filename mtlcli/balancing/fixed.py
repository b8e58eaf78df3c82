"""Fixed factors: the weighting of the NDDR-CNN paper."""

import torch
from torch import Tensor

from mtlcli.balancing.base import Weighting


class Fixed(Weighting):
    """Σ factor · loss, with the factors of the recipe's ``[loss]`` table (1 where not given)."""

    linear = True

    def forward(self, losses: dict[str, Tensor]) -> Tensor:
        return torch.stack([*self.scaled(losses).values()]).sum()
