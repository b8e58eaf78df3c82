"""Δm: the mean relative change of all task metrics against single-task networks."""

import math
from collections.abc import Mapping

from mtlcli.tasks.base import Direction

Metrics = Mapping[str, Mapping[str, float]]


def change(value: float, baseline: float, direction: Direction) -> float:
    """Relative change in which better is positive; NaN where the baseline is 0 or unknown."""
    if not baseline or math.isnan(baseline):
        return math.nan
    sign = 1 if direction == "max" else -1
    return sign * (value - baseline) / abs(baseline)


def task_change(
    values: Mapping[str, float],
    baseline: Mapping[str, float],
    directions: Mapping[str, Direction],
) -> float:
    """One task: the mean over its metrics that both sides have."""
    changes = [
        change(values[metric], baseline[metric], direction)
        for metric, direction in directions.items()
        if metric in values and metric in baseline
    ]
    known = [c for c in changes if not math.isnan(c)]
    return sum(known) / len(known) if known else math.nan


def delta_m(
    values: Metrics, baseline: Metrics, directions: Mapping[str, Mapping[str, Direction]]
) -> float:
    """Δm (Maninis et al. 2019, eq. 4), the mean over tasks; NaN if no task has a baseline."""
    changes = [
        task_change(values[task], baseline[task], directions[task])
        for task in values
        if task in baseline
    ]
    known = [c for c in changes if not math.isnan(c)]
    return sum(known) / len(known) if known else math.nan
