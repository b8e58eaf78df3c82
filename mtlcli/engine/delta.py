"""Δm: the mean relative change of all task metrics against single-task networks.

A metric counts where its baseline is known and not 0. There, a score that is NaN makes Δm NaN: a
network that has diverged is not judged by what is left of it.
"""

import math
from collections.abc import Mapping

from mtlcli.tasks.base import Direction

Metrics = Mapping[str, Mapping[str, float]]


def change(value: float, baseline: float, direction: Direction) -> float:
    """Relative change in which better is positive; NaN where the baseline is 0 or unknown."""
    if not _counts(baseline):
        return math.nan
    sign = 1 if direction == "max" else -1
    return sign * (value - baseline) / abs(baseline)


def _counts(baseline: float) -> bool:
    return baseline != 0 and not math.isnan(baseline)


def task_change(
    values: Mapping[str, float],
    baseline: Mapping[str, float],
    directions: Mapping[str, Direction],
) -> float:
    """One task: the mean over its metrics that both sides have; NaN if there is none."""
    changes = [
        change(values[metric], baseline[metric], direction)
        for metric, direction in directions.items()
        if metric in values and _counts(baseline.get(metric, math.nan))
    ]
    return sum(changes) / len(changes) if changes else math.nan


def delta_m(
    values: Metrics, baseline: Metrics, directions: Mapping[str, Mapping[str, Direction]]
) -> float:
    """Δm (Maninis et al. 2019, eq. 4), the mean over tasks; NaN if no task has a baseline."""
    changes = [
        task_change(values[task], baseline[task], directions[task])
        for task in values
        if any(_counts(value) for value in baseline.get(task, {}).values())
    ]
    return sum(changes) / len(changes) if changes else math.nan
