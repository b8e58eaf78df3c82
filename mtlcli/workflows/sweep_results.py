"""What a sweep has measured: scores by row and seed, Δm against the baseline of the same seed, and
the point of each grid that was best on ``val``.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mtlcli.engine import delta
from mtlcli.recipe.sweep import Sweep
from mtlcli.recipe.sweep_schema import Point
from mtlcli.tasks.base import Direction
from mtlcli.workflows.sweep_jobs import Store
from mtlcli.workflows.sweep_plan import Cell, Plan

Metrics = dict[str, dict[str, float]]
Directions = dict[str, dict[str, Direction]]


@dataclass
class Score:
    """One row with one seed.

    :param metrics: on the sweep's split.
    :param val: on ``val``, of the same checkpoints.
    :param epochs: passes over the data, with those of the networks it was fused from.
    :param delta_m: in parts of 1; NaN without a baseline.
    """

    metrics: Metrics
    val: Metrics
    epochs: int
    parameters: int
    checkpoints: tuple[str, ...] = ()
    delta_m: float = math.nan


@dataclass
class Line:
    """A row of the table: a row of the file at one point of its grid.

    :param best: ``task.metric`` by which the recipe chooses; empty: the leading metrics.
    :param value: how good it is on ``val``, larger is better; NaN where there is no choice.
    :param chosen: it is the best point of its grid.
    """

    row: str
    point: Point
    best: str = ""
    published: Mapping[str, float] = field(default_factory=dict)
    scores: dict[int, Score] = field(default_factory=dict)
    value: float = math.nan
    chosen: bool = False

    @property
    def title(self) -> str:
        """``nddr own=0.9``."""
        return " ".join(filter(None, [self.row, self.point.label]))

    def values(self, key: str) -> list[float]:
        """A metric, ``task.metric``, for each seed."""
        task, _, metric = key.partition(".")
        return [s.metrics.get(task, {}).get(metric, math.nan) for s in self.scores.values()]

    def deltas(self) -> list[float]:
        """Δm for each seed."""
        return [score.delta_m for score in self.scores.values()]


@dataclass
class Results:
    """All lines, in the order of the file.

    :param missing: rows with a seed that is not done.
    """

    sweep: Sweep
    lines: list[Line]
    directions: Directions
    missing: list[str]

    def keys(self) -> list[str]:
        """Every ``task.metric`` that was measured; the leading one of each task first."""
        found: dict[str, dict[str, None]] = {
            task: dict.fromkeys(metrics) for task, metrics in self.directions.items()
        }
        for line in self.lines:
            for score in line.scores.values():
                for task, metrics in score.metrics.items():
                    found.setdefault(task, {}).update(dict.fromkeys(metrics))
        return [f"{task}.{metric}" for task, metrics in found.items() for metric in metrics]

    def leading(self) -> list[str]:
        """The leading metric of each task."""
        return [f"{task}.{next(iter(metrics))}" for task, metrics in self.directions.items()]


def spread(values: Sequence[float]) -> tuple[float, float]:
    """Mean and sample standard deviation (n - 1); NaN where there are too few, or one is NaN."""
    mean = float(np.mean(values)) if len(values) else math.nan
    return mean, float(np.std(values, ddof=1)) if len(values) > 1 else math.nan


def collect(plan: Plan, store: Store) -> Results:
    """Everything that is done so far.

    :raises DataError: a record cannot be read.
    """
    lines: dict[tuple[str, Point], Line] = {}
    directions: Directions = {}
    missing = []
    for cell in plan.cells:
        row = plan.sweep.spec.rows[cell.row]
        fresh = Line(cell.row, cell.point, cell.best, row.published)
        line = lines.setdefault((cell.row, cell.point), fresh)
        scored = [store.record(plan.jobs[scoring]) for scoring in cell.scorings]
        reports = [record["result"] for record in scored if record is not None]
        if len(reports) < len(scored):
            missing.append(f"{line.title}, seed {cell.seed}")
            continue
        for report in reports:
            directions.update(report["directions"])
        line.scores[cell.seed] = _score(plan, store, cell, reports)
    results = Results(plan.sweep, list(lines.values()), directions, missing)
    _judge(results)
    return results


def _score(plan: Plan, store: Store, cell: Cell, reports: Sequence[Mapping[str, Any]]) -> Score:
    """One network, or one for each task, taken together."""
    trained = [store.record(plan.jobs[training]) or {} for training in cell.trainings]
    val = [record.get("result", {}).get("scores", {}).get("val", {}) for record in trained]
    return Score(
        metrics=_merged([report["model"]["metrics"] for report in reports]),
        val=_merged(val),
        epochs=max(_epochs(plan, store, training) for training in cell.trainings),
        parameters=sum(report["model"]["parameters"] for report in reports),
        checkpoints=tuple(report["model"]["path"] for report in reports),
    )


def _merged(parts: Sequence[Mapping[str, Mapping[str, float | None]]]) -> Metrics:
    """JSON has null where a number is NaN."""
    return {
        task: {m: math.nan if v is None else v for m, v in metrics.items()}
        for part in parts
        for task, metrics in part.items()
    }


def _epochs(plan: Plan, store: Store, job_id: str) -> int:
    """Epochs that were trained, with those before; 0 where it is not known."""
    job = plan.jobs[job_id]
    before = max((_epochs(plan, store, need) for need in job.needs), default=job.before)
    if job.kind == "fuse":
        return before
    own = (store.record(job) or {}).get("result", {}).get("epochs", 0)
    return int(own) + before if own else 0


def _judge(results: Results) -> None:
    """Choose the points on ``val``, that of the baseline first; then Δm on the split."""
    rows: dict[str, list[Line]] = {}
    for line in results.lines:
        rows.setdefault(line.row, []).append(line)
    base = _choose(results, rows.pop(results.sweep.baseline, []), None)
    for lines in rows.values():
        _choose(results, lines, base)
    if base is not None:
        for line in results.lines:
            _compare(line, base, results.directions)


def _choose(results: Results, lines: Sequence[Line], base: Line | None) -> Line | None:
    """Mark the best of several points; the best, or the only one."""
    seeds = results.sweep.spec.seeds
    whole = [line for line in lines if len(line.scores) == len(seeds)]
    if len(lines) == 1:
        lines[0].chosen = bool(lines[0].point.label)
        return lines[0]
    if not whole:
        return None
    rival = base if base and len(base.scores) == len(seeds) else whole[0]
    for line in whole:
        line.value = _value(line, rival, results.directions)
    known = [line for line in whole if math.isfinite(line.value)]
    if not known:
        return None
    best = max(known, key=lambda line: line.value)
    best.chosen = True
    return best


def _value(line: Line, rival: Line, directions: Directions) -> float:
    pairs = [(score.val, rival.scores[seed].val) for seed, score in line.scores.items()]
    return spread([choice(val, other, directions, line.best) for val, other in pairs])[0]


def choice(val: Metrics, rival: Metrics, directions: Directions, best: str) -> float:
    """How good scores are, larger is better; as the best epoch of a training is chosen.

    :param best: ``task.metric``; empty: the mean over the tasks of the leading metric's relative
        change against the rival's.
    """
    if best:
        task, _, metric = best.partition(".")
        value = val.get(task, {}).get(metric, math.nan)
        return value if directions[task][metric] == "max" else -value
    return spread(list(_gains(val, rival, directions)))[0]


def _gains(val: Metrics, rival: Metrics, directions: Directions) -> Iterator[float]:
    for task, metrics in directions.items():
        leading, direction = next(iter(metrics.items()))
        if task in val and leading in rival.get(task, {}):
            yield delta.change(val[task][leading], rival[task][leading], direction)


def _compare(line: Line, base: Line, directions: Directions) -> None:
    for seed, score in line.scores.items():
        if line is not base and seed in base.scores:
            rival = base.scores[seed].metrics
            score.delta_m = delta.delta_m(score.metrics, rival, directions)
