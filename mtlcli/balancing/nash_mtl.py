"""Multi-task learning as a bargaining game."""

from typing import Literal

import torch
from torch import Tensor

from mtlcli.balancing.bargaining import bargain
from mtlcli.balancing.base import GramAggregator
from mtlcli.registry import Count, NonNegative


class NashMtl(GramAggregator):
    """Jᵀ α with G α = 1 / α: the Nash bargaining solution of the tasks.

    Nash-MTL, Navon et al. (ICML 2022), eq. 3. It is the minimum of the convex ½ αᵀGα - Σ log α,
    which a damped Newton method finds to fp64 (the authors approximate it with 20 convex programs).
    G is divided by its Frobenius norm first, as theirs. The direction does not change when one loss
    is scaled. Cost: K backward passes and K gradients in memory.

    :param max_norm: the direction is clipped to this norm; 0: not at all.
    :param every: updates between solutions of the game.
    :param heads: whether a task's own layers get α too, as the authors', or plain gradients.
    """

    def __init__(
        self,
        tasks: list[str],
        *,
        max_norm: NonNegative = 1.0,
        every: Count = 1,
        heads: Literal["weighted", "plain"] = "weighted",
    ) -> None:
        super().__init__(tasks)
        self.max_norm = max_norm
        self.every = max(1, every)
        self.weights_heads = heads == "weighted"
        #: task → α of the last game it took part in.
        self.memory = {"alpha": {}}

    def weights(self, gram: Tensor, losses: dict[str, Tensor]) -> Tensor:
        held = self.memory["alpha"]
        if self.moment.step % self.every == 0 or any(task not in held for task in losses):
            size = float(gram.norm())
            found = bargain(gram / size if size > 0 else gram)
            self.memory["alpha"] = {**held, **dict(zip(losses, found.tolist(), strict=True))}
        alpha = torch.tensor([self.memory["alpha"][task] for task in losses], dtype=gram.dtype)
        norm = max(0.0, float(alpha @ gram @ alpha)) ** 0.5  # rounded gradients that cancel: < 0
        if self.max_norm and norm > self.max_norm:
            alpha = alpha * (self.max_norm / norm)
        return alpha
