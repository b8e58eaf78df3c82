"""What an image-level task must say so that a teacher's answers can stand in for its labels."""

from abc import ABC, abstractmethod
from typing import ClassVar, Literal

from torch import Tensor
from torch.nn import functional as F

from mtlcli.io.column import Column


class Completable(ABC):
    """A task whose missing labels can be completed."""

    #: what its outputs are: logits over ``classes``, or ``values`` (then only distilling is left).
    answers: ClassVar[Literal["classes", "values"]]

    @abstractmethod
    def pseudo(self, output: Tensor) -> Tensor:
        """The label that an output ``[B, ...]`` says, ``[B, ...]`` as the task's own targets."""

    @abstractmethod
    def class_of(self, target: Tensor) -> Tensor:
        """Targets ``[B]`` to class indices, ``[B] int64``; zeros where there are no classes."""

    @abstractmethod
    def mirror(self, output: Tensor) -> Tensor:
        """What an output ``[B, C]`` for pictures says of their mirror images, ``[B, C]``."""

    @abstractmethod
    def distil(self, output: Tensor, teacher: Tensor, weight: Tensor, temperature: float) -> Tensor:
        """The weighted **sum** of how far an output is from a teacher's, fp32 scalar.

        :param output: ``[B, C] float32``.
        :param teacher: the teacher's output, as ``output``; without a gradient.
        :param weight: ``[B] float32``.
        :param temperature: T of softened probabilities.
        """


class OverClasses(Completable):
    """Outputs are logits over classes."""

    answers = "classes"
    column: Column

    def mirror(self, output: Tensor) -> Tensor:
        """Classes that stand for a side change places."""
        if not self.column.mirror:
            return output
        names = self.column.classes
        places = [names.index(name) for name in self.column.mirrored(names)]
        return output[:, places]

    def distil(self, output: Tensor, teacher: Tensor, weight: Tensor, temperature: float) -> Tensor:
        """T² · KL(softmax(z̄/T) ‖ softmax(z/T)), row by row (Hinton et al. 2015)."""
        ours = (output.float() / temperature).log_softmax(1)
        theirs = (teacher.float() / temperature).log_softmax(1)
        each = F.kl_div(ours, theirs, reduction="none", log_target=True).sum(1)
        return temperature**2 * (each * weight).sum()
