"""Independent component alignment."""

from typing import Literal

import torch
from torch import Tensor

from mtlcli.balancing.base import GramAggregator


class AlignedMtl(GramAggregator):
    """Jᵀ B 1, B = √s V Λ^(-1/2) Vᵀ of G = V Λ Vᵀ: principal components of one length, s.

    Aligned-MTL, Senushkin et al. (CVPR 2023), eq. 15 and algorithm 1; s is the smallest eigenvalue,
    null directions left out. The sum convention of LibMTL (torchjd's mean is 1/K of it). Cost: K
    backward passes and K gradients in memory.

    :param scale: s: the smallest, the median or the mean-root-squared eigenvalue.
    """

    def __init__(
        self, tasks: list[str], *, scale: Literal["min", "median", "rmse"] = "min"
    ) -> None:
        super().__init__(tasks)
        self.scale = scale

    def weights(self, gram: Tensor, losses: dict[str, Tensor]) -> Tensor:
        values, basis = torch.linalg.eigh(gram)
        alive = values > float(values.max()) * len(gram) * torch.finfo(gram.dtype).eps
        if not alive.any():
            return torch.zeros(len(gram), dtype=gram.dtype)
        values, basis = values[alive], basis[:, alive]
        size = {"min": values.min(), "median": values.median(), "rmse": values.mean()}[self.scale]
        balance: Tensor = size.sqrt() * (basis / values.sqrt()) @ basis.T
        return balance.sum(1)
