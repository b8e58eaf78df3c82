"""Age in years, as a distribution over whole years that is decoded by its expectation (DEX)."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from mtlcli.errors import UsageError
from mtlcli.io.column import Column
from mtlcli.registry import Count, Fraction, NonNegative
from mtlcli.tasks.base import Direction, ImageTask, Labels, Metrics, full, histogram_median
from mtlcli.tasks.completable import OverClasses
from mtlcli.tasks.heads import image_head
from mtlcli.tasks.regression import encode_numbers

_BIN = 0.01  # years; the median is exact to half of it


def gaussian_labels(ages: Tensor, years: Tensor, spread: float) -> Tensor:
    """Label distributions, DLDL (Gao et al. 2017), eq. 1: a normal around the age.

    :param ages: ``[B]`` in years.
    :param years: ``[C]``, the year of each class.
    :param spread: standard deviation in years; 0 gives all to the nearest year.
    :returns: ``[B, C]`` with rows that sum to 1.
    """
    squared = (years - ages.unsqueeze(1)).square()
    if spread == 0:
        return nn.functional.one_hot(squared.argmin(1), len(years)).to(years.dtype)
    return (-squared / (2 * spread**2)).softmax(1)


class AgeMetrics(Metrics):
    """Mean and median absolute error in years, and the share of errors of at most 5 years (CS@5).

    ``state["errors"]`` is a histogram of absolute errors in hundredths of a year, from which the
    median comes without keeping every prediction.
    """

    def __init__(self, years: Tensor) -> None:
        super().__init__()
        self.years = years
        bins = int((years[-1] - years[0]).item() / _BIN) + 2
        self.state["sums"] = torch.zeros(3, dtype=torch.float64)  # count, |error|, within 5
        self.state["errors"] = torch.zeros(bins, dtype=torch.float64)

    def update(self, output: Tensor, target: Tensor, weight: Tensor) -> None:
        seen = weight > 0
        error, cells = self._errors(output[seen], target[seen])
        weight = weight[seen].double()
        sums = torch.stack([weight.sum(), (error * weight).sum(), ((error <= 5) * weight).sum()])
        bins = len(self.state["errors"])
        counts = torch.bincount(cells, weights=weight, minlength=bins)
        self.state["sums"] = self.state["sums"] + sums.cpu()
        self.state["errors"] = self.state["errors"] + counts.cpu()

    def _errors(self, output: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Absolute errors ``[B] float64`` in years, and their bins ``[B] int64``."""
        error = (expectation(output, self.years.to(output.device)) - target).abs().double()
        bins = len(self.state["errors"])
        return error, (error / _BIN).nan_to_num(bins).long().clamp(max=bins - 1)

    def by_row(self, output: Tensor, target: Tensor, weight: Tensor) -> dict[str, Tensor]:
        error, cells = (x.cpu() for x in self._errors(output, target))
        weight = weight.double().cpu()
        seen = weight > 0
        terms = torch.stack([weight, error * weight, (error <= 5) * weight], 1)
        found = torch.zeros(len(cells), len(self.state["errors"]), dtype=torch.float64)
        found.scatter_(1, cells.unsqueeze(1), weight.unsqueeze(1))
        return {"sums": torch.where(seen.unsqueeze(1), terms, 0.0), "errors": found}

    def compute(self) -> dict[str, float]:
        count, absolute, within = self.state["sums"].tolist()
        if count == 0:
            return dict.fromkeys(Age.directions, float("nan"))
        median = histogram_median(self.state["errors"], _BIN)
        return {"mae": absolute / count, "median_ae": median, "cs5": within / count}


def expectation(output: Tensor, years: Tensor) -> Tensor:
    """Logits ``[B, C]`` to expected ages ``[B]``: DEX (Rothe et al. 2018), E = Σ year · p."""
    return (full(output).softmax(1) * years).sum(1)  # autocast would make a product of it bf16


