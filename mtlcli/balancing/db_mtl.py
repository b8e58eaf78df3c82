"""Dual balancing."""

import torch
from torch import Tensor

from mtlcli.balancing.base import Aggregator
from mtlcli.balancing.kept import kept_rows
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
        sizes = torch.stack([*losses.values()]).to(gradients) + 1e-8
        if not self.beta:
            norms = gradients.norm(dim=1) / sizes
            return self._mixed(gradients, norms, sizes, sizes, [*losses])
        # the first one has no past: an average from 0 would only be rescaled away
        kept = torch.tensor([self._share(task) for task in losses]).to(gradients)
        means = kept_rows(self.memory["means"], [*losses], gradients)
        means.mul_(kept.unsqueeze(1)).addcmul_(gradients, ((1 - kept) / sizes).unsqueeze(1))
        return self._mixed(means, means.norm(dim=1), torch.ones_like(sizes), sizes, [*losses])

    def _mixed(
        self, rows: Tensor, norms: Tensor, divisors: Tensor, sizes: Tensor, names: list[str]
    ) -> Tensor:
        """Σ (max ‖b‖ / ‖b_i‖) b_i, where b_i is row i over its divisor."""
        scale = torch.where(norms > 0, norms.max() / norms.clamp(min=1e-30), 0.0)
        self.used = dict(zip(names, (scale / sizes).tolist(), strict=True))
        return (scale / divisors) @ rows

    def _share(self, task: str) -> float:
        """By which the task's average of before counts, β_t; 0 at its first update."""
        updates = self.memory["updates"].get(task, 0) + 1
        self.memory["updates"][task] = updates
        return float(self.beta / updates**self.sigma) if updates > 1 else 0.0
