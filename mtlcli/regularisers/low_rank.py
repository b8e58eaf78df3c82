"""How far the heads' first layers are from a matrix of rank r."""

from torch import Tensor

from mtlcli.registry import Count, NonNegative
from mtlcli.regularisers.base import Regulariser, Sight, first_layers
from mtlcli.regularisers.spectrum import singular_values


class LowRank(Regulariser):
    """Σ_{i>r} σ_i² of the heads' first layers: the squared distance to the nearest of rank r.

    That distance is Eckart and Young's (1936); to press on the least singular values alone is a
    tighter stand-in for the rank than the nuclear norm, which shrinks the leading ones too (Chang
    et al., CIKM 2021, arXiv 2112.04734). The gradient is 2 (W - W_r), W_r the truncated W; where
    σ_r = σ_{r+1} there are several W_r, and one of them is taken.

    :param strength: the factor.
    :param rank: r; 0 is the squared Frobenius norm.
    """

    def __init__(self, tasks: list[str], *, strength: NonNegative = 1e-4, rank: Count = 8) -> None:
        super().__init__(tasks, strength)
        self.rank = rank

    def penalty(self, sight: Sight) -> Tensor:
        values = singular_values(first_layers(sight.heads))
        return values[self.rank :].square().sum()
