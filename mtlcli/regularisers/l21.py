"""The l2,1 norm of the heads' first layers: all tasks read the same few features."""

import torch
from torch import Tensor

from mtlcli.registry import NonNegative
from mtlcli.regularisers.base import Regulariser, Sight, first_layers


class L21(Regulariser):
    """Σ_r ‖w_r‖₂ over the rows of the heads' first layers: few features, the same for all tasks.

    W ∈ R^{D × ΣC} has a row per shared feature, the tasks' columns side by side (Argyriou et al.,
    NIPS 2006; SFMC, Chang & Yang, TNNLS 2017). The gradient of a row is w_r / ‖w_r‖, and 0 (a
    subgradient) where the row is 0.

    :param strength: the factor.
    """

    def __init__(self, tasks: list[str], *, strength: NonNegative = 1e-4) -> None:
        super().__init__(tasks, strength)

    def penalty(self, sight: Sight) -> Tensor:
        norms: Tensor = torch.linalg.vector_norm(first_layers(sight.heads), dim=1)
        return norms.sum()
