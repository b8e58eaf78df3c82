"""Compare: several runs on the same rows, with what a difference is worth."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mtlcli import console
from mtlcli.data import manifest
from mtlcli.data.loader import eval_loader
from mtlcli.data.manifest import Dataset
from mtlcli.engine import delta
from mtlcli.engine import precision as numbers
from mtlcli.engine.bootstrap import Interval, interval, over, resampled
from mtlcli.engine.row_scores import RowScores, row_scores
from mtlcli.errors import DataError
from mtlcli.io import checkpoint
from mtlcli.tasks.base import Direction, Task
from mtlcli.workflows import build, row_cache
from mtlcli.workflows.checks import Ready, plans_of, recipe_of
from mtlcli.workflows.compare_runs import Entry, Method
from mtlcli.workflows.evaluate import images_at_once

Metrics = dict[str, dict[str, float]]
Directions = Mapping[str, Mapping[str, Direction]]
DRAWS = 1000


@dataclass(frozen=True)
class Net:
    """One network's sums by row, of its tasks."""

    tasks: dict[str, Task]
    rows: dict[str, RowScores]
    groups: list[object]

    def metrics(self, counts: Tensor) -> Metrics:
        """The scores where each row is there so often."""
        return {name: rows.score(self.tasks[name], counts) for name, rows in self.rows.items()}


@dataclass(frozen=True)
class Compared:
    """One method beside the baseline.

    :param scores: of each seed.
    :param changes: task.metric → relative change of the mean over seeds, better is positive.
    :param delta: Δm of the mean scores, and of each seed; empty without a baseline.
    :param interval: of Δm over resampled rows, the seeds held as they are.
    """

    method: Method
    scores: list[Metrics]
    changes: dict[str, float] = field(default_factory=dict)
    delta: float = math.nan
    deltas: list[float] = field(default_factory=list)
    worst: tuple[str, float] = ("", math.nan)
    interval: Interval | None = None
    rank: float = math.nan

    def values(self, key: str) -> list[float]:
        """A metric of every seed."""
        task, _, metric = key.partition(".")
        return [scores[task][metric] for scores in self.scores]


@dataclass(frozen=True)
class Comparison:
    """All methods on one split.

    :param baseline: scores of the single-task networks by seed; None where there are none.
    """

    split: str
    rows: int
    groups: int
    directions: dict[str, dict[str, Direction]]
    lines: list[Compared]
    baseline: list[Metrics] | None
    reference: str

    @property
    def keys(self) -> list[str]:
        """``task.metric``, those that count in Δm."""
        return [f"{t}.{m}" for t, metrics in self.directions.items() for m in metrics]


def measure(entry: Entry, split: str, device: str) -> Net:
    """Every row's sums of one network: those kept beside it, or by scoring it.

    :raises DataError: the data or the split are not there, or have fewer than 2 rows.
    """
    where = build.pick_device(device)
    header = checkpoint.read_header(entry.path)
    recipe, plans = recipe_of(header), plans_of(header)
    datasets = [manifest.load(folder) for folder in recipe.data]
    precision = numbers.resolve(recipe.train.precision, where)
    key = row_cache.key(header, datasets, split, [where.type, precision])
    found = row_cache.read(entry.path, split, key)
    if found is None:
        console.info(f"scoring {entry.path} on {split}")
        found = _score(entry.path, datasets, split, where, precision)
        row_cache.write(entry.path, split, key, found)
    index = next(iter(found.values())).index.tolist()
    groups = _groups(datasets, split)
    return Net(build.make_tasks(plans), found, [groups[i] for i in index])


def _score(
    path: Path, datasets: list[Dataset], split: str, where: torch.device, precision: str
) -> dict[str, RowScores]:
    loaded = build.load_model(path, where)
    look = loaded.recipe.input.model_copy(update={"margin": loaded.view.margin})
    recipe = loaded.recipe.model_copy(update={"input": look})
    rows = build.make_rows(Ready(recipe, datasets, loaded.plans), loaded.tasks, split, train=False)
    if len(rows) < 2:
        raise DataError(f"the {split} split has {len(rows)} rows; a comparison needs more")
    batches = eval_loader(rows, batch=images_at_once(loaded), workers=0)
    return row_scores(loaded.net, loaded.tasks, batches, where, precision)


def _groups(datasets: list[Dataset], split: str) -> list[object]:
    """Of every row, over all datasets: what is drawn together."""
    groups: list[object] = []
    for number, frame in enumerate(dataset.read(split) for dataset in datasets):
        known = frame["group"].tolist() if "group" in frame else range(len(frame))
        groups += [(number, group) for group in known]
    return groups


