"""Scores that can be resampled: the metrics' sums of every row, kept apart.

A metric's state is a sum over rows, so the score of any choice of rows, with repetition, follows
from the same sums. That makes an exact bootstrap of every metric, also of those that are no means
over rows (mean IoU, a median), without looking at a picture twice.
"""

import math
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
    :param states: name → ``[N, S] float64``: of one state's numbers, those that are not 0 in all
        rows; of a histogram most are.
    :param places: name → where these stand in the flat state, ``[S] int64``.
    :param shapes: name → the shape of one state.
    """

    index: Tensor
    states: dict[str, Tensor]
    places: dict[str, Tensor]
    shapes: dict[str, list[int]]

    def score(self, task: Task, counts: Tensor) -> Values:
        """The metrics where row n is there ``counts[n]`` times, ``[N] float64``."""
        metrics = task.metrics()
        for name, state in self.states.items():
            flat = torch.zeros(math.prod(self.shapes[name]), dtype=state.dtype)
            flat[self.places[name]] = counts @ state
            metrics.state[name] = flat.view(self.shapes[name])
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
                found = task.metrics().by_row(output, target, weight)
                held[name].append({k: v.cpu() for k, v in found.items()})
    rows = torch.cat(index)
    order = rows.argsort()
    return {name: _joined(rows[order], states, order) for name, states in held.items()}


def _joined(rows: Tensor, batches: list[dict[str, Tensor]], order: Tensor) -> RowScores:
    states, places, shapes = {}, {}, {}
    for name, first in batches[0].items():
        whole = torch.cat([batch[name].double().flatten(1) for batch in batches])[order]
        places[name] = whole.any(0).nonzero().flatten()
        states[name] = whole[:, places[name]]
        shapes[name] = list(first.shape[1:])
    return RowScores(rows, states, places, shapes)
