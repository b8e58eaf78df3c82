"""Multiple-gradient descent algorithm."""

from typing import Literal

import torch
from torch import Tensor

from mtlcli.balancing.base import GramAggregator
from mtlcli.balancing.simplex import least_norm


class Mgda(GramAggregator):
    """Jᵀ w with w = argmin ‖Jᵀ w‖² over the simplex: a direction in which no loss rises.

    MGDA, Désidéri (2012), eq. 3; Sener & Koltun (NeurIPS 2018), eq. 3, solved exactly. Short
    gradients weigh most, so losses of different scales want ``normalise``. Cost: K backward passes
    and K gradients in memory.

    :param normalise: what the gradients are divided by before: their norm (``l2``), their loss
        (``loss``) or both (``loss+``), as the authors' code; the direction is that of the divided
        ones.
    """

    def __init__(
        self, tasks: list[str], *, normalise: Literal["none", "l2", "loss", "loss+"] = "none"
    ) -> None:
        super().__init__(tasks)
        self.normalise = normalise

    def weights(self, gram: Tensor, losses: dict[str, Tensor]) -> Tensor:
        divisors = torch.ones(len(gram), dtype=gram.dtype)
        if self.normalise in ("l2", "loss+"):
            divisors = divisors * gram.diagonal().clamp(min=0).sqrt()
        if self.normalise in ("loss", "loss+"):
            divisors = divisors * torch.stack([x.double().cpu() for x in losses.values()])
        scale = torch.where(divisors > 0, 1 / divisors, 0.0)
        return scale * least_norm(gram * scale.outer(scale))
