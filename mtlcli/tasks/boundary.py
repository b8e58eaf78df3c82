"""Where one thing ends and another begins: a probability per pixel."""

import functools
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
from mtlcli.tasks.dense import IGNORE, DenseMetrics, DenseTask, counted, image_sums
from mtlcli.tasks.reasons import mean_where

_THRESHOLDS = 100
_BOUNDARY = 1  # its index; every other labelled one is none
_RAMP = [(255, 255, 255), (0, 30, 110)]


class BoundaryMetrics(DenseMetrics):
    """F-measure at the best threshold for the whole set (ODS, Martin et al. 2004).

    A prediction is right that has the truth within the tolerance, and a truth is found that has a
    prediction within it: a square of so many pixels to every side, without one-to-one matching or
    thinning. Thresholds are 0.01 to 1; ``precision``, ``recall`` and ``threshold`` are those of
    the best one.

    Histograms over the thresholds, of pixels: ``state["predicted"]`` all labelled pixels by
    probability; ``state["right"]`` those near the truth; ``state["found"]`` the truth's pixels by
    the largest probability near them.
    """

    def __init__(self, tolerance: int) -> None:
        super().__init__()
        self.tolerance = tolerance
        for name in ("predicted", "right", "found"):
            self.state[name] = torch.zeros(_THRESHOLDS + 1, dtype=torch.float64)

    def update(self, output: Tensor, target: Tensor, weight: Tensor) -> None:
        valid = counted(target != IGNORE, weight)
        truth = (target == _BOUNDARY) & valid
        levels = probability(output).nan_to_num_(0).mul_(_THRESHOLDS).to(torch.uint8)
        levels.masked_fill_(~valid, 0)
        near = largest_near(truth, self.tolerance)
        self.add(
            predicted=_histogram(levels, valid),
            right=_histogram(levels, valid & near),
            found=_histogram(largest_near(levels, self.tolerance), truth),
        )

    def compute(self) -> dict[str, float]:
        if not self.state["found"].any():
            return dict.fromkeys(["f", "precision", "recall", "threshold"], math.nan)
        # how many are at each threshold or above, from 1 % on
        predicted, right, found = (
            self.state[name].flip(0).cumsum(0).flip(0)[1:]
            for name in ("predicted", "right", "found")
        )
        precision = right / predicted.clamp(min=1)
        recall = found / self.state["found"].sum()
        scores = 2 * precision * recall / (precision + recall).clamp(min=1e-12)
        best = int(scores.argmax())
        return {
            "f": float(scores[best]),
            "precision": float(precision[best]),
            "recall": float(recall[best]),
            "threshold": (best + 1) / _THRESHOLDS,
        }


def probability(output: Tensor) -> Tensor:
    """Logits ``[B, 1, H, W]`` to probabilities ``[B, H, W] float32``."""
    return output[:, 0].float().sigmoid()


def largest_near(values: Tensor, pixels: int) -> Tensor:
    """The largest of ``[B, H, W]`` within a square of so many pixels to every side.

    As maxima of shifted maps: on a CPU several times as fast as pooling.
    """
    for dim, pad in ((1, (0, 0, pixels, pixels)), (2, (pixels, pixels))):
        size, padded = values.shape[dim], F.pad(values, pad)
        shifted = (padded.narrow(dim, k, size) for k in range(2 * pixels + 1))
        values = functools.reduce(torch.maximum, shifted)
    return values


def _histogram(levels: Tensor, where: Tensor) -> Tensor:
    # the others go to one more bin: faster than picking those
    levels = levels.masked_fill(~where, _THRESHOLDS + 1).flatten()
    return torch.bincount(levels, minlength=_THRESHOLDS + 2)[:-1]


class Boundary(DenseTask):
    """Boundaries: class-balanced cross-entropy, F-measure at the best threshold.

    The loss is that of HED (Xie and Tu 2015, eq. 2), balanced in each picture: a boundary pixel
    counts by the share of the others, and they by its share; then the mean over all pixels.

    :param tolerance: pixels that a prediction may lie beside the truth and still be right.
    :param head: "lfov" is one dilated 3x3 convolution (DeepLab), "aspp" several side by side.
    :param width: of the head's hidden layers; 0 for 1024 (lfov) or 256 (aspp).
    :param rate: dilation of the head: 12 for features at an eighth of the picture, 6 at a 16th.
    :param dropout: probability of dropout in the head.
    """

    kind = "boundary"
    directions: ClassVar[dict[str, Direction]] = {"f": "max"}

    def __init__(
        self,
        name: str,
        column: Column,
        *,
        tolerance: Count = 2,
        head: Literal["lfov", "aspp"] = "lfov",
        width: Count = 0,
        rate: Count = 12,
        dropout: Fraction = 0.5,
    ) -> None:
        super().__init__(name, column, 1, head=head, width=width, rate=rate, dropout=dropout)
        self.tolerance = tolerance

    def valid(self, target: Tensor) -> Tensor:
        return target != IGNORE

    def image_losses(self, output: Tensor, target: Tensor, valid: Tensor) -> Tensor:
        logits, boundary = output[:, 0], target == _BOUNDARY
        positive, negative = valid & boundary, valid & ~boundary
        ones, zeros = (where.flatten(1).sum(1) for where in (positive, negative))
        share = zeros / (ones + zeros).clamp(min=1)
        missed = image_sums(F.softplus(-logits), positive)
        wrong = image_sums(F.softplus(logits), negative)
        return share * missed + (1 - share) * wrong

    def metrics(self) -> BoundaryMetrics:
        return BoundaryMetrics(self.tolerance)

    def answer(self, output: Tensor) -> Tensor:
        """Probabilities ``[B, H, W] float32``."""
        return probability(output).cpu()

    def truth(self, target: Tensor) -> Tensor:
        """0 or 1, ``[B, H, W] float32``; NaN where undefined."""
        return (target == _BOUNDARY).float().masked_fill(target == IGNORE, math.nan).cpu()

    def paint(self, answer: np.ndarray) -> np.ndarray:
        return paint_ramp(answer, _RAMP)

    def legend(self) -> list[tuple[str, Colour]]:
        colours = [as_colour(np.array(colour)) for colour in _RAMP]
        return list(zip(("no boundary", "boundary"), colours, strict=True))

    def stored(self, answer: np.ndarray) -> np.ndarray:
        """255 times the probability, ``[H, W] uint8``; 0 where undefined."""
        levels: np.ndarray = np.round(np.nan_to_num(answer, nan=0.0) * 255).astype(np.uint8)
        return levels

    def decode(self, output: Tensor) -> list[dict[str, Any]]:
        """The share of the picture that is a boundary with a probability above a half."""
        shares = (self.answer(output) > 0.5).float().flatten(1).mean(1)
        return [{"share": round(float(share), 4)} for share in shares]

    def caption(self, decoded: dict[str, Any]) -> str:
        return f"{decoded['share']:.1%} boundary"

    def evidence(self, output: Tensor, part: str | None = None) -> tuple[Tensor, list[str]]:
        """The mean logit where the answer is a boundary; of the picture where it is none."""
        logits = output[:, 0].float()
        return mean_where(logits, logits > 0), ["boundary"] * len(output)

    def agreement(self, one: Tensor, two: Tensor) -> tuple[None, float]:
        """Of probabilities."""
        return None, float((probability(one) - probability(two)).abs().mean())
