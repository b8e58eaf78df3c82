"""What can be known about a recipe's data without torch: before downloads, before hours."""

import csv
import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mtlcli import console, registry
from mtlcli.data import manifest
from mtlcli.data.manifest import Dataset
from mtlcli.errors import DataError, UsageError
from mtlcli.io.column import Column
from mtlcli.recipe.load import from_plain
from mtlcli.recipe.schema import PARTS, Recipe, Spec

_SAMPLE = 512
_TOLERATED = 0.1


@dataclass(frozen=True)
class TaskPlan:
    """A task, resolved against the datasets: everything needed to build it again."""

    name: str
    kind: str
    source: str
    column: Column
    options: dict[str, Any]

    def plain(self) -> dict[str, Any]:
        """As plain values, for a checkpoint's header."""
        return {
            "kind": self.kind,
            "source": self.source,
            "column": self.column.plain(),
            "options": self.options,
        }

    @classmethod
    def from_plain(cls, name: str, values: dict[str, Any]) -> "TaskPlan":
        """The inverse of :meth:`plain`."""
        column = Column.from_plain(values["column"])
        return cls(name, values["kind"], values["source"], column, values["options"])


@dataclass(frozen=True)
class Ready:
    """A recipe whose data are there."""

    recipe: Recipe
    datasets: list[Dataset]
    tasks: list[TaskPlan]

    @property
    def images(self) -> str:
        """What the pictures show, where the datasets agree."""
        shown = {d.images for d in self.datasets}
        return shown.pop() if len(shown) == 1 else ""

    @property
    def margin(self) -> float:
        """The margin around a box: the recipe's, else the first dataset's."""
        given = self.recipe.input.margin
        return self.datasets[0].margin if given is None else given


def recipe_of(header: Mapping[str, Any], overrides: Sequence[str] = ()) -> Recipe:
    """The recipe in a checkpoint's header, its tasks in the order in which they are fused.

    The header notes it apart, since what copies JSON may sort its keys.
    """
    values, names = header["recipe"], header.get("order", header["recipe"]["tasks"])
    tasks = {name: values["tasks"][name] for name in names}
    return from_plain({**values, "tasks": tasks}, overrides)


def plans_of(header: Mapping[str, Any]) -> list[TaskPlan]:
    """The tasks that a checkpoint's header describes, in the order in which they are fused."""
    names = header.get("order", header["recipe"]["tasks"])
    return [TaskPlan.from_plain(name, header["tasks"][name]) for name in names]


def reordered(ready: Ready, names: Sequence[str]) -> Ready:
    """The same with the tasks in another order."""
    plans = {plan.name: plan for plan in ready.tasks}
    tasks = {name: ready.recipe.tasks[name] for name in names}
    recipe = ready.recipe.model_copy(update={"tasks": tasks})
    return Ready(recipe, ready.datasets, [plans[name] for name in names])


def check(recipe: Recipe, splits: tuple[str, ...] = ("train", "val")) -> Ready:
    """Open the data of a recipe and see that every task can be trained on them.

    :raises UsageError: the recipe names no data or no task, or a kind that cannot be.
    :raises DataError: a folder, split, column or too many of the pictures are missing.
    """
    if not recipe.data:
        raise UsageError(
            "the recipe names no data", hint='add data = "FOLDER", made by `mtl prepare`'
        )
    if not recipe.tasks:
        raise UsageError("the recipe names no task", hint="add a table [tasks.NAME]")
    _refuse_unfit_balancing(recipe)
    datasets = [manifest.load(folder) for folder in recipe.data]
    tasks = [_plan(name, recipe, datasets) for name in recipe.tasks]
    _refuse_unfit_for_dense(recipe, tasks)
    _refuse_unfit_heads(recipe, tasks)
    for dataset in datasets:
        for split in splits:
            _check_split(dataset, split, tasks)
    return Ready(recipe, datasets, tasks)


def weighting_of(recipe: Recipe) -> Spec:
    """The recipe's weighting; some aggregators bring one of their own."""
    brought = registry.attribute("aggregator", recipe.aggregator.name, "weighting")
    if brought and recipe.weighting.name == PARTS["weighting"]:
        return Spec(name=brought)
    return recipe.weighting


def _refuse_unfit_balancing(recipe: Recipe) -> None:
    """Methods that need what the recipe does not give them, or rule out what it asks for."""
    name, spec = recipe.aggregator.name, recipe.train
    of = functools.partial(registry.attribute, "aggregator", name)
    brought = of("weighting")
    if brought and weighting_of(recipe).name != brought:
        raise UsageError(
            f"aggregator = {name!r} is defined with weighting = {brought!r}, and the recipe has "
            f"{recipe.weighting.name!r}",
            hint="leave out weighting",
        )
    if "backbones" in spec.freeze and name != PARTS["aggregator"]:
        raise UsageError(
            f"aggregator = {name!r} mixes the gradients of what the tasks share, and train.freeze "
            "leaves the backbones none",
            hint="leave out aggregator, or train the backbones",
        )
    at_features = recipe.gradients == "features" or of("at_features", False)
    if not at_features or name == PARTS["aggregator"]:
        return
    where = f"aggregator = {name!r} at the shared features"
    if of("keeps_vectors", False) or of("estimates", 1) > 1:
        raise UsageError(
            f"{where} cannot be: it compares gradients of several batches, whose features differ",
            hint='leave out gradients = "features"',
        )
    if spec.accumulate > 1:
        raise UsageError(
            f"{where} needs the whole batch at once, and train.accumulate cuts it into "
            f"{spec.accumulate} parts", hint="set train.accumulate=1 and a smaller train.batch",
        )  # fmt: skip
    if spec.compile:
        raise UsageError(f"{where} does not go with train.compile", hint="leave out train.compile")


