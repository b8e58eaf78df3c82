"""Depth in metres per pixel."""

import math
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from mtlcli.io.column import Column
from mtlcli.registry import Count, Fraction
from mtlcli.tasks.base import Direction
from mtlcli.tasks.colours import Colour, as_colour, paint_ramp
from mtlcli.tasks.dense import DenseMetrics, DenseTask, counted, image_sums, totals

_NEAREST = 1e-3  # metres: the unit of the PNGs
_FURTHEST = 65.535  # metres: all that 16 bits hold
_RATIOS = (1.25, 1.25**2, 1.25**3)
_RANGE = (0.0, 10.0)  # metres, of the colours where the column names none: a room
_RAMP = [(255, 240, 160), (250, 150, 60), (200, 50, 90), (90, 20, 120), (10, 10, 60)]


class DepthMetrics(DenseMetrics):
    """Errors over all labelled pixels of the set, as in Eigen et al. 2014.

    ``abs`` is the mean of |e| in metres, ``rel`` of |e| / d, ``rmse`` in metres; ``delta1`` to
    ``delta3`` are the shares with max(d / y, y / d) < 1.25, 1.25² and 1.25³.

    ``state["sums"]``: pixels, |e|, |e| / d, e², and how many are within each ratio.
    """

    def __init__(self, task: "Depth") -> None:
        super().__init__()
        self.task = task
        self.state["sums"] = torch.zeros(7, dtype=torch.float64)

    def update(self, output: Tensor, target: Tensor, weight: Tensor) -> None:
        valid = counted(self.task.valid(target), weight)
        answer, truth = self.task.metres(output), torch.where(valid, target, 1)
        error = torch.where(valid, answer - truth, 0).abs_()
        ratio = torch.where(valid, torch.maximum(answer / truth, truth / answer), math.inf)
        terms = (valid, error, error / truth, error.square(), *(ratio < x for x in _RATIOS))
        self.add(sums=totals(terms))

    def compute(self) -> dict[str, float]:
        count, *sums = self.state["sums"].tolist()
        if count == 0:
            return dict.fromkeys(Depth.directions, math.nan)
        scores = dict(zip(Depth.directions, (total / count for total in sums), strict=True))
        return scores | {"rmse": math.sqrt(scores["rmse"])}


