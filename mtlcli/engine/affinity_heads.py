"""Heads for every task on the frozen features of one network, fitted alike."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mtlcli.data.batch import Batch
from mtlcli.tasks.base import Task

#: full passes are not needed: a linear head on pooled features is fitted in so many steps.
STEPS = 100
_RATE = 3e-3
_DECAY = 1e-2


def mean_loss(task: Task, output: Tensor, batch: Batch) -> Tensor:
    """The task's mean loss over the labels of a batch, 0-dim; NaN where it has none."""
    target, weight = batch.targets[task.name], batch.weights[task.name]
    output = task.at_size_of(output.float(), target)
    count = task.count(target, weight)
    if not count > 0:
        return torch.full((), torch.nan, device=output.device)
    return task.loss(output, target, weight) / count


def fit_heads(
    tasks: Mapping[str, Task],
    features: Sequence[Tensor],
    batches: Sequence[Batch],
    *,
    steps: int = STEPS,
) -> dict[str, nn.Module]:
    """A fresh head per task, fitted to the features; every one begins from the same random state.

    So two tasks with the same labels get the same head.

    :param features: ``[B, C, h, w]`` of each batch.
    :param batches: the labels.
    :returns: task → head, in evaluation mode, without gradients.
    """
    return {name: _fit(task, features, batches, steps) for name, task in tasks.items()}


def _fit(task: Task, features: Sequence[Tensor], batches: Sequence[Batch], steps: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        head = task.head(features[0].shape[1]).to(features[0].device)
    if not task.dense:  # such heads begin with the mean over places
        features = [F.adaptive_avg_pool2d(x, 1) for x in features]
    labelled = [
        (x, batch) for x, batch in zip(features, batches, strict=True)
        if task.count(batch.targets[task.name], batch.weights[task.name]) > 0
    ]  # fmt: skip
    adam = torch.optim.AdamW(head.parameters(), lr=_RATE, weight_decay=_DECAY)
    head.eval()
    with torch.enable_grad():
        for step in range(steps if labelled else 0):
            x, batch = labelled[step % len(labelled)]
            adam.zero_grad()
            torch.autograd.backward(mean_loss(task, head(x), batch))
            adam.step()
    return head.requires_grad_(False)
