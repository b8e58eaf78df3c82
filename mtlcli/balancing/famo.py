"""Fast adaptive multitask optimisation."""

import torch
from torch import Tensor

from mtlcli.balancing.base import Weighting
from mtlcli.balancing.logarithm import TINY, logs
from mtlcli.registry import NonNegative

_BETAS = (0.9, 0.999)
_EPS = 1e-8


class Famo(Weighting):
    """Σ (z_i / c) log L_i, z = softmax(ξ), c = Σ z_i / L_i: all losses fall at the same rate.

    FAMO, Liu et al. (NeurIPS 2023), eq. 9-11. ξ follows Adam down the change of the weighted
    logarithms, δ_i = log L_i before - log L_i after the update. ``again`` measures it on the same
    batch with a second forward pass, as the authors' code does; without it, the next batch that has
    the task is measured instead: noisier, and free. Cost: one backward pass.

    :param lr: of ξ; 0.025 as the authors'.
    :param weight_decay: of ξ (they call it γ); 0.001 as the authors'.
    :param again: measure on the same batch.
    """

    def __init__(
        self,
        tasks: list[str],
        factors: dict[str, float],
        *,
        lr: NonNegative = 0.025,
        weight_decay: NonNegative = 1e-3,
        again: bool = False,
    ) -> None:
        super().__init__(tasks, factors)
        self.lr = lr
        self.decay = weight_decay
        self.wants_again = again
        #: task → {ξ, Adam's two moments and its updates}; and the logarithms before the update.
        self.memory = {
            "tasks": {task: {"xi": 0.0, "m": 0.0, "v": 0.0, "n": 0} for task in tasks},
            "before": {},
        }

    def _logs(self, losses: dict[str, Tensor]) -> dict[str, float]:
        kept = {task: loss for task, loss in losses.items() if self.factors[task] > 0}
        return {task: float(value.detach()) for task, value in logs(self.scaled(kept)).items()}

    def forward(self, losses: dict[str, Tensor]) -> Tensor:
        now = self._logs(losses)
        if not self.wants_again:
            self._adapt(now)
        self.memory["before"] = {**self.memory["before"], **now}
        kept = {task: losses[task] for task in now}
        if not kept:
            return torch.zeros(())
        z = torch.softmax(self._xi([*kept]), 0)
        scaled = torch.stack([*self.scaled(kept).values()])
        z = z.to(scaled)
        c = (z / scaled.detach().clamp(min=TINY)).sum()
        return (z * torch.stack([*logs(self.scaled(kept)).values()])).sum() / c

    def again(self, losses: dict[str, Tensor]) -> None:
        self._adapt(self._logs(losses))

    def _xi(self, tasks: list[str]) -> Tensor:
        values = [self.memory["tasks"][task]["xi"] for task in tasks]
        return torch.tensor(values, dtype=torch.float64)

    def _adapt(self, after: dict[str, float]) -> None:
        """One step of Adam on ξ for the tasks that were measured twice."""
        before = self.memory["before"]
        names = [task for task in after if task in before]
        if not names:
            return
        delta = torch.tensor([before[t] - after[t] for t in names], dtype=torch.float64)
        xi = self._xi(names).requires_grad_()
        (slopes,) = torch.autograd.grad((torch.softmax(xi, 0) * delta).sum(), xi)
        for task, slope in zip(names, slopes.tolist(), strict=True):
            self._adam(self.memory["tasks"][task], slope)

    def _adam(self, held: dict[str, float], slope: float) -> None:
        slope += self.decay * held["xi"]
        held["n"] += 1
        held["m"] += (1 - _BETAS[0]) * (slope - held["m"])
        held["v"] += (1 - _BETAS[1]) * (slope * slope - held["v"])
        mean = held["m"] / (1 - _BETAS[0] ** held["n"])
        square = held["v"] / (1 - _BETAS[1] ** held["n"])
        held["xi"] -= self.lr * mean / (square**0.5 + _EPS)
