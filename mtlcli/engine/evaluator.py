"""One pass without gradients: every sample once over all ranks, scores from sums."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from mtlcli.data.batch import Batch
from mtlcli.engine import precision as numbers
from mtlcli.engine.distributed import World
from mtlcli.models.backbones.base import eval_mode
from mtlcli.models.base import MultiTaskNet
from mtlcli.tasks.base import Details, Metrics, Task

Watch = Callable[[Batch, dict[str, Tensor]], None]


@dataclass(frozen=True)
class Scores:
    """What one pass measured.

    :param metrics: task → metric → value; NaN for a task without labels.
    :param losses: task → mean loss.
    :param counts: task → labels.
    :param states: the metrics' sums, for pictures such as a confusion matrix.
    :param bad: images that could not be read, over all ranks.
    :param details: task → the scores of its parts, for tasks that have some.
    """

    metrics: dict[str, dict[str, float]]
    losses: dict[str, float]
    counts: dict[str, float]
    states: dict[str, dict[str, Tensor]]
    bad: int
    details: dict[str, Details] = field(default_factory=dict)


@torch.no_grad()
def evaluate(
    net: MultiTaskNet,
    tasks: Mapping[str, Task],
    batches: Iterable[Batch],
    world: World,
    *,
    precision: str = "fp32",
    watch: Watch | None = None,
) -> Scores:
    """Score a network.

    :param watch: called with each batch and its outputs, both on the CPU.
    """
    metrics: dict[str, Metrics] = {name: task.metrics() for name, task in tasks.items()}
    sums = torch.zeros(len(tasks), 2, dtype=torch.float64)
    bad = 0
    with eval_mode(net):
        for batch in batches:
            bad += len(batch.bad)
            on_device = batch.to(world.device)
            with numbers.autocast(precision, world.device):
                outputs = net(on_device.images)
            for row, (name, task) in enumerate(tasks.items()):
                target, weight = on_device.targets[name], on_device.weights[name]
                output = task.at_size_of(outputs[name].float(), target)
                metrics[name].update(output, target, weight)
                sums[row, 0] += task.loss(output, target, weight).double().cpu()
                sums[row, 1] += task.count(target, weight).double().cpu()
            if watch is not None:
                watch(batch, {name: output.float().cpu() for name, output in outputs.items()})
    return _reduced(metrics, sums, bad, world)


def _reduced(metrics: dict[str, Metrics], sums: Tensor, bad: int, world: World) -> Scores:
    sums = world.sum(sums)
    for metric in metrics.values():
        metric.state = {key: world.sum(value) for key, value in metric.state.items()}
        metric.rows = {k: [world.joined(torch.cat(parts))] for k, parts in metric.rows.items()}
    names = list(metrics)
    details = {name: metric.details() for name, metric in metrics.items()}
    return Scores(
        metrics={name: metric.compute() for name, metric in metrics.items()},
        losses=dict(zip(names, (sums[:, 0] / sums[:, 1]).tolist(), strict=True)),
        counts=dict(zip(names, sums[:, 1].tolist(), strict=True)),
        states={name: metric.state for name, metric in metrics.items()},
        bad=int(world.sum(torch.tensor(float(bad))).item()),
        details={name: found for name, found in details.items() if found},
    )