def _refuse_unfit_for_dense(recipe: Recipe, tasks: list[TaskPlan]) -> None:
    """What the pictures may go through, and their dense labels cannot."""
    dense = [task for task in tasks if task.column.dense]
    if dense and recipe.input.reduced:
        raise UsageError(
            f"input.reduced does not go with the dense task {dense[0].name!r}, whose labels have "
            "the pictures' own size", hint="leave out input.reduced",
        )  # fmt: skip
    if recipe.augment.rotate and any(task.column.encoding == "normals" for task in dense):
        raise UsageError(
            "augment.rotate would turn the pictures and not the normals in them",
            hint="leave out augment.rotate",
        )


def _refuse_unfit_heads(recipe: Recipe, tasks: list[TaskPlan]) -> None:
    """What is said of the heads of image-level tasks, or of their hidden layers."""
    dense = [task.name for task in tasks if task.column.dense]
    stitch = recipe.model.architecture.options.get("stitch", False) and len(tasks) > 1
    what = "regularisers" if recipe.regularisers else "model.architecture.stitch"
    if dense and (recipe.regularisers or stitch):
        raise UsageError(
            f"{what} works on heads with one vector per picture, and {dense[0]!r} answers for "
            "every pixel", hint=f"leave out {what}",
        )  # fmt: skip
    bare = [task.name for task in tasks if not task.options.get("hidden")]
    if stitch and bare:
        raise UsageError(
            f"model.architecture.stitch mixes the heads' hidden layers, and {bare[0]!r} has none",
            hint=f"set tasks.{bare[0]}.hidden=128, or leave out model.architecture.stitch",
        )


def _plan(name: str, recipe: Recipe, datasets: list[Dataset]) -> TaskPlan:
    spec = recipe.tasks[name]
    source = spec.column or name
    having = [d for d in datasets if source in d.columns]
    if not having:
        known = ", ".join(dict.fromkeys(c for d in datasets for c in d.columns))
        raise DataError(
            f"task {name!r} needs the label column {source!r}, which no dataset has",
            where=", ".join(str(d.folder) for d in datasets),
            hint=f"the columns are: {known}; set tasks.{name}.column",
        )
    column = having[0].columns[source]
    for other in having[1:]:
        if other.columns[source].classes != column.classes:
            raise DataError(
                f"task {name!r}: {having[0].name} and {other.name} have different classes",
                where=f"{', '.join(column.classes)} against "
                f"{', '.join(other.columns[source].classes)}",
                hint="rename the classes in one dataset.toml and its CSVs",
            )
    kind = spec.kind or column.kind
    options = registry.check("task kind", kind, spec.options, f"tasks.{name}")
    return TaskPlan(name, kind, source, replace(column, kind=kind), options)


def _rows(path: Path) -> Iterator[dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            yield from csv.DictReader(stream)
    except (OSError, UnicodeDecodeError, csv.Error) as fault:
        raise DataError(f"the CSV cannot be read: {fault}", where=path) from None


def _check_split(dataset: Dataset, split: str, tasks: list[TaskPlan]) -> None:
    path = dataset.csv(split)
    if not path.is_file():
        raise DataError(f"dataset {dataset.name!r} has no split {split!r}", where=path)
    images = []
    labels: dict[str, list[str]] = {t.source: [] for t in tasks if t.column.dense}
    for number, row in enumerate(_rows(path)):
        if number == 0:
            _check_header(path, list(row), dataset, tasks)
        images.append(row["image"] or "")  # None where a line is too short
        for column, cells in labels.items():
            cells += filter(None, [row.get(column)])
    if not images:
        raise DataError(f"the {split} split is empty", where=path)
    _check_files(dataset, images, path, "pictures")
    for column, cells in labels.items():
        _check_files(dataset, cells, path, f"labels of {column}")


def _check_header(path: Path, header: list[str], dataset: Dataset, tasks: list[TaskPlan]) -> None:
    needed = ["image"] + [t.source for t in tasks if t.source in dataset.columns]
    for name in needed:
        if name not in header:
            raise DataError(
                f"the CSV has no column {name!r}", where=path,
                hint=f"its columns are: {', '.join(header)}; run `mtl prepare` again",
            )  # fmt: skip


def _check_files(dataset: Dataset, names: list[str], path: Path, what: str) -> None:
    """All of them where the first looks find one missing; else some of them have to do."""
    step = max(1, len(names) // _SAMPLE)
    if all((dataset.root / name).is_file() for name in names[::step]):
        return
    missing = [name for name in names if not (dataset.root / name).is_file()]
    message = f"{len(missing)} of {len(names)} {what} are missing, first: {missing[0]}"
    if len(missing) > _TOLERATED * len(names):
        raise DataError(
            message, where=f"{path}, {what} below {dataset.root}",
            hint="put them back, correct `root` in dataset.toml, or run `mtl prepare` again",
        )  # fmt: skip
    console.warn(f"{path}: {message}; those rows are left out")
