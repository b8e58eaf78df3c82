"""The nuclear (trace) norm of the heads' first layers: the tasks share a subspace."""

from torch import Tensor

from mtlcli.registry import NonNegative
from mtlcli.regularisers.base import Regulariser, Sight, first_layers
from mtlcli.regularisers.spectrum import singular_values


class Nuclear(Regulariser):
    """Σ_i σ_i, the trace norm of the heads' first layers: few directions, shared by all tasks.

    The convex envelope of the rank (Fazel 2002; for tasks Argyriou et al., NIPS 2006). With
    W = U Σ Vᵀ the gradient is U_r V_rᵀ over the r singular values that are not 0 up to rounding:
    the subgradient of least norm.

    :param strength: the factor.
    """

    def __init__(self, tasks: list[str], *, strength: NonNegative = 1e-4) -> None:
        super().__init__(tasks, strength)

    def penalty(self, sight: Sight) -> Tensor:
        return singular_values(first_layers(sight.heads)).sum()
