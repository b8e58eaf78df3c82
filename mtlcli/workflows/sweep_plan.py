"""From a sweep to its jobs, each once; all that can be known before the first hour is seen here."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mtlcli.data.manifest import Dataset
from mtlcli.errors import UsageError
from mtlcli.io import checkpoint
from mtlcli.io.run_dir import find_checkpoint
from mtlcli.io.toml import dumps
from mtlcli.recipe.schema import Recipe
from mtlcli.recipe.sweep import Sweep
from mtlcli.recipe.sweep_schema import Point, RowSpec, points
from mtlcli.workflows import checks, sweep_checks
from mtlcli.workflows.budget import epochs_in
from mtlcli.workflows.checks import Ready
from mtlcli.workflows.run_data import fingerprint
from mtlcli.workflows.sweep_jobs import Job, essence, make_id, part


@dataclass(frozen=True)
class Cell:
    """One row, point and seed: its networks, and where they are scored.

    :param trainings: job ids; several where each task has a network of its own.
    :param scorings: as many.
    :param best: ``task.metric`` by which the recipe chooses; empty: the leading metrics.
    """

    row: str
    point: Point
    seed: int
    trainings: tuple[str, ...]
    scorings: tuple[str, ...]
    best: str = ""


@dataclass
class Plan:
    """All jobs of a sweep, in an order in which they can be done, and the table's cells."""

    sweep: Sweep
    jobs: dict[str, Job] = field(default_factory=dict)
    cells: list[Cell] = field(default_factory=list)

    def epochs(self, job: Job) -> int:
        """Passes over the data with those of the networks it starts from; 0: not known before."""
        before = [self.epochs(self.jobs[need]) for need in job.needs]
        if job.recipe is None:
            return max(before) if all(before) else 0
        own = 0 if job.recipe.train.steps else job.recipe.train.epochs
        return own + max(before, default=job.before) if own and all(before) else 0

    def budgets(self) -> list[tuple[str, int]]:
        """Row and epochs in all, for each cell."""
        return [(c.row, max(self.epochs(self.jobs[t]) for t in c.trainings)) for c in self.cells]


def make_plan(sweep: Sweep) -> Plan:
    """Every job, by seed first, so that a table with the first seed is there early.

    :raises UsageError: a recipe cannot be, or does not fit the others.
    :raises DataError: data that a recipe names are not there.
    """
    builder = _Builder(sweep)
    for seed in sweep.spec.seeds:
        for name, row in sweep.spec.rows.items():
            for point in points(row):
                try:
                    builder.add(name, row, point, seed)
                except UsageError as fault:
                    place = " ".join(filter(None, [name, point.label]))
                    raise UsageError(
                        f"row {place}: {fault.what}", where=fault.where, hint=fault.hint
                    ) from None
    sweep_checks.check_metrics(sweep, builder.plan.jobs.values(), builder.kinds)
    return builder.plan


