"""What a regulariser is: a penalty beside the tasks' losses, with a true gradient."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn


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
