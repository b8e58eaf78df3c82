"""What the kinds have in common that answer for every pixel."""

from abc import abstractmethod
from collections.abc import Iterable
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mtlcli.errors import UsageError
from mtlcli.io.column import Column
from mtlcli.tasks.base import Metrics, Task
from mtlcli.tasks.colours import Colour
from mtlcli.tasks.dense_heads import dense_head

IGNORE = 255  # "unlabelled" in the PNGs of labels


class DenseMetrics(Metrics):
    """Sums over pixels, collected on the CPU in float64.

    ``update`` takes outputs ``[B, C, H, W] float32`` at the size of their targets.
    """

    def add(self, **sums: Tensor) -> None:
        """Add to the states of these names."""
        for name, value in sums.items():
            self.state[name] = self.state[name] + value.cpu().double()


class DenseTask(Task):
    """One answer per pixel; its label is a picture.

    The network's output stays at the resolution of its features until :meth:`at_size_of` or
    :meth:`resize` enlarges it; all other methods take it enlarged. Pixels count that are labelled,
    in rows of weight above 0.

    :param outputs: channels of the output.
    :param head: a name of :data:`mtlcli.tasks.dense_heads.HEADS`.
    :param width: of the head's hidden layers; 0 for the head's own.
    :param rate: dilation of the head's 3x3 convolution.
    :param dropout: probability of dropout in the head.
    :raises UsageError: a rate of 0.
    """

    dense: ClassVar[bool] = True

    def __init__(
        self,
        name: str,
        column: Column,
        outputs: int,
        *,
        head: str,
        width: int,
        rate: int,
        dropout: float,
    ) -> None:
        super().__init__(name, column)
        if rate < 1:
            raise UsageError(
                f"tasks.{name}.rate is a dilation, and {rate} is none", hint="1 or more"
            )
        self.outputs = outputs
        self._head, self._width, self._rate, self._dropout = head, width, rate, dropout

    def head(self, channels: int) -> nn.Module:
        return dense_head(
            self._head, channels, self.outputs,
            width=self._width, rate=self._rate, dropout=self._dropout,
        )  # fmt: skip

    def resize(self, output: Tensor, size: tuple[int, int]) -> Tensor:
        """An output ``[B, C, h, w]`` at height and width ``size``, bilinearly."""
        if output.shape[-2:] == size:
            return output
        return F.interpolate(output, size, mode="bilinear", align_corners=False)

    def at_size_of(self, output: Tensor, target: Tensor) -> Tensor:
        height, width = target.shape[-2:]
        return self.resize(output, (height, width))

    @abstractmethod
    def valid(self, target: Tensor) -> Tensor:
        """Where a target is labelled: ``[B, H, W] bool``."""

    @abstractmethod
    def image_losses(self, output: Tensor, target: Tensor, valid: Tensor) -> Tensor:
        """Each image's sum of the loss over its valid pixels, ``[B] float32``; 0 where none is."""

    def loss(self, output: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        valid = counted(self.valid(target), weight)
        return (self.image_losses(output.float(), target, valid) * weight).sum()

    def count(self, target: Tensor, weight: Tensor) -> Tensor:
        """The labelled pixels, unless the kind says otherwise."""
        return (self.valid(target).flatten(1).sum(1) * weight).sum()

    @abstractmethod
    def answer(self, output: Tensor) -> Tensor:
        """The answer as plain values, one per pixel, on the CPU."""

    @abstractmethod
    def truth(self, target: Tensor) -> Tensor:
        """A target in the form of :meth:`answer`, undefined where it is not labelled."""

    @abstractmethod
    def paint(self, answer: np.ndarray) -> np.ndarray:
        """One image's answer (or truth) as colours ``[H, W, 3] uint8``; undefined is grey."""

    @abstractmethod
    def legend(self) -> list[tuple[str, Colour]]:
        """What the colours mean."""

    @abstractmethod
    def stored(self, answer: np.ndarray) -> np.ndarray:
        """One image's answer in the encoding of the labels' PNGs."""


def counted(valid: Tensor, weight: Tensor) -> Tensor:
    """``valid [B, H, W] bool``, and False in rows of weight 0."""
    return valid & (weight > 0).view(-1, 1, 1)


def image_sums(each: Tensor, valid: Tensor) -> Tensor:
    """Sums ``[B]`` of ``each [B, H, W]`` over the valid pixels; the others may hold anything."""
    return torch.where(valid, each, 0).flatten(1).sum(1)


def totals(terms: Iterable[Tensor]) -> Tensor:
    """The sum of each of N tensors, ``[N] float64``."""
    # adding up bools in float64 takes ten times as long as counting them
    sums = [x.sum() if x.dtype == torch.bool else x.sum(dtype=torch.float64) for x in terms]
    return torch.stack([x.double() for x in sums])
