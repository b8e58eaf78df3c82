"""Network and task losses as one module: the one thing that DDP wraps."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from mtlcli.models.base import MultiTaskNet
from mtlcli.regularisers.base import Regulariser, Sight
from mtlcli.tasks.base import Task


class Objective(nn.Module):
    """Images and labels in, a loss per task out.

    :param regularisers: penalties that are descended beside the losses, unbalanced.
    """

    def __init__(
        self,
        net: MultiTaskNet,
        tasks: Mapping[str, Task],
        regularisers: Sequence[Regulariser] = (),
    ) -> None:
        super().__init__()
        self.net = net
        self.tasks = dict(tasks)
        self.regularisers = nn.ModuleList(regularisers)

    def forward(
        self,
        images: Tensor,
        targets: Mapping[str, Tensor],
        weights: Mapping[str, Tensor],
        counts: Mapping[str, float],
        share: float = 1.0,
    ) -> tuple[dict[str, Tensor], Tensor]:
        """One pass; the losses are formed in fp32 whatever the network computes in.

        :param images: ``[B, 3, H, W] uint8``.
        :param counts: what each task's loss sum is divided by: the labels of the whole batch, over
            all its parts and ranks. A task without any is left out.
        :param share: of this pass in the penalties; over all parts and ranks it adds up to 1.
        :returns: each present task's share of its mean loss, and this pass's share of the
            penalties, in which every other output has a part, so that DDP sees every parameter
            used. Without regularisers that is a zero.
        """
        outputs, features = self._seen(images)
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
            if self.regularisers:
                sight = Sight(dict(self.net.heads.items()), _fp32(features), _fp32(outputs))
                idle += [share * regulariser(sight) for regulariser in self.regularisers]
            return losses, torch.stack([images.new_zeros((), dtype=torch.float32), *idle]).sum()

    def _seen(self, images: Tensor) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Outputs and, only where there are regularisers, features."""
        if not self.regularisers:
            return self.net(images), {}
        features = self.net.embed(images)
        return self.net.answer(features), features


def _fp32(values: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {task: x.float() for task, x in values.items()}
