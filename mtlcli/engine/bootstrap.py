"""Paired bootstrap: how sure a difference on one test split is (Efron & Tibshirani 1993)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

Value = TypeVar("Value")


@dataclass(frozen=True)
class Interval:
    """Of a difference to the baseline.

    :param low: of the 95 % percentile interval.
    :param p: two-sided: twice the smaller share of draws on one side of 0; at least 2 / draws.
    """

    low: float
    high: float
    p: float


def resampled(groups: Sequence[object], draws: int, seed: int = 0) -> Tensor:
    """How often each row is drawn: whole groups, as many as there are, with repetition.

    :param groups: of each row; rows of one subject or scene stay together.
    :returns: ``[draws, N] float64``.
    """
    known = {group: i for i, group in enumerate(dict.fromkeys(groups))}
    member = np.array([known[group] for group in groups])
    rng = np.random.default_rng(seed)
    even = np.full(len(known), 1 / len(known))
    counts = rng.multinomial(len(known), even, size=draws)
    return torch.from_numpy(counts[:, member].astype(np.float64))


def interval(draws: Sequence[float]) -> Interval:
    """Of draws of a difference; NaN where fewer than two are finite."""
    known = np.array([value for value in draws if np.isfinite(value)])
    if len(known) < 2:
        return Interval(float("nan"), float("nan"), float("nan"))
    low, high = np.percentile(known, [2.5, 97.5])
    side = min((known <= 0).mean(), (known >= 0).mean())
    return Interval(float(low), float(high), float(min(1.0, max(2 * side, 2 / len(known)))))


def over(counts: Tensor, value: Callable[[Tensor], Value]) -> list[Value]:
    """A value of every draw, ``counts [draws, N]``."""
    return [value(row) for row in counts]
