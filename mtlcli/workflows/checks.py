"""What can be known about a recipe's data without torch: before downloads, before hours."""

import csv
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mtlcli import console, registry
from mtlcli.data import manifest
from mtlcli.data.manifest import Dataset
from mtlcli.errors import DataError, UsageError
from mtlcli.recipe.load import from_plain
from mtlcli.recipe.schema import PARTS, Recipe
from mtlcli.workflows import ages_outside, unfit, unlabelled_checks
from mtlcli.workflows.class_lists import agreed
from mtlcli.workflows.task_plan import TaskPlan

#: a column NAME_hidden holds labels of task NAME that are compared with and never learnt from.
HIDDEN = "_hidden"
_SAMPLE = 512
_TOLERATED = 0.1


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
    datasets = [manifest.load(folder) for folder in recipe.data]
    tasks = [_plan(name, recipe, datasets) for name in recipe.tasks]
    unfit.refuse(recipe, tasks)
    if recipe.completion.name == PARTS["completion"]:
        datasets = _with_labels(datasets, tasks)
    unlabelled_checks.check(recipe, tasks, len(datasets))
    seen: dict[str, set[str]] = {task.source: set() for task in tasks}
    for dataset in datasets:
        for split in splits:
            found = _check_split(dataset, split, tasks, recipe.input.frames)
            ages_outside.warn(tasks, dataset.csv(split), found)
            for source in found if split == "train" else ():
                seen[source] |= found[source].keys()
    if "train" in splits:
        _warn_of_missing_classes(tasks, seen)
        tasks = [_with_identities(task, seen[task.source]) for task in tasks]
    return Ready(recipe, datasets, tasks)


def _with_labels(datasets: list[Dataset], tasks: list[TaskPlan]) -> list[Dataset]:
    """The datasets that have a label column of these tasks; the others have nothing to teach."""
    sources = {task.source for task in tasks}
    kept = [dataset for dataset in datasets if sources & dataset.columns.keys()]
    for dataset in datasets:
        if dataset not in kept:
            console.detail(f"{dataset.folder} has no label of {', '.join(sources)}: left out")
    return kept


def _check_clips(dataset: Dataset, names: list[str], path: Path, frames: int) -> None:
    """See that there are clips where clips are wanted, and what reads videos where there are."""
    from mtlcli.data import clips, video  # they import Pillow

    some = names[:: max(1, len(names) // _SAMPLE)]
    if any(video.is_video(dataset.root / name) for name in some):
        video.require()
    if frames > 1 and not any(clips.is_clip(dataset.root / name) for name in some):
        raise UsageError(
            f"input.frames = {frames}, and {path} lists single pictures, such as {some[0]}",
            hint="set input.frames=1; a clip is a folder of frames or a video file",
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
    column = agreed(name, source, spec.classes, having)
    kind = spec.kind or column.kind
    options = registry.check("task kind", kind, spec.options, f"tasks.{name}")
    return TaskPlan(name, kind, source, replace(column, kind=kind), options)


def _rows(path: Path) -> Iterator[dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            yield from csv.DictReader(stream)
    except (OSError, UnicodeDecodeError, csv.Error) as fault:
        raise DataError(f"the CSV cannot be read: {fault}", where=path) from None


def _warn_of_missing_classes(tasks: list[TaskPlan], seen: Mapping[str, set[str]]) -> None:
    for task in tasks:
        if task.kind != "classification":
            continue
        missing = [name for name in task.column.classes if name not in seen[task.source]]
        if missing:
            console.warn(
                f"task {task.name!r}: no training row shows {', '.join(missing)}; the network "
                "cannot learn what that is"
            )


def _with_identities(task: TaskPlan, seen: set[str]) -> TaskPlan:
    """An identity task learns those that training shows; all others are strangers to it."""
    if task.kind != "identity":
        return task
    named = task.column.classes
    classes = tuple(n for n in named if n in seen) if named else tuple(sorted(seen - {""}))
    strangers = len(named) - len(classes)
    if strangers > 0:
        console.detail(f"task {task.name!r}: {strangers} identities are never seen in training")
    return replace(task, column=replace(task.column, classes=classes))


def _check_split(
    dataset: Dataset, split: str, tasks: list[TaskPlan], frames: int
) -> dict[str, Counter[str]]:
    """See that the split is whole.

    :returns: label column → the labels in its cells, and in how many.
    """
    path = dataset.csv(split)
    if not path.is_file():
        raise DataError(f"dataset {dataset.name!r} has no split {split!r}", where=path)
    images = []
    labels: dict[str, list[str]] = {t.source: [] for t in tasks if t.column.dense}
    seen: dict[str, Counter[str]] = {t.source: Counter() for t in tasks if not t.column.dense}
    for number, row in enumerate(_rows(path)):
        if number == 0:
            _check_header(path, list(row), dataset, tasks)
        images.append(row["image"] or "")  # None where a line is too short
        for column, cells in labels.items():
            cells += filter(None, [row.get(column)])
        for column, known in seen.items():
            known[row.get(column) or ""] += 1
    if not images:
        raise DataError(f"the {split} split is empty", where=path)
    _check_clips(dataset, images, path, frames)
    _check_files(dataset, images, path, "pictures")
    for column, cells in labels.items():
        _check_files(dataset, cells, path, f"labels of {column}")
    return seen


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

    def there(name: str) -> bool:
        return bool(name) and (dataset.root / name).exists()  # without a name: the root itself

    step = max(1, len(names) // _SAMPLE)
    if all(map(there, names[::step])):
        return
    missing = [name for name in names if not there(name)]
    message = f"{len(missing)} of {len(names)} {what} are missing, first: {missing[0]}"
    if len(missing) > _TOLERATED * len(names):
        raise DataError(
            message, where=f"{path}, {what} below {dataset.root}",
            hint="put them back, correct `root` in dataset.toml, or run `mtl prepare` again",
        )  # fmt: skip
    console.warn(f"{path}: {message}; those rows are left out")