def compare(
    methods: Sequence[Method],
    singles: Mapping[str, Sequence[Entry]],
    *,
    split: str = "test",
    device: str = "auto",
    draws: int = DRAWS,
) -> Comparison:
    """Score all of them on the same rows; resample the rows the same way for all."""
    held: dict[Path, Net] = {}

    def net_of(entry: Entry) -> Net:
        if entry.path not in held:
            held[entry.path] = measure(entry, split, device)
        return held[entry.path]

    nets = [[net_of(run) for run in method.runs] for method in methods]
    alone = [[net_of(entry) for entry in row] for row in zip(*singles.values(), strict=True)]
    first = nets[0][0]
    directions = {name: dict(task.directions) for name, task in first.tasks.items()}
    _require_same_rows([net for row in [*nets, *alone] for net in row], split)
    everything = torch.ones(len(first.groups), dtype=torch.float64)
    counts = resampled(first.groups, draws)
    reference = [_merged(row, everything) for row in alone]
    lines = []
    for method, row in zip(methods, nets, strict=True):
        scores = [net.metrics(everything) for net in row]
        if not reference:
            lines.append(Compared(method, scores))
            continue

        def drawn(c: Tensor, row: list[Net] = row) -> float:
            base = _mean([_merged(each, c) for each in alone])
            return delta.delta_m(_mean([net.metrics(c) for net in row]), base, directions)

        lines.append(_held(method, scores, reference, directions, interval(over(counts, drawn))))
    ranks = _ranks(lines, directions)
    ranked = [Compared(**{**vars(line), "rank": r}) for line, r in zip(lines, ranks, strict=True)]
    groups = len(set(first.groups))
    return Comparison(
        split, len(first.groups), groups, directions, ranked, reference or None, "single tasks"
    )


def _require_same_rows(nets: list[Net], split: str) -> None:
    rows = [next(iter(net.rows.values())).index for net in nets]
    for other in rows[1:]:
        if not torch.equal(other, rows[0]):
            raise DataError(
                f"the networks did not see the same rows of {split}: {len(rows[0])} and "
                f"{len(other)}", hint="a picture that cannot be read? see bad.csv of the dataset",
            )  # fmt: skip


def _merged(nets: Sequence[Net], counts: Tensor) -> Metrics:
    found: Metrics = {}
    for net in nets:
        found |= net.metrics(counts)
    return found


def _mean(scores: Sequence[Metrics]) -> Metrics:
    return {
        task: {m: sum(s[task][m] for s in scores) / len(scores) for m in metrics}
        for task, metrics in scores[0].items()
    }


def _held(
    method: Method,
    scores: list[Metrics],
    reference: list[Metrics],
    directions: Directions,
    found: Interval,
) -> Compared:
    """One method against the single-task networks."""
    mean, base = _mean(scores), _mean(reference)
    changes = {
        f"{task}.{metric}": delta.change(mean[task][metric], base[task][metric], direction)
        for task, metrics in directions.items()
        for metric, direction in metrics.items()
    }
    tasks = {t: delta.task_change(mean[t], base[t], d) for t, d in directions.items()}
    worst = min(tasks, key=lambda task: tasks[task])
    each = [
        delta.delta_m(one, other, directions)
        for one, other in zip(scores, itertools.cycle(reference), strict=False)
    ]
    total = delta.delta_m(mean, base, directions)
    return Compared(method, scores, changes, total, each, (worst, tasks[worst]), found)


def _ranks(lines: Sequence[Compared], directions: Directions) -> list[float]:
    """Each method's mean place over all metrics; equals share a place."""
    places: list[list[float]] = [[] for _ in lines]
    for task, metrics in directions.items():
        for metric, direction in metrics.items():
            sign = -1 if direction == "max" else 1
            means = [sign * _mean(line.scores)[task][metric] for line in lines]
            for place, value in zip(places, means, strict=True):
                below = sum(other < value for other in means)
                place.append(below + (sum(other == value for other in means) + 1) / 2)
    return [sum(place) / len(place) for place in places]


def saved(comparison: Comparison, out: Path) -> list[Path]:
    """Table and picture in a folder."""
    from mtlcli.workflows import compare_table

    return compare_table.save(comparison, out)


def plain(comparison: Comparison) -> dict[str, Any]:
    """For JSON."""
    return {
        "schema": "mtl.compare/1",
        "split": comparison.split,
        "rows": comparison.rows,
        "resampled": comparison.groups,
        "baseline": comparison.reference if comparison.baseline else None,
        "methods": [
            {
                "name": line.method.name,
                "runs": [str(run.path) for run in line.method.runs],
                "scores": line.scores,
                "changes": line.changes,
                "delta_m": line.delta,
                "delta_m_of_seeds": line.deltas,
                "worst_task": line.worst[0],
                "worst_change": line.worst[1],
                "mean_rank": line.rank,
                "interval": vars(line.interval) if line.interval else None,
            }
            for line in comparison.lines
        ],
    }
