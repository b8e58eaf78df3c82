"""What a regulariser is: a penalty beside the tasks' losses, with a true gradient."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mtlcli.errors import UsageError


@dataclass(frozen=True)
class Sight:
    """What a penalty may look at: one forward pass.

    :param heads: task → its head.
    :param features: task → what the head's last layer reads, ``[B, D] float32``, before a ReLU.
    :param outputs: task → the head's output, ``[B, C] float32``.
    """

    heads: Mapping[str, nn.Module]
    features: Mapping[str, Tensor]
    outputs: Mapping[str, Tensor]


class Regulariser(nn.Module, ABC):
    """A penalty that is added to the update, unbalanced, with the factor ``strength``.

    :param tasks: the task names, in order.
    :param strength: the factor.
    """

    def __init__(self, tasks: list[str], strength: float) -> None:
        super().__init__()
        self.tasks = tasks
        self.strength = strength

    @abstractmethod
    def penalty(self, sight: Sight) -> Tensor:
        """The penalty of one batch without its factor, fp32 scalar."""

    def forward(self, sight: Sight) -> Tensor:
        """The penalty times its factor."""
        return self.strength * self.penalty(sight)


def first_layers(heads: Mapping[str, nn.Module]) -> Tensor:
    """W = [W_1 … W_K] ``[D, ΣC]``: the heads' first layers, one row per feature that they read.

    :raises UsageError: a head has no first layer (dense ones), or they read features of different
        widths.
    """
    found: dict[str, Tensor] = {}
    for task, head in heads.items():
        layer = getattr(head, "first", None)
        if not isinstance(layer, nn.Linear):
            raise UsageError(
                f"the head of {task} has no first linear layer that could be regularised",
                hint="leave out `regularisers`, or the tasks that answer for every pixel",
            )
        found[task] = layer.weight
    widths = {task: weight.shape[1] for task, weight in found.items()}
    if len(set(widths.values())) > 1:
        read = ", ".join(f"{task} reads {width}" for task, width in widths.items())
        raise UsageError(
            f"the heads read features of different widths, so they do not make one matrix: {read}",
            hint="take backbones of one width, or leave out l21, nuclear and low_rank",
        )
    return torch.cat([weight.T for weight in found.values()], 1)
