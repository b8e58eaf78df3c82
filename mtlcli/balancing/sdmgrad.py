"""Direction-oriented multi-objective learning on independent samples."""

import torch
from torch import Tensor

from mtlcli.balancing.base import Aggregator
from mtlcli.balancing.simplex import project_to_simplex
from mtlcli.registry import Count, Fraction, NonNegative


class SdmGrad(Aggregator):
    """(J₃ᵀ w + λ ḡ₃) / (1 + λ), w from two more independent samples of the gradients.

    SDMGrad, Xiao, Ban & Ji (NeurIPS 2023), algorithm 1: w follows projected stochastic gradients of
    ½ ‖Jᵀ w + λ ḡ‖², whose estimate A (w + λ/P), A = J₁ J₂ᵀ / s², is unbiased only where J₁ and J₂
    come from different samples. The batch is cut into three; s² is the mean squared norm. Cost: 3 K
    backward passes of a third of the batch, 3 K gradients in memory.

    :param strength: λ, the pull to the mean gradient.
    :param lr: of w; 5 as LibMTL's.
    :param momentum: of w.
    :param iterations: steps of w for each update.
    """

    estimates = 3

    def __init__(
        self,
        tasks: list[str],
        *,
        strength: NonNegative = 0.3,
        lr: NonNegative = 5.0,
        momentum: Fraction = 0.5,
        iterations: Count = 20,
    ) -> None:
        super().__init__(tasks)
        self.strength, self.lr, self.momentum = strength, lr, momentum
        self.iterations = iterations
        self.memory = {"w": dict.fromkeys(tasks, 1 / len(tasks))}

    def forward(self, gradients: Tensor, losses: dict[str, Tensor]) -> Tensor:
        one, two, three = gradients
        names = [*losses]
        inner = (one @ two.T).double().cpu()
        size = float(one.norm().square() + two.norm().square()) / (2 * len(names))
        even = torch.full((len(names),), 1 / len(names), dtype=inner.dtype)
        held = torch.tensor([self.memory["w"][task] for task in names], dtype=inner.dtype)
        w, speed = project_to_simplex(held), torch.zeros_like(held)
        for _ in range(self.iterations if size > 0 else 0):
            speed = self.momentum * speed + inner @ (w + self.strength * even) / size
            w = project_to_simplex(w - self.lr * speed)
        self.memory["w"] = {**self.memory["w"], **dict(zip(names, w.tolist(), strict=True))}
        mixed = (w + self.strength * even) / (1 + self.strength)
        self.used = dict(zip(names, mixed.tolist(), strict=True))
        direction: Tensor = mixed.to(three) @ three
        return direction
