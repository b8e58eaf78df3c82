"""One number per image."""

import math
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mtlcli.errors import DataError
from mtlcli.io.column import Column
from mtlcli.registry import Count, Fraction
from mtlcli.tasks.base import Direction, ImageTask, Labels, Metrics, full
from mtlcli.tasks.completable import Completable
from mtlcli.tasks.heads import image_head

_LARGEST = float(np.finfo(np.float32).max)
_NO_VARIATION = 1e-12  # of the sum of squares; what is smaller is rounding


def encode_numbers(task: str, cells: Sequence[str]) -> Labels:
    """Cells to ``float32``; empty ones are unlabelled.

    :raises DataError: a cell that is not a finite number.
    """
    values = np.zeros(len(cells), dtype=np.float32)
    present = np.zeros(len(cells), dtype=bool)
    for row, cell in enumerate(cells):
        if cell == "":
            continue
        values[row], present[row] = _number(cell), True
        if not np.isfinite(values[row]):
            raise DataError(f"{task}: {cell!r} is not a number", where=f"row {row + 2}")
    return Labels(values, present)


def _number(cell: str) -> float:
    """What a cell says; NaN where it is no number, or too large for float32."""
    try:
        value = float(cell)
    except ValueError:
        return math.nan
    return value if abs(value) <= _LARGEST else math.nan


class RegressionMetrics(Metrics):
    """MAE, RMSE and R² from sums; ``state["sums"]``: count, |e|, e², y, y²."""

    def __init__(self, centre: float, scale: float) -> None:
        super().__init__()
        self.centre, self.scale = centre, scale
        self.state["sums"] = torch.zeros(5, dtype=torch.float64)

    def update(self, output: Tensor, target: Tensor, weight: Tensor) -> None:
        seen = weight > 0
        terms = self._terms(output[seen], target[seen]) * weight[seen].double()
        self.state["sums"] = self.state["sums"] + terms.sum(1).cpu()

    def _terms(self, output: Tensor, target: Tensor) -> Tensor:
        """What each row adds to the sums, ``[5, B] float64``."""
        truth = target.double()
        error = output.flatten().double() * self.scale + self.centre - truth
        truth = truth - self.centre  # R² does not change, and the sums stay small
        return torch.stack([torch.ones_like(truth), error.abs(), error**2, truth, truth**2])

    def by_row(self, output: Tensor, target: Tensor, weight: Tensor) -> dict[str, Tensor]:
        terms = self._terms(output, target) * weight.double()
        return {"sums": torch.where(weight > 0, terms, 0.0).T.cpu()}

    def compute(self) -> dict[str, float]:
        count, absolute, squared, total, total_squared = self.state["sums"].tolist()
        if count == 0:
            return dict.fromkeys(Regression.directions, float("nan"))
        variation, least = total_squared - total**2 / count, _NO_VARIATION * total_squared
        return {
            "mae": absolute / count,
            "rmse": (squared / count) ** 0.5,
            "r2": 1 - squared / variation if variation > least else float("nan"),
        }


class Regression(Completable, ImageTask):
    """One number: L1, smooth L1 or squared loss; MAE, RMSE, R².

    The network predicts ``(y - centre) / scale``, from the column's ``low`` and ``high`` where both
    are known.

    :param loss: ``l1``, ``smooth_l1`` or ``l2``, of the scaled difference.
    :param head: "relu", or "prelu": PReLU and batch norm after the hidden layer.
    :param hidden: width of a hidden layer in the head; 0 for none (512 with "prelu").
    :param dropout: probability of dropout in the head.
    """

    kind = "regression"
    answers = "values"
    directions: ClassVar[dict[str, Direction]] = {"mae": "min", "rmse": "min", "r2": "max"}

    def __init__(
        self,
        name: str,
        column: Column,
        *,
        loss: Literal["l1", "smooth_l1", "l2"] = "smooth_l1",
        head: Literal["relu", "prelu"] = "relu",
        hidden: Count = 0,
        dropout: Fraction = 0.0,
    ) -> None:
        super().__init__(name, column)
        self.centre, self.scale = 0.0, 1.0
        if column.low is not None and column.high is not None:
            self.centre = (column.low + column.high) / 2
            self.scale = (column.high - column.low) / 2 or 1.0
        self._loss = {"l1": F.l1_loss, "smooth_l1": F.smooth_l1_loss, "l2": F.mse_loss}[loss]
        self._head, self.hidden, self.dropout = head, hidden, dropout

    def head(self, channels: int) -> nn.Module:
        return image_head(self._head, channels, 1, hidden=self.hidden, dropout=self.dropout)

    def encode(self, cells: Sequence[str]) -> Labels:
        return encode_numbers(self.name, cells)

    def loss(self, output: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        output = full(output).flatten()
        scaled = (target.to(output) - self.centre) / self.scale
        each = self._loss(output, scaled, reduction="none")
        return (each * weight).sum()

    def pseudo(self, output: Tensor) -> Tensor:
        return output.float().flatten() * self.scale + self.centre

    def mirror(self, output: Tensor) -> Tensor:
        """A number whose sign says the side changes its sign."""
        return -output - 2 * self.centre / self.scale if self.column.mirror else output

    def class_of(self, target: Tensor) -> Tensor:
        return torch.zeros_like(target, dtype=torch.int64)

    def distil(self, output: Tensor, teacher: Tensor, weight: Tensor, temperature: float) -> Tensor:
        """The task's own loss towards the teacher's number; a number has no temperature."""
        return self.loss(output, self.pseudo(teacher), weight)

    def metrics(self) -> RegressionMetrics:
        return RegressionMetrics(self.centre, self.scale)

    def decode(self, output: Tensor) -> list[dict[str, Any]]:
        values = output.float().flatten().cpu() * self.scale + self.centre
        return [{"value": round(float(value), 4)} for value in values]

    def evidence(self, output: Tensor, part: str | None = None) -> tuple[Tensor, list[str]]:
        """The number itself, in its unit."""
        return self.pseudo(output), ["larger number"] * len(output)

    def agreement(self, one: Tensor, two: Tensor) -> tuple[None, float]:
        return None, float((one.float() - two.float()).abs().mean() * self.scale)

    def caption(self, decoded: dict[str, Any]) -> str:
        unit = f" {self.column.unit}" if self.column.unit else ""
        return f"{decoded['value']:g}{unit}"
