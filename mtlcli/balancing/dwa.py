"""Dynamic weight average."""

import torch
from torch import Tensor

from mtlcli.balancing.base import Moment, Weighting
from mtlcli.registry import Positive


class Dwa(Weighting):
    """Σ w_i L_i, w = P · softmax(r_i / T), r_i = L̄_i(e - 1) / L̄_i(e - 2): slow tasks weigh more.

    DWA, Liu, Johns & Davison (CVPR 2019), eq. 7, over the P tasks at hand, from the mean losses of
    the last two epochs that had the task; 1 before there are two. Cost: one backward pass.

    :param temperature: T; large: equal weights.
    """

    linear = True

    def __init__(
        self, tasks: list[str], factors: dict[str, float], *, temperature: Positive = 2.0
    ) -> None:
        super().__init__(tasks, factors)
        self.temperature = temperature
        #: task → [sum of losses, updates] of the epoch that runs, and the means of those before it.
        self.memory = {"epoch": 0, "running": {}, "means": {}}

    def begin(self, moment: Moment) -> None:
        super().begin(moment)
        if moment.epoch != self.memory["epoch"]:
            for task, (total, count) in self.memory["running"].items():
                self.memory["means"][task] = [*self.memory["means"].get(task, []), total / count]
                self.memory["means"][task] = self.memory["means"][task][-2:]
            self.memory["running"] = {}
            self.memory["epoch"] = moment.epoch

    def forward(self, losses: dict[str, Tensor]) -> Tensor:
        known = torch.stack([*self.scaled(losses).values()])
        rates = torch.tensor([self._rate(task) for task in losses])
        weights = len(losses) * torch.softmax(rates / self.temperature, 0)
        return (weights.to(known) * known).sum()

    def _rate(self, task: str) -> float:
        means = self.memory["means"].get(task, [])
        return means[1] / means[0] if len(means) == 2 and means[0] > 0 else 1.0

    def learn(self, losses: dict[str, Tensor], gram: Tensor | None) -> None:
        for task, loss in losses.items():
            entry = self.memory["running"].setdefault(task, [0.0, 0])
            entry[0] += float(loss)
            entry[1] += 1
