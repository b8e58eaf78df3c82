"""Compare: several runs on the same rows, with what a difference is worth."""

import math
from collections.abc import Iterator, Mapping, Sequence
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
from mtlcli.engine.bootstrap import interval, over, resampled
from mtlcli.engine.row_scores import RowScores, row_scores
from mtlcli.errors import DataError
from mtlcli.io import checkpoint
from mtlcli.tasks.base import Direction, Task
from mtlcli.workflows import build, row_cache
from mtlcli.workflows import compare_stats as stats
from mtlcli.workflows.checks import Ready, plans_of, recipe_of
from mtlcli.workflows.compare_runs import Entry, Method
from mtlcli.workflows.compare_stats import Against, Compared, Directions, Metrics, Seeds
from mtlcli.workflows.evaluate import images_at_once

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
class Comparison:
    """All methods on one split.

    :param groups: of rows, drawn together.
    :param remarks: what a reader should know before believing it.
    """

    split: str
    rows: int
    groups: int
    directions: dict[str, dict[str, Direction]]
    lines: list[Compared]
    remarks: list[str] = field(default_factory=list)

    @property
    def keys(self) -> list[str]:
        """``task.metric``, those that count in Δm."""
        return [f"{t}.{m}" for t, metrics in self.directions.items() for m in metrics]

    @property
    def alone(self) -> bool:
        """Whether any method has single-task networks to be held against."""
        return any(line.alone for line in self.lines)


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
    singles: Sequence[Sequence[Sequence[Entry]]],
    *,
    split: str = "test",
    device: str = "auto",
    draws: int = DRAWS,
    remarks: Sequence[str] = (),
) -> Comparison:
    """Score all of them on the same rows; resample the rows the same way for all.

    :param singles: of each method, for each of its runs the networks of all tasks; empty where a
        method has none.
    """
    nets: dict[Path, Net] = {}
    for entry in _all(methods, singles):
        if entry.path not in nets:
            nets[entry.path] = measure(entry, split, device)
    first = nets[methods[0].runs[0].path]
    directions = {name: dict(task.directions) for name, task in first.tasks.items()}
    _require_same_rows(list(nets.values()), split)

    def seen(counts: Tensor) -> list[_Sides]:
        scores = {path: net.metrics(counts) for path, net in nets.items()}
        return [_sides(m, rows, scores) for m, rows in zip(methods, singles, strict=True)]

    whole = seen(torch.ones(len(first.groups), dtype=torch.float64))
    counts = resampled(first.groups, draws if len(methods) > 1 or any(singles) else 0)
    drawn = over(counts, lambda row: _deltas(seen(row), directions))
    places = stats.ranks([side.own.mean for side in whole], directions)
    lines = [
        Compared(
            method, side.own.scores, rank, singles=[list(row) for row in rows],
            alone=_beside(side.own, side.alone, directions, [one[i][0] for one in drawn]),
            first=_beside(
                side.own, whole[0].own if i else None, directions, [one[i][1] for one in drawn]
            ),
        )
        for i, (method, side, rank, rows) in enumerate(
            zip(methods, whole, places, singles, strict=True)
        )
    ]  # fmt: skip
    groups = len(set(first.groups))
    return Comparison(split, len(first.groups), groups, directions, lines, list(remarks))


@dataclass(frozen=True)
class _Sides:
    """A method's scores on some rows, and those of its single-task networks."""

    own: Seeds
    alone: Seeds | None


def _all(
    methods: Sequence[Method], singles: Sequence[Sequence[Sequence[Entry]]]
) -> Iterator[Entry]:
    yield from (run for method in methods for run in method.runs)
    yield from (entry for rows in singles for row in rows for entry in row)


def _sides(
    method: Method, singles: Sequence[Sequence[Entry]], scores: Mapping[Path, Metrics]
) -> _Sides:
    seeds = [run.seed for run in method.runs]
    own = Seeds(seeds, [scores[run.path] for run in method.runs])
    merged = [{t: m for one in row for t, m in scores[one.path].items()} for row in singles]
    return _Sides(own, Seeds(seeds, merged) if merged else None)


def _deltas(sides: Sequence[_Sides], directions: Directions) -> list[tuple[float, float]]:
    """Δm of every method against its single-task networks, and against the first method."""
    first = sides[0].own.mean
    found = []
    for side in sides:
        own = side.own.mean
        base = math.nan if side.alone is None else delta.delta_m(own, side.alone.mean, directions)
        found.append((base, delta.delta_m(own, first, directions)))
    return found


def _beside(
    own: Seeds, other: Seeds | None, directions: Directions, drawn: Sequence[float]
) -> Against | None:
    return None if other is None else stats.against(own, other, directions, interval(drawn))


def _require_same_rows(nets: list[Net], split: str) -> None:
    rows = [next(iter(net.rows.values())).index for net in nets]
    for other in rows[1:]:
        if not torch.equal(other, rows[0]):
            raise DataError(
                f"the networks did not see the same rows of {split}: {len(rows[0])} and "
                f"{len(other)}", hint="a picture that cannot be read? see bad.csv of the dataset",
            )  # fmt: skip


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
        "baseline": "single tasks" if comparison.alone else None,
        "first": comparison.lines[0].method.name,
        "remarks": comparison.remarks,
        "methods": [_plain_line(line) for line in comparison.lines],
    }


def _plain_line(line: Compared) -> dict[str, Any]:
    alone = line.alone
    return {
        "name": line.method.name,
        "runs": [str(run.path) for run in line.method.runs],
        "singles": [[str(entry.path) for entry in row] for row in line.singles],
        "scores": line.scores,
        "changes": alone.changes if alone else {},
        "delta_m": alone.delta if alone else None,
        "delta_m_of_seeds": alone.deltas if alone else [],
        "worst_task": alone.worst[0] if alone else "",
        "worst_change": alone.worst[1] if alone else None,
        "mean_rank": line.rank,
        "interval": vars(alone.interval) if alone else None,
        "against_first": _plain_first(line.first) if line.first else None,
    }


def _plain_first(found: Against) -> dict[str, Any]:
    return {
        "changes": found.changes,
        "delta_m": found.delta,
        "delta_m_of_seeds": found.deltas,
        "interval": vars(found.interval),
    }
