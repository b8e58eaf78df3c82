"""Gradient normalisation."""

import torch
from torch import Tensor

from mtlcli.balancing.base import Weighting
from mtlcli.registry import NonNegative


class GradNorm(Weighting):
    """Σ w_i L_i, w moved so that tasks which learn slowly get gradients of greater norm.

    GradNorm, Chen et al. (ICML 2018), eq. 2 and algorithm 1: with G_i = w_i ‖g_i‖, its mean Ḡ over
    the P tasks at hand, and r_i = (L_i / L_i(0)) / mean, one step down Σ |G_i - Ḡ r_i^α| (the
    target held constant), with w = P · softmax(v). L_i(0) is the task's first loss (LibMTL takes
    the mean of a whole first epoch). Cost: K backward passes.

    :param alpha: strength of the pull; 1.5 as in the paper.
    :param lr: of v.
    """

    linear = True
    needs_gram = True

    def __init__(
        self,
        tasks: list[str],
        factors: dict[str, float],
        *,
        alpha: NonNegative = 1.5,
        lr: NonNegative = 0.025,
    ) -> None:
        super().__init__(tasks, factors)
        self.alpha = alpha
        self.lr = lr
        #: task → v, and task → its first loss.
        self.memory = {"v": dict.fromkeys(tasks, 0.0), "first": {}}

    def _weights(self, tasks: list[str], v: Tensor) -> Tensor:
        return len(tasks) * torch.softmax(v, 0)

    def _v(self, tasks: list[str]) -> Tensor:
        return torch.tensor([self.memory["v"][task] for task in tasks], dtype=torch.float64)

    def forward(self, losses: dict[str, Tensor]) -> Tensor:
        known = torch.stack([*self.scaled(losses).values()])
        weights = self._weights([*losses], self._v([*losses]))
        return (weights.to(known) * known).sum()

    def learn(self, losses: dict[str, Tensor], gram: Tensor | None) -> None:
        assert gram is not None
        names = [*losses]
        for task, loss in losses.items():
            self.memory["first"].setdefault(task, max(float(loss), 1e-12))
        factors = torch.tensor([self.factors[task] for task in names], dtype=torch.float64)
        norms = factors * gram.diagonal().clamp(min=0).sqrt()
        fallen = torch.tensor([float(losses[t]) / self.memory["first"][t] for t in names])
        rates = (fallen / fallen.mean().clamp(min=1e-12)).double()
        v = self._v(names).requires_grad_()
        scaled = self._weights(names, v) * norms
        target = (scaled.mean() * rates**self.alpha).detach()
        (slope,) = torch.autograd.grad((scaled - target).abs().sum(), v)
        size = float(norms.mean())
        if size > 0:  # in units of the gradients, so that lr means the same for every network
            moved = v.detach() - self.lr * slope / size
            self.memory["v"] |= dict(zip(names, moved.tolist(), strict=True))
