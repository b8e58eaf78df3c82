"""How the K task losses become one number to descend."""

from abc import ABC, abstractmethod

from torch import Tensor, nn


class Weighting(ABC, nn.Module):
    """Losses in, one scalar out; a weighting with parameters lives inside what DDP wraps.

    :param tasks: the task names, in order.
    :param factors: the recipe's ``[loss]`` factor of each task.
    """

    def __init__(self, tasks: list[str], factors: dict[str, float]) -> None:
        super().__init__()
        self.tasks = tasks
        self.factors = {task: factors.get(task, 1.0) for task in tasks}

    @abstractmethod
    def forward(self, losses: dict[str, Tensor]) -> Tensor:
        """The scalar to descend, from the losses of the tasks that the batch has labels for."""
