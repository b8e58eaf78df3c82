"""Fair resource allocation."""

from typing import Literal

from torch import Tensor

from mtlcli.balancing.bargaining import bargain
from mtlcli.balancing.base import GramAggregator
from mtlcli.registry import NonNegative


class FairGrad(GramAggregator):
    """Jᵀ w with G w = w^(-1/α): α-fair rates of improvement.

    FairGrad, Ban & Ji (ICML 2024), eq. 6. α = 1 is proportional fairness (Nash-MTL without its
    normalisation), a large α looks after the worst task. Cost: K backward passes and K gradients in
    memory.

    :param alpha: α.
    :param heads: whether a task's own layers get w too, as the authors', or plain gradients.
    """

    def __init__(
        self,
        tasks: list[str],
        *,
        alpha: NonNegative = 1.0,
        heads: Literal["weighted", "plain"] = "weighted",
    ) -> None:
        super().__init__(tasks)
        self.alpha = max(alpha, 1e-2)
        self.weights_heads = heads == "weighted"

    def weights(self, gram: Tensor, losses: dict[str, Tensor]) -> Tensor:
        return bargain(gram, self.alpha)
