"""Group optimisation for multi-task alignment."""

import math

import torch
from torch import Tensor

from mtlcli.balancing.base import Weighting
from mtlcli.balancing.logarithm import TINY
from mtlcli.registry import NonNegative


class Go4Align(Weighting):
    """Σ γ_i L_i: tasks of similar risk form groups, and a group shares one weight.

    GO4Align, Shen et al. (NeurIPS 2024), algorithm 1, as the authors' code computes it: indicators
    p_i ← p_i e^(-β L_i), Σ p = 1; risks γ_i = p_i · ΣL / L_i, the scale of the losses taken
    out; tasks are clustered by k-means on γ, and each takes its cluster's mean. In one
    dimension the best clustering is found exactly. An absent task keeps its p. Cost: one
    backward pass.

    :param groups: number of clusters.
    :param step: β; 0.0001 as the authors'.
    """

    def __init__(
        self,
        tasks: list[str],
        factors: dict[str, float],
        *,
        groups: int = 2,
        step: NonNegative = 1e-4,
    ) -> None:
        super().__init__(tasks, factors)
        self.groups = max(1, groups)
        self.step = step
        self.memory = {"p": dict.fromkeys(tasks, 1 / len(tasks))}

    def forward(self, losses: dict[str, Tensor]) -> Tensor:
        scaled = self.scaled(losses)
        known = {task: max(float(loss.detach()), TINY) for task, loss in scaled.items()}
        p = self.memory["p"]
        mass = sum(p[task] for task in known)  # of the present tasks; it stays theirs
        moved = {task: p[task] * math.exp(-self.step * loss) for task, loss in known.items()}
        total = sum(moved.values())
        self.memory["p"] = {**p, **{t: mass * value / total for t, value in moved.items()}}
        risks = [moved[t] / total * sum(known.values()) / loss for t, loss in known.items()]
        weights = torch.tensor(grouped(risks, self.groups))
        stacked = torch.stack([*scaled.values()])
        return (weights.to(stacked) * stacked).sum()


def grouped(values: list[float], groups: int) -> list[float]:
    """Each value's cluster mean, for the k-means clustering of least squared error."""
    order = sorted(range(len(values)), key=values.__getitem__)
    line = [values[i] for i in order]
    means = [0.0] * len(line)
    for start, end in _cuts(line, min(groups, len(line))):
        means[start:end] = [sum(line[start:end]) / (end - start)] * (end - start)
    found = [0.0] * len(line)
    for place, index in enumerate(order):
        found[index] = means[place]
    return found


def _cuts(line: list[float], groups: int) -> list[tuple[int, int]]:
    """The best cut of sorted numbers into runs, by dynamic programming."""
    best = [(_error(line[:end]), [(0, end)]) for end in range(len(line) + 1)]
    for count in range(2, groups + 1):
        best = [
            min(
                (best[cut][0] + _error(line[cut:end]), [*best[cut][1], (cut, end)])
                for cut in range(count - 1, max(count, end))
            )
            if end >= count
            else (math.inf, [])
            for end in range(len(line) + 1)
        ]
    return best[-1][1]


def _error(run: list[float]) -> float:
    mean = sum(run) / max(1, len(run))
    return sum((x - mean) ** 2 for x in run)
