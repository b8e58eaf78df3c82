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
from mtlcli.tasks.base import Metrics, Task

#: metric → value.
Values = dict[str, float]
#: places and numbers that are not 0.
Found = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class RowSums:
    """One sum of every row, without the zeros: a row adds to few bins of a long histogram.

    :param row: of each number that is not 0, ``[K] int64``.
    :param place: in the flattened sum, ``[K] int64``.
    :param value: the numbers, ``[K] float64``.
    :param shape: of the sum.
    """

    row: Tensor
    place: Tensor
    value: Tensor
    shape: torch.Size

    def total(self, counts: Tensor) -> Tensor:
        """The sum over rows of which the nth is there ``counts[n]`` times."""
        weights = self.value * counts[self.row]
        return torch.bincount(self.place, weights, minlength=self.shape.numel()).view(self.shape)


@dataclass(frozen=True)
class RowScores:
    """One task's sums by row.

    :param index: the rows, ``[N] int64``, in the order of the sums.
    :param states: name → every row's sum.
    """

    index: Tensor
    states: dict[str, RowSums]

    def score(self, task: Task, counts: Tensor) -> Values:
        """The metrics where row n is there ``counts[n]`` times, ``[N] float64``."""
        metrics = task.metrics()
        metrics.state = {name: state.total(counts) for name, state in self.states.items()}
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
    held: dict[str, list[dict[str, Found]]] = {name: [] for name in tasks}
    joint = {name: _Joint(task) for name, task in tasks.items()}
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
                    held[name].append({k: _found(v) for k, v in metrics.state.items()})
                    joint[name].add(metrics)
    for name, of_task in joint.items():
        of_task.settle(held[name])
    rows = torch.cat(index)
    order = rows.argsort()
    return {
        name: RowScores(rows[order], _joined([found[i] for i in order.tolist()], tasks[name]))
        for name, found in held.items()
    }


class _Joint:
    """What a metric can tell of a row only when all are there.

    Such a part of a score is taken as the row's own: resampling draws what is asked of the set, and
    not the set that answers.
    """

    def __init__(self, task: Task) -> None:
        self._metrics = task.metrics()
        self._has: list[bool] = []

    def add(self, metrics: Metrics) -> None:
        """A row, looked at alone; its ``rows`` are empty where it has no label."""
        self._has.append(any(len(part) for parts in metrics.rows.values() for part in parts))
        for name, parts in metrics.rows.items():
            self._metrics.rows[name] += parts

    def settle(self, found: list[dict[str, Found]]) -> None:
        """Give every row its part."""
        if not any(self._has):
            return
        shares = self._metrics.shares()
        labelled = [row for row, has in zip(found, self._has, strict=True) if has]
        for number, row in enumerate(labelled):
            row.update({name: _found(part[number]) for name, part in shares.items()})


def _found(state: Tensor) -> Found:
    """Where a row's sum is not 0, and what it is there."""
    flat = state.double().flatten().cpu()
    (place,) = flat.nonzero(as_tuple=True)
    return place, flat[place]


def _joined(found: list[dict[str, Found]], task: Task) -> dict[str, RowSums]:
    made = {}
    for name, state in task.metrics().state.items():
        places, values = zip(*(row[name] for row in found), strict=True)
        lengths = torch.tensor([len(place) for place in places])
        rows = torch.arange(len(found)).repeat_interleave(lengths)
        made[name] = RowSums(rows, torch.cat(places), torch.cat(values), state.shape)
    return made