class Depth(DenseTask):
    """Depth in metres: L1, scale-invariant or berHu loss; errors and ratios.

    The network's output z becomes s · softplus(z) metres, with s a fifth of the column's ``high``
    (1 m where it is unknown): always positive, and linear where it is large.

    :param loss: "l1" is the mean absolute error in metres; "scale_invariant" that of Eigen et al.
        2014 (eq. 4), on logarithms, per image; "berhu" is L1 up to a fifth of an image's largest
        error and squared above (Laina et al. 2016).
    :param invariance: λ of the scale-invariant loss: 0 is the mean squared difference of the
        logarithms, 1 leaves the scale of a picture open.
    :param head: "lfov" is one dilated 3x3 convolution (DeepLab), "aspp" several side by side.
    :param width: of the head's hidden layers; 0 for 1024 (lfov) or 256 (aspp).
    :param rate: dilation of the head: 12 for features at an eighth of the picture, 6 at a 16th.
    :param dropout: probability of dropout in the head.
    """

    kind = "depth"
    directions: ClassVar[dict[str, Direction]] = {
        "abs": "min", "rel": "min", "rmse": "min",
        "delta1": "max", "delta2": "max", "delta3": "max",
    }  # fmt: skip

    def __init__(
        self,
        name: str,
        column: Column,
        *,
        loss: Literal["l1", "scale_invariant", "berhu"] = "l1",
        invariance: Fraction = 0.5,
        head: Literal["lfov", "aspp"] = "lfov",
        width: Count = 0,
        rate: Count = 12,
        dropout: Fraction = 0.5,
    ) -> None:
        super().__init__(name, column, 1, head=head, width=width, rate=rate, dropout=dropout)
        self.scale = column.high / 5 if column.high else 1.0
        self._loss, self.invariance = loss, invariance

    def metres(self, output: Tensor) -> Tensor:
        """Outputs ``[B, 1, H, W]`` to depths ``[B, H, W] float32``."""
        return F.softplus(output[:, 0].float()).mul(self.scale).clamp(min=_NEAREST)

    def valid(self, target: Tensor) -> Tensor:
        return target > 0

    def image_losses(self, output: Tensor, target: Tensor, valid: Tensor) -> Tensor:
        answer, truth = self.metres(output), torch.where(valid, target, 1)
        if self._loss == "scale_invariant":
            return _scale_invariant(answer.log() - truth.log(), valid, self.invariance)
        error = torch.where(valid, (answer - truth).abs(), 0)
        return image_sums(error if self._loss == "l1" else _berhu(error), valid)

    def count(self, target: Tensor, weight: Tensor) -> Tensor:
        """The labelled pixels; of the scale-invariant loss, images that have any."""
        if self._loss != "scale_invariant":
            return super().count(target, weight)
        return (self.valid(target).flatten(1).any(1) * weight).sum()

    def metrics(self) -> DepthMetrics:
        return DepthMetrics(self)

    def answer(self, output: Tensor) -> Tensor:
        """Metres ``[B, H, W] float32``."""
        return self.metres(output).cpu()

    def truth(self, target: Tensor) -> Tensor:
        """Metres ``[B, H, W] float32``; 0 where undefined."""
        return target.cpu()

    def _range(self) -> tuple[float, float]:
        low, high = self.column.low, self.column.high
        return (low or _RANGE[0], high) if high else _RANGE

    def paint(self, answer: np.ndarray) -> np.ndarray:
        low, high = self._range()
        return paint_ramp((np.where(answer > 0, answer, np.nan) - low) / (high - low), _RAMP)

    def legend(self) -> list[tuple[str, Colour]]:
        metres = np.linspace(*self._range(), len(_RAMP))
        colours = map(as_colour, paint_ramp(np.linspace(0, 1, len(_RAMP))[None], _RAMP)[0])
        return [(f"{x:.3g} m", colour) for x, colour in zip(metres, colours, strict=True)]

    def stored(self, answer: np.ndarray) -> np.ndarray:
        """Millimetres ``[H, W] uint16``; 0 where undefined."""
        metres = np.nan_to_num(answer, nan=0.0).clip(0, _FURTHEST)
        millimetres: np.ndarray = np.round(metres * 1000).astype(np.uint16)
        return millimetres

    def decode(self, output: Tensor) -> list[dict[str, Any]]:
        """The nearest, median and furthest depth in metres."""
        rows = self.answer(output).flatten(1)
        names = {"nearest": rows.amin(1), "median": rows.median(1).values, "furthest": rows.amax(1)}
        return [
            {name: round(float(values[i]), 3) for name, values in names.items()}
            for i in range(len(rows))
        ]

    def caption(self, decoded: dict[str, Any]) -> str:
        return f"{decoded['nearest']:.1f} to {decoded['furthest']:.1f} m"

    def evidence(self, output: Tensor, part: str | None = None) -> tuple[Tensor, list[str]]:
        """The mean depth of the picture in metres."""
        return self.metres(output).flatten(1).mean(1), ["mean depth"] * len(output)

    def agreement(self, one: Tensor, two: Tensor) -> tuple[None, float]:
        """In metres."""
        return None, float((self.metres(one) - self.metres(two)).abs().mean())


def _scale_invariant(difference: Tensor, valid: Tensor, invariance: float) -> Tensor:
    """Mean of the squares minus λ times the square of the mean, per image ``[B]``."""
    count = valid.flatten(1).sum(1).clamp(min=1)
    mean = image_sums(difference, valid) / count
    return image_sums(difference.square(), valid) / count - invariance * mean.square()


def _berhu(error: Tensor) -> Tensor:
    """|e| up to c, (e² + c²) / 2c above; c is a fifth of the image's largest error (a constant).

    :param error: ``[B, H, W]``, not negative.
    """
    limit = error.detach().amax((1, 2), keepdim=True).mul(0.2).clamp(min=1e-6)
    return torch.where(error <= limit, error, (error.square() + limit.square()) / (2 * limit))
