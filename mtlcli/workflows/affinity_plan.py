"""Which networks are to be held against each other, and on what: from headers alone, no torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mtlcli.data.manifest import Dataset
from mtlcli.errors import DataError, UsageError
from mtlcli.io import checkpoint
from mtlcli.recipe.load import from_plain
from mtlcli.workflows import checks
from mtlcli.workflows.fuse_plan import Parent
from mtlcli.workflows.task_plan import TaskPlan

_EXAMPLE = "mtl affinity gender.st age.st race.st"


@dataclass(frozen=True)
class AffinityPlan:
    """Single-task networks, and the rows to compare them on.

    :param given: the networks as the user named them, for the commands that are proposed.
    """

    parents: list[Parent]
    given: list[str]
    tasks: list[TaskPlan]
    datasets: list[Dataset]
    split: str

    @property
    def names(self) -> list[str]:
        """The tasks, in order."""
        return [parent.task for parent in self.parents]

    @property
    def sizes(self) -> list[str]:
        """The inputs' sizes, each once."""
        return list(dict.fromkeys(str(p.header["recipe"]["input"]["size"]) for p in self.parents))


def plan(paths: Sequence[Path], given: Sequence[str], data: str | None, split: str) -> AffinityPlan:
    """Read the headers, and see that the data hold labels of every task.

    :param data: a dataset folder; None: the folders that the networks were trained on.
    :raises UsageError: fewer than two networks, a task twice, a network of several tasks or of
        another architecture.
    :raises DataError, MissingError: a checkpoint, a folder, its split or a column is not there.
    """
    if len(paths) < 2:
        raise UsageError("affinity needs at least two checkpoints", hint=_EXAMPLE)
    parents = [Parent(path, checkpoint.read_header(path)) for path in paths]
    _refuse_unfit(parents)
    tasks = [TaskPlan.from_plain(p.task, p.header["tasks"][p.task]) for p in parents]
    folders = [data] if data else [f for p in parents for f in p.header["recipe"]["data"]]
    values = {
        "data": list(dict.fromkeys(folders)),
        "tasks": {p.name: {"column": p.source, "kind": p.kind, **p.options} for p in tasks},
    }
    ready = checks.check(from_plain(values), (split,))
    for own, there in zip(tasks, ready.tasks, strict=True):
        _refuse_other_classes(own, there)
    return AffinityPlan(parents, list(given), tasks, ready.datasets, split)


def _refuse_unfit(parents: Sequence[Parent]) -> None:
    owner: dict[str, Path] = {}
    for parent in parents:
        names = list(parent.header["tasks"])
        if len(names) > 1:
            raise UsageError(
                f"{parent.path} has {len(names)} tasks ({', '.join(names)}); affinity compares "
                "single-task networks", hint="give the single-task checkpoints it came from",
            )  # fmt: skip
        if parent.task in owner:
            raise UsageError(
                f"{owner[parent.task]} and {parent.path} both have the task {parent.task!r}",
                hint="give networks with different tasks",
            )
        architecture = parent.header["recipe"]["model"]["architecture"]["name"]
        if architecture != "fused":
            raise UsageError(
                f"{parent.path} has the architecture {architecture}",
                hint="give single-task networks of architecture fused, as mtl train-single makes",
            )
        owner[parent.task] = parent.path


def _refuse_other_classes(own: TaskPlan, there: TaskPlan) -> None:
    strange = [name for name in there.column.classes if name not in own.column.classes]
    if strange and own.column.classes:
        raise DataError(
            f"task {own.name!r}: the data have the class {strange[0]!r}, and the network knows "
            f"{', '.join(own.column.classes)}", hint="rename the classes in dataset.toml and CSVs",
        )  # fmt: skip
