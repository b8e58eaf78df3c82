"""Network and task losses as one module: the one thing that DDP wraps."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from mtlcli.models.base import MultiTaskNet
from mtlcli.tasks.base import Task


class Objective(nn.Module):
    """Images and labels in, a loss per task out."""

    def __init__(self, net: MultiTaskNet, tasks: Mapping[str, Task]) -> None:
        super().__init__()
        self.net = net
        self.tasks = dict(tasks)

    def forward(
        self,
        images: Tensor,
        targets: Mapping[str, Tensor],
        weights: Mapping[str, Tensor],
        counts: Mapping[str, float],
    ) -> tuple[dict[str, Tensor], Tensor]:
        """One pass; the losses are formed in fp32 whatever the network computes in.

        :param images: ``[B, 3, H, W] uint8``.
        :param counts: what each task's loss sum is divided by: the labels of the whole batch, over
            all its parts and ranks. A task without any is left out.
        :returns: each present task's share of its mean loss, and a zero that every other output
            has a part in, so that DDP sees every parameter used.
        """
        outputs = self.net(images)
        losses: dict[str, Tensor] = {}
        idle = []
        with torch.autocast(images.device.type, enabled=False):
            for name, task in self.tasks.items():
                output = outputs[name].float()
                if counts[name] > 0:
                    target = targets[name]
                    output = task.at_size_of(output, target)
                    losses[name] = task.loss(output, target, weights[name]) / counts[name]
                else:
                    idle.append(output.sum() * 0)
            return losses, torch.stack([images.new_zeros((), dtype=torch.float32), *idle]).sum()
