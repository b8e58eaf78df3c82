"""One of C classes per image."""

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
from mtlcli.tasks.completable import OverClasses
from mtlcli.tasks.heads import image_head
from mtlcli.tasks.reasons import strongest_or


class ConfusionMetrics(Metrics):
    """Accuracy and balanced accuracy (mean recall of the classes that occur), from one matrix.

    ``state["confusion"]``: ``[C, C] float64``, rows are the truth, columns the prediction.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.state["confusion"] = torch.zeros(classes, classes, dtype=torch.float64)

    def update(self, output: Tensor, target: Tensor, weight: Tensor) -> None:
        confusion = self.state["confusion"]
        classes = len(confusion)
        seen = weight > 0
        cells = target[seen] * classes + output.argmax(1)[seen]
        counts = torch.bincount(cells, weights=weight[seen].double(), minlength=classes * classes)
        self.state["confusion"] = confusion + counts.view(classes, classes).to(confusion.device)

    def by_row(self, output: Tensor, target: Tensor, weight: Tensor) -> dict[str, Tensor]:
        classes = len(self.state["confusion"])
        cells = target.clamp(0, classes - 1) * classes + output.argmax(1)
        found = torch.zeros(len(cells), classes * classes, dtype=torch.float64)
        found.scatter_(1, cells.cpu().unsqueeze(1), weight.double().cpu().unsqueeze(1))
        return {"confusion": found.view(-1, classes, classes)}

    def compute(self) -> dict[str, float]:
        confusion = self.state["confusion"]
        rows = confusion.sum(1)
        recalls = (confusion.diagonal() / rows)[rows > 0]
        return {
            "accuracy": float(confusion.trace() / confusion.sum()),
            "balanced_accuracy": float(recalls.mean()),
        }


class Classification(OverClasses, ImageTask):
    """One of C classes: softmax cross-entropy, accuracy.

    :param head: "relu", or "prelu": PReLU and batch norm after the hidden layer.
    :param hidden: width of a hidden layer in the head; 0 for none (512 with "prelu").
    :param dropout: probability of dropout in the head.
    :param smoothing: label smoothing (Szegedy et al. 2016), 0..1.
    :param window: 3: the head begins with a 3x3 convolution whose outputs are averaged, in place of
        a linear layer on the averaged features.
    """

    kind = "classification"
    answers = "classes"
    directions: ClassVar[dict[str, Direction]] = {"accuracy": "max", "balanced_accuracy": "max"}

    def __init__(
        self,
        name: str,
        column: Column,
        *,
        head: Literal["relu", "prelu"] = "relu",
        hidden: Count = 0,
        dropout: Fraction = 0.0,
        smoothing: Fraction = 0.0,
        window: Literal[1, 3] = 1,
    ) -> None:
        super().__init__(name, column)
        if len(column.classes) < 2:
            raise DataError(
                f"task {name!r} is a classification, and its column names {len(column.classes)} "
                "class(es)",
                hint="name at least two in dataset.toml, or choose another column",
            )
        self.classes = column.classes
        self._head, self.hidden, self.dropout = head, hidden, dropout
        self.smoothing, self.window = smoothing, window

    def head(self, channels: int) -> nn.Module:
        return image_head(
            self._head, channels, len(self.classes),
            hidden=self.hidden, dropout=self.dropout, window=self.window,
        )  # fmt: skip

    def encode(self, cells: Sequence[str]) -> Labels:
        index = {name: i for i, name in enumerate(self.classes)}
        values = np.zeros(len(cells), dtype=np.int64)
        present = np.zeros(len(cells), dtype=bool)
        for row, cell in enumerate(cells):
            if cell == "":
                continue
            if cell not in index:
                raise DataError(
                    f"{self.name}: {cell!r} is none of the classes {', '.join(self.classes)}",
                    where=f"row {row + 2}",  # the header is line 1
                )
            values[row], present[row] = index[cell], True
        return Labels(values, present)

    def loss(self, output: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        each = F.cross_entropy(
            full(output), target, reduction="none", label_smoothing=self.smoothing
        )
        return (each * weight).sum()

    def pseudo(self, output: Tensor) -> Tensor:
        return output.argmax(1)

    def class_of(self, target: Tensor) -> Tensor:
        return target

    def metrics(self) -> ConfusionMetrics:
        return ConfusionMetrics(len(self.classes))

    def decode(self, output: Tensor) -> list[dict[str, Any]]:
        probabilities = output.float().softmax(1).cpu()
        return [
            {
                "label": self.classes[int(row.argmax())],
                "probability": round(float(row.max()), 4),
                "probabilities": {
                    name: round(float(p), 4) for name, p in zip(self.classes, row, strict=True)
                },
            }
            for row in probabilities
        ]

    def evidence(self, output: Tensor, part: str | None = None) -> tuple[Tensor, list[str]]:
        """The logit of a class, or of the one that the answer is."""
        return strongest_or(output, self.classes, part)

    def agreement(self, one: Tensor, two: Tensor) -> tuple[float, None]:
        return float((one.argmax(1) == two.argmax(1)).float().mean()), None

    def caption(self, decoded: dict[str, Any]) -> str:
        return f"{decoded['label']} {decoded['probability']:.2f}"
