"""What stands in for missing labels: what every way to complete them must supply.

Each row of the training data is labelled for some tasks only. A teacher (an older state of the
network, its average, or single-task networks) answers for the rest; a completion says how far its
answers are to be believed. Label, answer, weight and mask are kept apart, none encoded in another.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor


@dataclass(frozen=True)
class Seen:
    """What the teacher says of N rows, for one task of C classes.

    :param logits: ``[N, C] float32``, before the softmax.
    :param features: ``[N, D] float32``, what the task's last layer reads (before a ReLU).
    :param targets: ``[N] int64``, the class where the row is labelled, else any.
    :param labelled: ``[N] bool``.
    """

    logits: Tensor
    features: Tensor
    targets: Tensor
    labelled: Tensor

    def probabilities(self) -> Tensor:
        """p, ``[N, C] float32``: the softmax of each row, whatever the precision of the logits."""
        return self.logits.float().softmax(1)

    def supplement(
        self, *, hard: Tensor | float, soft: Tensor | float, logits: Tensor | None = None
    ) -> "Supplement":
        """These weights where the row is unlabelled, 0 elsewhere.

        :param hard: a, ``[N]`` or one number for all.
        :param soft: b, likewise.
        :param logits: z̄; the teacher's where left out.
        """
        answers = self.logits if logits is None else logits
        # not a product with 0: what is no number would stay so
        a, b = (torch.where(self.labelled, 0.0, weight) for weight in (hard, soft))
        return Supplement(answers.float(), a, b)


@dataclass(frozen=True)
class Supplement:
    """What a task is to learn from the rows of a :class:`Seen`, in its order.

    The engine trains with a_i · CE(z_i, ŷ_i) + b_i · T² · KL(softmax(z̄_i/T) ‖ softmax(z_i/T)),
    where ŷ_i is what the task makes of z̄_i.

    :param logits: z̄, ``[N, C] float32``: the teacher's, or refined.
    :param hard: a, ``[N] float32`` >= 0.
    :param soft: b, ``[N] float32`` >= 0. Both are 0 where the row is labelled.
    """

    logits: Tensor
    hard: Tensor
    soft: Tensor


class Completion(ABC):
    """A way to complete missing labels.

    ``memory`` holds plain numbers and tensors (dicts of them, by task name) and is saved with the
    run.

    :param tasks: the task names, in order.
    """

    #: asked batch by batch with the network's own answers for weakly changed pictures, to train on
    #: strongly changed ones; else once in a while with a teacher's answers for the whole split.
    online: ClassVar[bool] = False
    #: it reads classes, so every task must have some.
    needs_classes: ClassVar[bool] = True
    #: T of the soft term.
    temperature: float = 1.0

    def __init__(self, tasks: list[str]) -> None:
        self.tasks = tasks
        self.memory: dict[str, Any] = {}
        #: the sum of a tensor over all ranks, that each of them must ask for.
        self.over_ranks: Callable[[Tensor], Tensor] = lambda tensor: tensor
        #: False: it answers by what it remembers, and remembers nothing new.
        self.learns = True

    def step(self) -> AbstractContextManager[None]:
        """Inside, what it is asked are the parts of one batch; outside, each time is a batch."""
        return nullcontext()

    @abstractmethod
    def complete(
        self, seen: Mapping[str, Seen], generator: torch.Generator
    ) -> dict[str, Supplement]:
        """The supplement of every task.

        Nothing of it is differentiated. An online completion is shown the rows of its own rank;
        what it remembers of them it adds up with ``over_ranks``.

        :param seen: task → what the teacher says; all tasks have the same N rows, in one order.
        :param generator: for whatever is random (CPU).
        """

    def state_dict(self) -> dict[str, Any]:
        """What must survive a restart."""
        return {"memory": dict(self.memory)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """The inverse of :meth:`state_dict`."""
        self.memory = dict(state["memory"])
