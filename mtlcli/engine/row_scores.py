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
    held: dict[str, list[dict[str, RowSums]]] = {name: [] for name in tasks}
    joint = {name: _Joint(task.metrics()) for name, task in tasks.items()}
    first = 0
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
                held[name].append({k: _sparse(v.cpu(), first) for k, v in found.items()})
                joint[name].add(output, target, weight, first)
            first += len(batch)
    rows = torch.cat(index)
    order = rows.argsort()
    return {
        name: _joined(rows[order], states + joint[name].settled(), order)
        for name, states in held.items()
    }


def _sparse(state: Tensor, first: int) -> RowSums:
    """The numbers of ``[B, *shape]`` that are not 0, the rows counted from ``first``."""
    flat = state.double().reshape(len(state), -1)
    row, place = flat.nonzero(as_tuple=True)
    return RowSums(row + first, place, flat[row, place], state.shape[1:])


class _Joint:
    """What a metric can tell of a row only when all are there.

    Such a part of a score is taken as the row's own: resampling draws what is asked of the set, and
    not the set that answers.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._rows: list[Tensor] = []

    def add(self, output: Tensor, target: Tensor, weight: Tensor, first: int) -> None:
        """A batch, whose rows are counted from ``first``."""
        if self._metrics.rows:
            self._metrics.update(output, target, weight)
            self._rows.append((weight > 0).nonzero().flatten().cpu() + first)

    def settled(self) -> list[dict[str, RowSums]]:
        """Every row's part; nothing where each row tells its own."""
        if not self._rows:
            return []
        rows, found = torch.cat(self._rows), {}
        for name, part in self._metrics.shares().items():
            sums = _sparse(part.cpu(), 0)
            found[name] = RowSums(rows[sums.row], sums.place, sums.value, sums.shape)
        return [found]


def _joined(index: Tensor, batches: list[dict[str, RowSums]], order: Tensor) -> RowScores:
    """The batches' sums as one, the rows in ``order``."""
    where = order.argsort()  # where the nth row that was looked at stands
    states = {}
    for name, one in batches[0].items():
        parts = [batch[name] for batch in batches if name in batch]
        states[name] = RowSums(
            where[torch.cat([part.row for part in parts])],
            torch.cat([part.place for part in parts]),
            torch.cat([part.value for part in parts]),
            one.shape,
        )
    return RowScores(index, states)
