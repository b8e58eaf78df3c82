"""Scores that can be resampled: the metrics' sums of every row, kept apart.

A metric's state is a sum over rows, so the score of any choice of rows, with repetition, follows
from the same sums. That makes an exact bootstrap of every metric, also of those that are no means
over rows (mean IoU, a median), without looking at a picture twice.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from mtlcli.data.batch import Batch
from mtlcli.engine import precision as numbers
from mtlcli.models.backbones.base import eval_mode
from mtlcli.models.base import MultiTaskNet
from mtlcli.tasks.base import Task

#: metric → value.
Values = dict[str, float]


@dataclass(frozen=True)
class RowScores:
    """One task's sums by row.

    :param index: the rows, ``[N] int64``, in the order of the states.
    :param states: name → ``[N, S] float64``.
    :param shapes: name → the shape of one state.
    """

    index: Tensor
    states: dict[str, Tensor]
    shapes: dict[str, torch.Size]

    def score(self, task: Task, counts: Tensor) -> Values:
        """The metrics where row n is there ``counts[n]`` times, ``[N] float64``."""
        metrics = task.metrics()
        metrics.state = {
            name: (counts @ state).view(self.shapes[name]) for name, state in self.states.items()
        }
        return metrics.compute()


@torch.no_grad()
def row_scores(
    net: MultiTaskNet,
    tasks: Mapping[str, Task],
    batches: Iterable[Batch],
    device: torch.device,
    precision: str = "fp32",
) -> dict[str, RowScores]:
    """Score a network and keep every row's sums, in the order of the rows."""
    index: list[Tensor] = []
    held: dict[str, list[dict[str, Tensor]]] = {name: [] for name in tasks}
    with eval_mode(net):
        for batch in batches:
            index.append(batch.index)
            on_device = batch.to(device)
            with numbers.autocast(precision, device):
                outputs = net(on_device.images)
            for name, task in tasks.items():
                target, weight = on_device.targets[name], on_device.weights[name]
                output = task.at_size_of(outputs[name].float(), target)
                for row in range(len(batch)):
                    metrics = task.metrics()
                    one = slice(row, row + 1)
                    metrics.update(output[one], target[one], weight[one])
                    held[name].append({k: v.cpu().clone() for k, v in metrics.state.items()})
    rows = torch.cat(index)
    order = rows.argsort()
    return {name: _joined(rows[order], states, order) for name, states in held.items()}


def _joined(rows: Tensor, states: list[dict[str, Tensor]], order: Tensor) -> RowScores:
    names = list(states[0])
    stacked = {k: torch.stack([s[k].double().flatten() for s in states])[order] for k in names}
    return RowScores(rows, stacked, {k: states[0][k].shape for k in names})
