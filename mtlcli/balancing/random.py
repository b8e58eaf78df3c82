"""Random loss weighting."""

import torch
from torch import Tensor

from mtlcli.balancing.base import Weighting


class Random(Weighting):
    """Σ w_i L_i, w = softmax of standard normal numbers, drawn anew for every update.

    RLW, Lin et al. (TMLR 2022), eq. 3: a baseline that many methods do not beat. A draw is a
    function of the seed, the step and the task's place, so an absent task changes nobody's draw.
    Cost: one backward pass.
    """

    linear = True

    def forward(self, losses: dict[str, Tensor]) -> Tensor:
        drawn = torch.randn(len(self.tasks), generator=self.moment.generator())
        scaled = self.scaled(losses)
        mine = drawn[[self.tasks.index(task) for task in scaled]]
        known = torch.stack([*scaled.values()])
        return (torch.softmax(mine, 0).to(known) * known).sum()
