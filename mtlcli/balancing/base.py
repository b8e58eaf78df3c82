"""How K task losses, or their K gradients, become one update: what every method must supply.

A **weighting** maps the losses to a scalar, an **aggregator** the gradients to one direction. Both
see only the tasks that the batch has labels for, by name, in the order of the recipe; what they
keep is kept by task name, so that a task which is absent changes nothing of its own.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Moment:
    """When an update is made, and the random numbers it may draw.

    :param step: updates made before this one.
    :param epoch: finished passes over the training data.
    :param seed: of the run; with the step it decides all that is random, on every rank alike.
    """

    step: int = 0
    epoch: int = 0
    seed: int = 0

    def generator(self) -> torch.Generator:
        """A generator of its own (CPU), so that nothing random elsewhere depends on a method."""
        return torch.Generator().manual_seed(hash((self.seed, self.step, 0x6D746C)) & 0x7FFFFFFF)


class _Method(nn.Module):
    """What weightings and aggregators share: the moment, and a memory that is saved with the run.

    ``memory`` holds plain numbers and tensors (dicts of them, by task name), the same on all ranks.
    """

    def __init__(self, tasks: list[str]) -> None:
        super().__init__()
        self.tasks = tasks
        self.moment = Moment()
        self.memory: dict[str, Any] = {}

    def begin(self, moment: Moment) -> None:
        """Called before every update."""
        self.moment = moment

    def get_extra_state(self) -> dict[str, Any]:
        """The memory, for ``state_dict``."""
        return self.memory

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """The inverse of :meth:`get_extra_state`."""
        self.memory = dict(state)


class Weighting(_Method, ABC):
    """Losses in, one scalar out.

    The losses are those of the whole batch (all its parts and ranks), 0-dim fp32 without a history,
    so F may be any function of them: its derivatives are the weights that the trainer descends with
    (∂F/∂θ = Σ_i ∂F/∂L_i · ∂L_i/∂θ), and parameters of the weighting get their gradients on the way.

    :param tasks: the task names, in order.
    :param factors: the recipe's ``[loss]`` factor of each task; the losses come multiplied by it
        nowhere else, so every weighting applies it (:meth:`scaled`) before its own formula.
    """

    #: the weights do not depend on the losses of the batch itself: ``forward`` may get any numbers
    #: for them (a batch in several parts is not known as a whole yet), and only ``learn`` the true.
    linear: ClassVar[bool] = False
    #: :meth:`learn` needs the inner products of the task gradients.
    needs_gram: ClassVar[bool] = False
    #: :meth:`again` wants the losses of the same batch after the update (a second forward pass).
    wants_again: bool = False

    def __init__(self, tasks: list[str], factors: dict[str, float]) -> None:
        super().__init__(tasks)
        self.factors = {task: factors.get(task, 1.0) for task in tasks}

    def scaled(self, losses: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The losses times the recipe's factors."""
        return {task: self.factors[task] * loss for task, loss in losses.items()}

    @abstractmethod
    def forward(self, losses: dict[str, Tensor]) -> Tensor:
        """The scalar F to descend, from the losses of the present tasks; may update ``memory``."""

    def learn(self, losses: dict[str, Tensor], gram: Tensor | None) -> None:
        """After the update: adapt to it.

        :param losses: as :meth:`forward` got them.
        :param gram: ``[P, P] float64`` on the CPU, the inner products of the present tasks'
            gradients g_i = ∂L_i/∂θ at the shared parameters (L_i without factor or weight), rows in
            the order of ``losses``; None unless ``needs_gram``.
        """

    def again(self, losses: dict[str, Tensor]) -> None:
        """The losses of the same batch after the update; only where ``wants_again``."""


class Aggregator(_Method, ABC):
    """K gradients in, one direction out.

    The gradients are those of the weighted losses at the shared parameters (found, not named: those
    that two tasks reach), of the whole batch, already summed over its parts and all ranks.

    :param tasks: the task names, in order.
    """

    #: independent estimates of the gradients that it needs: the batch is cut into so many parts.
    estimates: ClassVar[int] = 1
    #: it works at the shared features and not at the shared parameters.
    at_features: ClassVar[bool] = False
    #: it keeps vectors as long as the gradients, whose length the features' would not keep.
    keeps_vectors: ClassVar[bool] = False
    #: whether the task's own parameters (heads) get ``weights`` too, or their plain gradients.
    weights_heads: bool = False

    def __init__(self, tasks: list[str]) -> None:
        super().__init__(tasks)
        #: task → weight in the last direction, for the run's notes; empty if there is none.
        self.used: dict[str, float] = {}
        #: at the shared features every rank has rows of its own: sums over the ranks.
        self.over_ranks: Callable[[Tensor], Tensor] = lambda tensor: tensor
        #: the shared features ``[B, F]`` themselves, where the gradients are taken there.
        self.features: Tensor | None = None

    @abstractmethod
    def forward(self, gradients: Tensor, losses: dict[str, Tensor]) -> Tensor:
        """The direction to descend, ``[D] float32``.

        :param gradients: ``[P, D] float32``, a row per present task, in the order of ``losses``;
            ``[estimates, P, D]`` where ``estimates`` > 1, each an unbiased estimate.
        :param losses: the present tasks' losses (0-dim, whole batch), as weighted.
        """


class PenalisingAggregator(Aggregator):
    """One at the shared features whose penalty of the gradients there is descended too."""

    @abstractmethod
    def penalty(self, saliencies: Tensor) -> Tensor:
        """A scalar of the tasks' gradients at the shared features ``[P, B, C, places]``."""


class GramAggregator(Aggregator):
    """A direction that is a combination of the gradients: w from G = J Jᵀ, then Jᵀ w.

    K × K numbers decide, so the solvers run on the CPU in fp64 and wait for the device once.
    """

    @abstractmethod
    def weights(self, gram: Tensor, losses: dict[str, Tensor]) -> Tensor:
        """``[P] float64`` from ``gram [P, P] float64`` (both on the CPU)."""

    def forward(self, gradients: Tensor, losses: dict[str, Tensor]) -> Tensor:
        weights = self.weights(self.over_ranks(gramian(gradients)), losses)
        self.used = dict(zip(losses, weights.tolist(), strict=True))
        return weights.to(gradients) @ gradients


def gramian(gradients: Tensor) -> Tensor:
    """``[P, D]`` → the inner products ``[P, P] float64``, on the CPU."""
    return (gradients @ gradients.T).double().cpu()
