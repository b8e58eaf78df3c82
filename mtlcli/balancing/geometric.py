"""Geometric loss strategy."""

import torch
from torch import Tensor

from mtlcli.balancing.base import Weighting
from mtlcli.balancing.logarithm import logs


class Geometric(Weighting):
    """(Π L_i)^(1/P): the geometric mean of the P losses at hand.

    GLS, Chennupati et al. (CVPR workshops 2019), eq. 2. The direction is that of Σ log L_i; its
    length falls with the losses. A factor of 0 in ``[loss]`` leaves its task out. Cost: one
    backward pass.
    """

    def forward(self, losses: dict[str, Tensor]) -> Tensor:
        kept = {task: loss for task, loss in losses.items() if self.factors[task] > 0}
        if not kept:
            return torch.zeros(())
        return torch.stack([*logs(self.scaled(kept)).values()]).mean().exp()
