"""What a difference between networks is worth: changes, Δm, ranks, intervals over drawn rows."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mtlcli.engine import delta
from mtlcli.engine.bootstrap import Interval
from mtlcli.tasks.base import Direction
from mtlcli.workflows.compare_runs import Entry, Method

Metrics = dict[str, dict[str, float]]
Directions = Mapping[str, Mapping[str, Direction]]


@dataclass(frozen=True)
class Against:
    """A method beside what it is held against.

    :param changes: task.metric → relative change of the mean over seeds, better is positive.
    :param delta: Δm of the mean scores.
    :param deltas: Δm of each seed against the reference's of the same seed.
    :param worst: the task that gained least, and its change; NaN where it has no finite score.
    :param interval: of Δm over resampled rows, the seeds held as they are.
    """

    changes: dict[str, float]
    delta: float
    deltas: list[float]
    worst: tuple[str, float]
    interval: Interval


@dataclass(frozen=True)
class Compared:
    """One method of a comparison.

    :param scores: of each seed.
    :param rank: mean place over all metrics, 1 is the best.
    :param alone: beside its single-task networks; None where it has none.
    :param first: beside the first method; None for that one itself.
    :param singles: of each seed, the single-task networks.
    """

    method: Method
    scores: list[Metrics]
    rank: float = math.nan
    alone: Against | None = None
    first: Against | None = None
    singles: list[list[Entry]] = field(default_factory=list)

    def values(self, key: str) -> list[float]:
        """A metric of every seed."""
        task, _, metric = key.partition(".")
        return [scores[task][metric] for scores in self.scores]


@dataclass(frozen=True)
class Seeds:
    """The scores of one side, a method or its single-task networks: on all rows, or on a draw.

    :param seeds: of the runs, in the order of ``scores``.
    """

    seeds: list[int]
    scores: list[Metrics]

    @property
    def mean(self) -> Metrics:
        """Over the seeds."""
        return mean(self.scores)


def mean(scores: Sequence[Metrics]) -> Metrics:
    """Of every metric over the seeds."""
    return {
        task: {m: sum(s[task][m] for s in scores) / len(scores) for m in metrics}
        for task, metrics in scores[0].items()
    }


def against(ours: Seeds, theirs: Seeds, directions: Directions, drawn: Interval) -> Against:
    """One side beside another; seeds are paired by their number, wherever they stand."""
    one, other = ours.mean, theirs.mean
    changes = {
        f"{task}.{metric}": delta.change(one[task][metric], other[task][metric], direction)
        for task, metrics in directions.items()
        for metric, direction in metrics.items()
    }
    paired = dict(zip(theirs.seeds, theirs.scores, strict=True))
    deltas = [
        delta.delta_m(scores, paired[seed], directions)
        for seed, scores in zip(ours.seeds, ours.scores, strict=True)
        if seed in paired
    ]
    total = delta.delta_m(one, other, directions)
    return Against(changes, total, deltas, _worst(one, other, directions), drawn)


def _worst(one: Metrics, other: Metrics, directions: Directions) -> tuple[str, float]:
    """A task that the baseline has no number for does not count; one that has diverged is last."""
    tasks = {
        task: delta.task_change(one[task], other[task], metrics)
        for task, metrics in directions.items()
        if any(other[task][m] != 0 and not math.isnan(other[task][m]) for m in metrics)
    }
    if not tasks:
        return "", math.nan
    last = min(tasks, key=lambda task: -math.inf if math.isnan(tasks[task]) else tasks[task])
    return last, tasks[last]


def ranks(scores: Sequence[Metrics], directions: Directions) -> list[float]:
    """Each method's mean place over all metrics; equals share a place, NaN comes last.

    :param scores: of each method, the mean over its seeds.
    """
    places: list[list[float]] = [[] for _ in scores]
    for task, metrics in directions.items():
        for metric, direction in metrics.items():
            sign = -1 if direction == "max" else 1
            found = [sign * one[task][metric] for one in scores]
            costs = [math.inf if math.isnan(value) else value for value in found]
            for place, value in zip(places, costs, strict=True):
                below = sum(other < value for other in costs)
                place.append(below + (sum(other == value for other in costs) + 1) / 2)
    return [sum(place) / len(place) for place in places]
