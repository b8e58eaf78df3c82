"""Smooth Tchebycheff scalarisation."""

import torch
from torch import Tensor

from mtlcli.balancing.base import Weighting
from mtlcli.balancing.logarithm import TINY, logs
from mtlcli.registry import Positive


class Stch(Weighting):
    """P · μ · log Σ exp(log(L_i / n_i) / μ): a smooth maximum of the relative losses.

    STCH, Lin et al. (ICML 2024), eq. 9, in the form of the authors' deep experiments: Σ log L_i for
    ``warmup`` epochs; the reference n_i ("nadir") is the task's mean loss in the last of them.
    Small μ: the worst task alone counts. Cost: one backward pass.

    :param mu: μ.
    :param warmup: epochs before the maximum takes over; 4 as the authors', at least 1.
    """

    def __init__(
        self, tasks: list[str], factors: dict[str, float], *, mu: Positive = 1.0, warmup: int = 4
    ) -> None:
        super().__init__(tasks, factors)
        self.mu = mu
        self.warmup = max(1, warmup)
        #: task → [sum of losses, updates] of the last warm-up epoch.
        self.memory = {"seen": {}}

    def forward(self, losses: dict[str, Tensor]) -> Tensor:
        kept = {task: loss for task, loss in losses.items() if self.factors[task] > 0}
        if not kept:
            return torch.zeros(())
        if self.moment.epoch < self.warmup:
            return torch.stack([*logs(kept).values()]).sum()
        relative = [value - self._log_nadir(task, value) for task, value in logs(kept).items()]
        return len(kept) * self.mu * torch.logsumexp(torch.stack(relative) / self.mu, 0)

    def _log_nadir(self, task: str, value: Tensor) -> Tensor:
        total, count = self.memory["seen"].get(task, (0.0, 0))
        if not count:  # first seen after the warm-up: relative to itself
            return value.detach()
        return value.new_tensor(max(total / count, TINY)).log()

    def learn(self, losses: dict[str, Tensor], gram: Tensor | None) -> None:
        if self.moment.epoch == self.warmup - 1:
            for task, loss in losses.items():
                entry = self.memory["seen"].setdefault(task, [0.0, 0])
                entry[0] += float(loss)
                entry[1] += 1
