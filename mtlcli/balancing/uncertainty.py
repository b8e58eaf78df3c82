"""Uncertainty weighting."""

import torch
from torch import Tensor, nn

from mtlcli.balancing.base import Weighting


class Uncertainty(Weighting):
    """Σ ½ e^(-s_i) L_i + ½ s_i, with s_i = log σ_i² learnt along with the network.

    UW, Kendall, Gal & Cipolla (CVPR 2018), eq. 7 in the form of the authors' code. s_i learns at
    ``train.lr`` without decay. Cost: one backward pass and a number per task.

    :param start: s_i at first; 0 as in the paper (LibMTL takes -0.5).
    """

    def __init__(self, tasks: list[str], factors: dict[str, float], *, start: float = 0.0) -> None:
        super().__init__(tasks, factors)
        self.log_variances = nn.ParameterDict(
            {task: nn.Parameter(torch.tensor(start)) for task in tasks}
        )

    def forward(self, losses: dict[str, Tensor]) -> Tensor:
        terms = []
        for task, loss in self.scaled(losses).items():
            s = self.log_variances[task]
            terms.append(0.5 * torch.exp(-s) * loss + 0.5 * s)
        return torch.stack(terms).sum()
