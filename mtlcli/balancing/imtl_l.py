"""Impartial multi-task learning: its half for losses."""

import torch
from torch import Tensor, nn

from mtlcli.balancing.base import Weighting


class ImtlL(Weighting):
    """Σ e^(s_i) L_i - s_i, with s_i learnt along with the network: scaled losses meet at 1.

    IMTL-L, Liu et al. (ICLR 2021), eq. 6 with base e. Where s_i is at its optimum the weight is
    1 / L_i. s_i learns at ``train.lr`` without decay. Cost: one backward pass.

    :param start: s_i at first.
    """

    def __init__(self, tasks: list[str], factors: dict[str, float], *, start: float = 0.0) -> None:
        super().__init__(tasks, factors)
        self.log_scales = nn.ParameterDict(
            {task: nn.Parameter(torch.tensor(start)) for task in tasks}
        )

    def forward(self, losses: dict[str, Tensor]) -> Tensor:
        terms = []
        for task, loss in self.scaled(losses).items():
            s = self.log_scales[task]
            terms.append(torch.exp(s) * loss - s)
        return torch.stack(terms).sum()
