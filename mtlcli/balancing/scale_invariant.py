"""Scale-invariant weighting: the sum of the logarithms of the losses."""

import torch
from torch import Tensor

from mtlcli.balancing.base import Weighting
from mtlcli.balancing.logarithm import logs


class ScaleInvariant(Weighting):
    """Σ log L_i: each task weighs 1 / L_i, so the units of a loss do not matter.

    "SI" in Navon et al. (ICML 2022). Factors in ``[loss]`` change nothing, except that one of 0
    leaves its task out. Cost: one backward pass.
    """

    def forward(self, losses: dict[str, Tensor]) -> Tensor:
        kept = {task: loss for task, loss in losses.items() if self.factors[task] > 0}
        if not kept:
            return torch.zeros(())
        return torch.stack([*logs(kept).values()]).sum()