class _Builder:
    def __init__(self, sweep: Sweep) -> None:
        self.sweep = sweep
        self.plan = Plan(sweep)
        self.kinds: dict[str, set[str]] = {}  # task → its kinds
        self._known: dict[str, str] = {}  # hash → id
        self._ready: dict[str, Ready] = {}
        self._prints: dict[Path, Any] = {}

    def add(self, name: str, row: RowSpec, point: Point, seed: int) -> None:
        """The jobs of one cell."""
        title = " ".join(filter(None, [name, point.label])) + f", seed {seed}"
        if row.singles:
            trained = [self._single(title, row, point, task, seed) for task in self._tasks()]
        else:
            trained = [self._network(title, name, row, point, seed)]
        scored = [self._scoring(self.plan.jobs[training]) for training in trained]
        best = {job.recipe.train.best for t in trained if (job := self.plan.jobs[t]).recipe}
        chosen_by = best.pop() if len(trained) == 1 else ""
        self.plan.cells.append(Cell(name, point, seed, tuple(trained), tuple(scored), chosen_by))

    def _tasks(self) -> list[str]:
        return list(self.sweep.spec.singles)

    def _put(self, job: Job, decides: dict[str, Any]) -> str:
        """The id of the job; the same work under another name is done once."""
        made = replace(job, id=make_id(job.title, {"kind": job.kind, **decides}))
        name = self._known.setdefault(made.hash, made.id)
        self.plan.jobs.setdefault(name, made)
        return name

    def _single(self, title: str, row: RowSpec, point: Point, task: str, seed: int) -> str:
        changes = [*row.changes, *point.changes]
        recipe = self.sweep.single(task, seed, changes)
        start = [self._parent(task, seed)] if row.continued else []
        return self._training(f"{title}, {task}", recipe, start)

    def _parent(self, task: str, seed: int) -> str:
        return self._training(f"{task}, seed {seed}", self.sweep.single(task, seed))

    def _network(self, title: str, name: str, row: RowSpec, point: Point, seed: int) -> str:
        recipe = self.sweep.row(name, point, seed)
        if row.init:
            return self._training(title, recipe, init=str(find_checkpoint(row.init)))
        start = [self._fusion(title, recipe, row, seed)] if row.fuse else []
        return self._training(title, recipe, start)

    def _training(
        self, title: str, recipe: Recipe, start: Sequence[str] = (), init: str = ""
    ) -> str:
        ready = self._checked(recipe)
        for task in ready.tasks:
            self.kinds.setdefault(task.name, set()).add(task.kind)
        spec = recipe.train
        rows = sum(d.splits["train"].rows for d in ready.datasets if "train" in d.splits)
        header = checkpoint.read_header(Path(init)) if init else {}
        job = Job(
            "", "train", title, tuple(start), recipe, init=init, before=epochs_in(header),
            steps=spec.steps or spec.epochs * max(1, rows // spec.batch),
        )  # fmt: skip
        decides = {
            "recipe": essence(recipe),
            "data": [self._fingerprint(dataset) for dataset in ready.datasets],
            "start": [_hash_of(job_id) for job_id in start],
            "init": header.get("sha256"),
        }
        return self._put(job, decides)

    def _fusion(self, title: str, recipe: Recipe, row: RowSpec, seed: int) -> str:
        missing = [task for task in recipe.tasks if task not in self.sweep.spec.singles]
        if missing or len(recipe.tasks) < 2:
            raise UsageError(
                f"fusing takes several tasks, each with a network in [singles]; {row.recipe} has "
                f"{', '.join(recipe.tasks)}, and [singles] has {', '.join(self._tasks())}",
                hint="add the network to [singles], or leave out `fuse`",
            )
        parents = [self._parent(task, seed) for task in recipe.tasks]
        for parent in parents:
            sweep_checks.refuse_other_look(self.plan.jobs[parent], recipe)
        words = fuse_words(recipe, row.calibrate)
        data = self._fingerprint(self._checked(recipe).datasets[0]) if row.calibrate else None
        job = Job("", "fuse", f"fuse {title}", tuple(parents), words=tuple(words))
        decides = {"start": [_hash_of(p) for p in parents], "words": words, "data": data}
        return self._put(job, decides)

    def _scoring(self, trained: Job) -> str:
        split = self.sweep.spec.split
        job = Job("", "eval", f"{split} {trained.title}", (trained.id,), words=("--split", split))
        return self._put(job, {"start": trained.hash, "split": split})

    def _checked(self, recipe: Recipe) -> Ready:
        """The recipe's data, looked at once for all seeds, rates and factors."""
        plain = recipe.plain()
        key = json.dumps({k: v for k, v in plain.items() if k not in ("train", "loss", "about")})
        if key not in self._ready:
            splits = dict.fromkeys(("train", "val", self.sweep.spec.split))
            self._ready[key] = checks.check(recipe, tuple(splits))
        return self._ready[key]

    def _fingerprint(self, dataset: Dataset) -> Any:
        if dataset.folder not in self._prints:
            self._prints[dataset.folder] = fingerprint(dataset)
        return self._prints[dataset.folder]


def _hash_of(job_id: str) -> str:
    return job_id.rpartition("-")[2]


def fuse_words(recipe: Recipe, calibrate: bool) -> list[str]:
    """The changes with which ``mtl fuse`` makes the model that a recipe describes."""
    model = recipe.model
    words = [f"model.architecture={_inline(part('architecture', model.architecture))}"]
    words.append(f"model.fusion={_inline(part('fusion', model.fusion))}")
    return [*words, *(["--calibrate", recipe.data[0]] if calibrate else [])]


def _inline(table: Mapping[str, Any]) -> str:
    return dumps({"v": table}, inline_below=0).removeprefix("v = ").rstrip("\n")
