"""Dual balancing."""

import torch
from torch import Tensor

from mtlcli.balancing.base import Aggregator
from mtlcli.registry import Fraction, NonNegative


class DbMtl(Aggregator):
    """Gradients of log L, averaged over time and brought to the largest of their norms.

    DB-MTL, Lin et al. (2023), eq. 2 to 4: g_i = ∇ log(L_i + 1e-8); b_i ← g_i + β_t (b_i - g_i) with
    β_t = β / t^σ; direction Σ (max ‖b‖ / ‖b_i‖) b_i. A task's t counts its own updates. Cost: K
    backward passes, K gradients in memory and K more as its state.

    :param beta: β; 0.9 as LibMTL's; 0: no average.
    :param sigma: σ.
    """

    keeps_vectors = True

    def __init__(self, tasks: list[str], *, beta: Fraction = 0.9, sigma: NonNegative = 0.0) -> None:
        super().__init__(tasks)
        self.beta = beta
        self.sigma = sigma
        #: task → its average and its updates.
        self.memory = {"means": {}, "updates": {}}

    def forward(self, gradients: Tensor, losses: dict[str, Tensor]) -> Tensor:
        averages = []
        for row, (task, loss) in zip(gradients, losses.items(), strict=True):
            averages.append(self._average(task, row / (loss + 1e-8)))
        stacked = torch.stack(averages)
        norms = stacked.norm(dim=1)
        scale = torch.where(norms > 0, norms.max() / norms.clamp(min=1e-30), 0.0)
        size = [float(s / (loss + 1e-8)) for s, loss in zip(scale, losses.values(), strict=True)]
        self.used = dict(zip(losses, size, strict=True))
        return scale @ stacked

    def _average(self, task: str, gradient: Tensor) -> Tensor:
        updates = self.memory["updates"].get(task, 0) + 1
        self.memory["updates"][task] = updates
        if not self.beta:
            return gradient
        held = self.memory["means"].get(task)
        # the first one has no past: an average from 0 would only be rescaled away
        mean = gradient
        if held is not None:
            mean = gradient + self.beta / updates**self.sigma * (held.to(gradient) - gradient)
        self.memory["means"][task] = mean
        return mean
