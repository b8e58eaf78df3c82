"""Dual balancing."""

from typing import ClassVar

import torch
from torch import Tensor

from mtlcli.balancing.base import Aggregator
from mtlcli.balancing.kept import kept_rows
from mtlcli.registry import Fraction, NonNegative


class DbMtl(Aggregator):
    """Gradients of log L, averaged over time and brought to the largest of their norms.

    DB-MTL, Lin et al. (2023), eq. 2 to 4: g_i = ∇ log L_i; b_i ← g_i + β_t (b_i - g_i) with β_t = β
    / t^σ; direction Σ (max ‖b‖ / ‖b_i‖) b_i. A task's own layers descend log L_i too (algorithm 1).
    The logarithm is the weighting that it brings: the recipe's must be ``fixed`` (then
    ``scale_invariant`` takes its place) or ``scale_invariant``. A task's t counts its own updates.
    Cost: K backward passes, K gradients in memory and K more as its state.

    :param beta: β; 0.9 as LibMTL's; 0: no average.
    :param sigma: σ.
    """

    weighting: ClassVar[str] = "scale_invariant"
    keeps_vectors = True

    def __init__(self, tasks: list[str], *, beta: Fraction = 0.9, sigma: NonNegative = 0.0) -> None:
        super().__init__(tasks)
        self.beta = beta
        self.sigma = sigma
        #: task → its average and its updates.
        self.memory = {"means": {}, "updates": {}}

    def forward(self, gradients: Tensor, losses: dict[str, Tensor]) -> Tensor:
        rows = self._averaged(gradients, [*losses]) if self.beta else gradients
        norms = rows.norm(dim=1)
        scale = torch.where(norms > 0, norms.max() / norms.clamp(min=1e-30), 0.0)
        self.used = dict(zip(losses, scale.tolist(), strict=True))
        return scale @ rows

    def _averaged(self, gradients: Tensor, names: list[str]) -> Tensor:
        """Each task's b_i, kept in place; the first has no past, which would only be rescaled."""
        kept = torch.tensor([self._share(task) for task in names]).to(gradients).unsqueeze(1)
        means = kept_rows(self.memory["means"], names, gradients)
        return means.mul_(kept).addcmul_(gradients, 1 - kept)

    def _share(self, task: str) -> float:
        """By which the task's average of before counts, β_t; 0 at its first update."""
        updates = self.memory["updates"].get(task, 0) + 1
        self.memory["updates"][task] = updates
        return float(self.beta / updates**self.sigma) if updates > 1 else 0.0
