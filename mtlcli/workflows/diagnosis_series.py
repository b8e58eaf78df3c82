"""Statistics of short, noisy series: standard errors, the lowest point, overfitting after it."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from mtlcli.workflows.diagnosis_read import Columns

#: Noise cannot be told from a trend in fewer scorings.
LEAST_SCORINGS = 5
#: So many scorings after the lowest val loss must be worse: one may be an accident.
LEAST_WORSE = 2
#: Scorings count as worse if this many standard deviations of the noise above the lowest …
NOISE_SDS = 2.0
#: … and this part of the lowest: a rise of 1 % is not worth a word, however certain.
LEAST_RISE = 0.01
#: Scorings on either side of the lowest that say what is usual there.
AROUND = 2
_MAD_TO_SD = 1.4826  # of a normal distribution
_LEAST_FOR_LAG = 8  # samples, to estimate how alike neighbours are
_MOST_ALIKE = 0.95  # beyond it the series is a trend, and the standard error is not to be had


@dataclass(frozen=True)
class Overfit:
    """A task whose val loss rises while its training loss falls.

    :param epoch: of the lowest val loss, after which it begins.
    :param lowest: val loss there.
    :param last: median val loss of the last third of the scorings after it.
    :param noise: standard deviation of one scoring.
    :param train: training loss at ``epoch``, and the median of the same last third.
    """

    epoch: int
    lowest: float
    last: float
    noise: float
    train: tuple[float, float]

    @property
    def rise(self) -> float:
        """Of the val loss, relative to the lowest."""
        return (self.last - self.lowest) / abs(self.lowest) if self.lowest else math.inf


def standard_error(values: np.ndarray) -> float:
    """Of the mean of a series ``[N]`` without NaN, in which neighbours may be alike.

    Samples of a first-order autoregressive series are worth N (1 - r) / (1 + r) independent ones
    (Bartlett 1935); r is the correlation of neighbours, where it is positive.

    :returns: NaN for fewer than two samples.
    """
    count = len(values)
    if count < 2:
        return math.nan
    plain = float(values.std(ddof=1)) / math.sqrt(count)
    away = values - values.mean()
    total = float(away @ away)
    if count < _LEAST_FOR_LAG or total == 0:
        return plain
    alike = min(max(float(away[1:] @ away[:-1]) / total, 0.0), _MOST_ALIKE)
    return plain * math.sqrt((1 + alike) / (1 - alike))


def fit(task: str, metrics: Columns) -> tuple[int | None, Overfit | None, float]:
    """Epoch of the lowest val loss, overfitting after it, or how fast it still falls."""
    empty = np.full(len(metrics.get("epoch", ())), np.nan)
    val = metrics.get(f"{task}.val_loss", empty)
    known = np.isfinite(val)
    if not known.any():
        return None, None, 0.0
    epochs, val = metrics["epoch"][known], val[known]
    train = metrics.get(f"{task}.train_loss", empty)[known]
    place = lowest(val)
    return int(epochs[place]), overfitting(epochs, train, val), falling(val, place)


def lowest(values: np.ndarray) -> int:
    """Where a noisy series ``[N]`` without NaN is lowest: one downward spike does not count.

    The smallest value beside the minimum of the running median of three.
    """
    if len(values) < 3:
        return int(np.argmin(values))
    around = np.stack([np.r_[values[0], values[:-1]], values, np.r_[values[1:], values[-1]]])
    centre = int(np.argmin(np.median(around, axis=0)))
    first = max(0, centre - 1)
    return first + int(np.argmin(values[first : centre + 2]))


def noise_of(values: np.ndarray) -> float:
    """Standard deviation of the noise on a smooth curve ``[N]``, N ≥ 3: from second differences,
    whose standard deviation is √6 times that of white noise, by their median size."""
    bends = np.diff(values, 2)
    return float(np.median(np.abs(bends))) * _MAD_TO_SD / math.sqrt(6)


def overfitting(epochs: np.ndarray, train: np.ndarray, val: np.ndarray) -> Overfit | None:
    """The lowest val loss, if two scorings or more after it are worse by more than the noise, and
    the last third of them is worse than the scorings around it (the lowest of many is low by
    chance alone), while the training loss is lower than there.

    :param epochs, train, val: ``[N]``; ``val`` without NaN.
    """
    place = lowest(val)
    if len(val) < LEAST_SCORINGS or place >= len(val) - LEAST_WORSE:
        return None
    noise = noise_of(val)
    margin = max(NOISE_SDS * noise, LEAST_RISE * abs(val[place]))
    level = median(val[max(0, place - AROUND) : place + AROUND + 1])
    after = slice(place + 1 + 2 * (len(val) - place - 1) // 3, None)
    last, train_last = float(np.median(val[after])), median(train[after])
    worse = int((val[place + 1 :] > val[place] + margin).sum())
    if worse < LEAST_WORSE or last <= level + margin or not train_last < train[place]:
        return None
    return Overfit(
        int(epochs[place]), float(val[place]), last, noise, (float(train[place]), train_last)
    )


def falling(val: np.ndarray, place: int) -> float:
    third = len(val) // 3
    if len(val) < LEAST_SCORINGS or place < len(val) - 2:
        return 0.0
    fall = float(val[-third - 1] - val[place])
    certain = fall > max(NOISE_SDS * noise_of(val), LEAST_RISE * abs(val[place]))
    return fall / abs(val[-third - 1]) if certain and val[-third - 1] else 0.0


def spread(values: Iterable[float]) -> float:
    """Largest over smallest of the positive numbers; NaN where there are fewer than two."""
    known = [value for value in values if value > 0 and math.isfinite(value)]
    return max(known) / min(known) if len(known) > 1 else math.nan


def median(values: np.ndarray) -> float:
    """Of what is known; NaN where nothing is."""
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else math.nan


def mean(values: np.ndarray) -> float:
    """NaN of nothing."""
    return float(values.mean()) if values.size else math.nan
