"""One of C classes per pixel (Long et al., CVPR 2015)."""

from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from mtlcli.errors import DataError, UsageError
from mtlcli.io.column import Column
from mtlcli.registry import Count, Fraction, NonNegative, suggest
from mtlcli.tasks.base import Direction
from mtlcli.tasks.colours import Colour, as_colour, paint_classes, palette
from mtlcli.tasks.dense import IGNORE, DenseMetrics, DenseTask, counted, image_sums
from mtlcli.tasks.reasons import mean_of_part


def strongest(output: Tensor) -> Tensor:
    """The first of the largest channels, ``[B, C, H, W]`` to ``[B, H, W] uint8``; C ≤ 255.

    What ``argmax(1)`` says in a fifth of its time: reducing over channels that lie far apart in
    memory is fast for values and slow for indices.
    """
    channels = output.shape[1]
    codes = torch.arange(channels, 0, -1, dtype=torch.uint8, device=output.device)
    largest = (output == output.amax(1, keepdim=True)).view(torch.uint8)
    found = largest.mul_(codes.view(1, -1, 1, 1)).amax(1)
    return (channels - found).clamp_(max=channels - 1)  # NaN is equal to nothing


class SegmentationMetrics(DenseMetrics):
    """Mean IoU, pixel accuracy and mean recall from one matrix over the whole set.

    ``state["confusion"]``: ``[C, C] float64`` pixels, rows are the truth, columns the prediction.
    Classes that neither the truth nor a prediction has count in no mean.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.classes = classes
        self.state["confusion"] = torch.zeros(classes, classes, dtype=torch.float64)

    def update(self, output: Tensor, target: Tensor, weight: Tensor) -> None:
        # what is unlabelled goes to one more row of the matrix: faster than picking the others
        row = target.clamp(max=self.classes).int()
        row.masked_fill_((weight <= 0).view(-1, 1, 1), self.classes)
        cells = row.mul_(self.classes).add_(strongest(output)).flatten()
        size = self.classes * (self.classes + 1)
        counts = torch.bincount(cells, minlength=size).view(-1, self.classes)
        self.add(confusion=counts[:-1])

    def compute(self) -> dict[str, float]:
        confusion = self.state["confusion"]
        right, truth = confusion.diagonal(), confusion.sum(1)
        union = truth + confusion.sum(0) - right
        return {
            "miou": float((right / union)[union > 0].mean()),
            "pixel_accuracy": float(right.sum() / truth.sum()),
            "mean_accuracy": float((right / truth)[truth > 0].mean()),
        }


class Segmentation(DenseTask):
    """One of C classes per pixel: softmax cross-entropy, mean IoU, accuracies.

    :param class_weights: class name → weight of its pixels in the loss; 1 for those left out.
    :param head: "lfov" is one dilated 3x3 convolution (DeepLab), "aspp" several side by side.
    :param width: of the head's hidden layers; 0 for 1024 (lfov) or 256 (aspp).
    :param rate: dilation of the head: 12 for features at an eighth of the picture, 6 at a 16th.
    :param dropout: probability of dropout in the head.
    """

    kind = "segmentation"
    directions: ClassVar[dict[str, Direction]] = {
        "miou": "max", "pixel_accuracy": "max", "mean_accuracy": "max",
    }  # fmt: skip

    def __init__(
        self,
        name: str,
        column: Column,
        *,
        class_weights: dict[str, NonNegative] | None = None,
        head: Literal["lfov", "aspp"] = "lfov",
        width: Count = 0,
        rate: Count = 12,
        dropout: Fraction = 0.5,
    ) -> None:
        self.classes = column.classes
        if not 2 <= len(self.classes) < IGNORE:
            raise DataError(
                f"task {name!r} is a segmentation, and its column names {len(self.classes)} "
                "class(es)",
                hint=f"name 2 to {IGNORE - 1} in dataset.toml, or choose another column",
            )
        super().__init__(
            name, column, len(self.classes), head=head, width=width, rate=rate, dropout=dropout
        )
        #: ``[C] float32``, or None for the plain loss.
        self.class_weights = self._weights(class_weights) if class_weights else None

    def _weights(self, given: dict[str, float]) -> Tensor:
        where = f"tasks.{self.name}.class_weights"
        for label in given:
            if label not in self.classes:
                hint = suggest(label, list(self.classes))
                raise UsageError(f"{where}: there is no class {label!r}", hint=hint)
        weights = torch.tensor([given.get(label, 1.0) for label in self.classes])
        if not weights.any():
            raise UsageError(f"{where}: all are 0", hint="leave a class above 0")
        return weights

    def valid(self, target: Tensor) -> Tensor:
        return target != IGNORE

    def image_losses(self, output: Tensor, target: Tensor, valid: Tensor) -> Tensor:
        labels = target.long().masked_fill(~valid, IGNORE)
        weights = None if self.class_weights is None else self.class_weights.to(output.device)
        each = F.cross_entropy(output, labels, weights, ignore_index=IGNORE, reduction="none")
        return each.flatten(1).sum(1)

    def count(self, target: Tensor, weight: Tensor) -> Tensor:
        """The labelled pixels, or the sum of their classes' weights (PyTorch's weighted mean)."""
        if self.class_weights is None:
            return super().count(target, weight)
        table = torch.zeros(IGNORE + 1, device=target.device)
        table[: self.outputs] = self.class_weights.to(target.device)
        each = table[target.long()]
        return (image_sums(each, counted(self.valid(target), weight)) * weight).sum()

    def metrics(self) -> SegmentationMetrics:
        return SegmentationMetrics(self.outputs)

    def answer(self, output: Tensor) -> Tensor:
        """Class indices ``[B, H, W] uint8``."""
        return strongest(output).cpu()

    def truth(self, target: Tensor) -> Tensor:
        """Class indices ``[B, H, W] uint8``; 255 where unlabelled."""
        return target.cpu()

    def paint(self, answer: np.ndarray) -> np.ndarray:
        return paint_classes(answer, self.outputs)

    def legend(self) -> list[tuple[str, Colour]]:
        colours = map(as_colour, palette(self.outputs))
        return list(zip(self.classes, colours, strict=True))

    def stored(self, answer: np.ndarray) -> np.ndarray:
        """Class indices ``[H, W] uint8``."""
        return answer.astype(np.uint8)

    def decode(self, output: Tensor) -> list[dict[str, Any]]:
        """The most frequent class, and each class's share of the picture."""
        return [self._summary(indices) for indices in self.answer(output)]

    def _summary(self, indices: Tensor) -> dict[str, Any]:
        shares = torch.bincount(indices.flatten(), minlength=self.outputs) / indices.numel()
        named = {self.classes[i]: round(float(shares[i]), 4) for i in shares.argsort().flip(0)}
        label, share = next(iter(named.items()))
        return {"label": label, "share": share, "shares": {k: v for k, v in named.items() if v}}

    def caption(self, decoded: dict[str, Any]) -> str:
        return f"{decoded['label']} {decoded['share']:.0%}"

    def evidence(self, output: Tensor, part: str | None = None) -> tuple[Tensor, list[str]]:
        """The mean logit of a class over the pixels that are given to it.

        Of the most frequent class, unless one is named; over the picture where it has no pixel.
        """
        return mean_of_part(output.float(), strongest(output), self.classes, part)

    def agreement(self, one: Tensor, two: Tensor) -> tuple[float, None]:
        return float((strongest(one) == strongest(two)).float().mean()), None