class Age(OverClasses, ImageTask):
    """Age in years: distribution over years, decoded by expectation; MAE, median error, CS@5.

    The loss is that of DLDL-v2 (Gao et al. 2018): the Kullback-Leibler divergence from a normal
    label distribution, and the absolute error of the expectation.

    :param low: first year of the distribution; the dataset's when left out.
    :param high: last year of the distribution; the dataset's when left out.
    :param spread: standard deviation of the label distribution in years; 0 puts all on the nearest
        year, which makes the divergence the plain cross-entropy.
    :param expected: factor of the expectation's absolute error (per year) in the loss.
    :param head: "relu", or "prelu": PReLU and batch norm after the hidden layer.
    :param hidden: width of a hidden layer in the head; 0 for none (512 with "prelu").
    :param dropout: probability of dropout in the head.
    """

    kind = "age"
    answers = "classes"
    directions: ClassVar[dict[str, Direction]] = {"mae": "min", "median_ae": "min", "cs5": "max"}

    def __init__(
        self,
        name: str,
        column: Column,
        *,
        low: int | None = None,
        high: int | None = None,
        spread: NonNegative = 2.0,
        expected: NonNegative = 0.1,
        head: Literal["relu", "prelu"] = "relu",
        hidden: Count = 0,
        dropout: Fraction = 0.0,
    ) -> None:
        super().__init__(name, column)
        first, last = column.years(low, high)
        if first >= last:
            raise UsageError(f"tasks.{name}: low = {first} is not below high = {last}")
        #: the year of every class: index ↔ year is defined here and nowhere else.
        self.years = torch.arange(first, last + 1, dtype=torch.float32)
        self.spread, self.expected = spread, expected
        self._head, self.hidden, self.dropout = head, hidden, dropout

    def head(self, channels: int) -> nn.Module:
        return image_head(
            self._head, channels, len(self.years), hidden=self.hidden, dropout=self.dropout
        )

    def encode(self, cells: Sequence[str]) -> Labels:
        """Ages outside ``low..high`` are taken as unlabelled."""
        labels = encode_numbers(self.name, cells)
        inside = (labels.values >= self.years[0].item()) & (labels.values <= self.years[-1].item())
        return Labels(labels.values, labels.present & inside)

    def loss(self, output: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        years = self.years.to(output.device)
        logits = full(output)
        labels = gaussian_labels(target, years, self.spread)
        divergence = nn.functional.kl_div(logits.log_softmax(1), labels, reduction="none").sum(1)
        each = divergence + self.expected * (expectation(logits, years) - target).abs()
        return (each * weight).sum()

    def pseudo(self, output: Tensor) -> Tensor:
        """The expected age."""
        return expectation(output, self.years.to(output.device))

    def class_of(self, target: Tensor) -> Tensor:
        return (target - self.years[0]).round().long().clamp(0, len(self.years) - 1)

    def metrics(self) -> AgeMetrics:
        return AgeMetrics(self.years)

    def decode(self, output: Tensor) -> list[dict[str, Any]]:
        probabilities = output.float().softmax(1).cpu()
        means = expectation(output, self.years.to(output.device)).cpu()
        squared = (self.years - means.unsqueeze(1)).square()
        deviations = (probabilities * squared).sum(1).sqrt()
        return [
            {"value": round(float(mean), 1), "deviation": round(float(deviation), 1)}
            for mean, deviation in zip(means, deviations, strict=True)
        ]

    def evidence(self, output: Tensor, part: str | None = None) -> tuple[Tensor, list[str]]:
        """The expected age in years."""
        return self.pseudo(output), ["higher age"] * len(output)

    def agreement(self, one: Tensor, two: Tensor) -> tuple[None, float]:
        years = self.years.to(one.device)
        return None, float((expectation(one, years) - expectation(two, years)).abs().mean())

    def caption(self, decoded: dict[str, Any]) -> str:
        return f"{decoded['value']:.0f} ±{decoded['deviation']:.0f}"
