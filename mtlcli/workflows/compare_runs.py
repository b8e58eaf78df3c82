"""Which runs are to be compared: networks of the same tasks and rows, seeds of one method."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mtlcli.errors import DataError, MtlError, UsageError
from mtlcli.io import checkpoint
from mtlcli.io.run_dir import find_checkpoint
from mtlcli.recipe.schema import Recipe, Spec
from mtlcli.workflows.budget import epochs_in
from mtlcli.workflows.checks import plans_of, recipe_of
from mtlcli.workflows.run_data import Noted, changed, described, identity, noted
from mtlcli.workflows.task_plan import TaskPlan

#: what does not make two runs different methods.
APART = ("about", "train.seed", "train.workers", "train.tensorboard", "train.save_minutes",
         "train.look", "train.max_skipped", "train.score_every")  # fmt: skip


@dataclass(frozen=True)
class Begun:
    """What the single-task network was trained with that a task of a fused one came from.

    :param backbone: with the weights it began with; None: that network is from an older version,
        and no longer where it was.
    :param lr: its learning rate; None likewise.
    """

    backbone: Spec | None = None
    lr: float | None = None


@dataclass(frozen=True)
class Entry:
    """One trained network.

    :param recipe: with which it was trained.
    :param settings: the recipe, flat: ``train.lr`` → value; and what it was made of.
    :param budget: epochs that its weights were trained for, in parents and in the run.
    :param plans: task → kind, label column and options, resolved.
    :param begun: of a fused network: task → its parent.
    :param rows: dataset folder → split → sha256 of its CSV, as of the training; see
        :mod:`mtlcli.workflows.run_data`.
    """

    path: Path
    name: str
    recipe: Recipe
    settings: dict[str, Any]
    budget: int
    plans: dict[str, TaskPlan]
    begun: dict[str, Begun]
    rows: Noted

    @property
    def tasks(self) -> tuple[str, ...]:
        """Their names, in the order of the network."""
        return tuple(self.plans)

    @property
    def seed(self) -> int:
        """Of the training."""
        return self.recipe.train.seed


@dataclass(frozen=True)
class Method:
    """Runs that differ in their seed alone."""

    name: str
    runs: list[Entry]


def read(path: Path) -> Entry:
    """What a checkpoint says of itself.

    :raises DataError, MissingError, UsageError: it is none, or not of this version.
    """
    header = checkpoint.read_header(path)
    recipe = recipe_of(header)
    settings = {k: v for k, v in flat(recipe.plain()).items() if k not in APART}
    parents = header.get("parents", [])
    rows = noted(path, recipe.data)
    settings["data"] = identity(rows)  # the rows, wherever they lie
    settings["from"] = " + ".join(sorted(parent["name"] for parent in parents))
    return Entry(
        path, header["name"], recipe, settings, epochs_in(header),
        {plan.name: plan for plan in plans_of(header)},
        {task: found for parent in parents for task, found in _begun(parent)}, rows,
    )  # fmt: skip


def _begun(parent: Mapping[str, Any]) -> Iterable[tuple[str, Begun]]:
    """Of each task of a parent; from its own file where the fused network does not say it."""
    known = dict(parent)
    if "backbone" not in known:
        known |= _beginnings(Path(parent["path"]), parent["sha256"])
    spec = known.get("backbone")
    made = Begun(None if spec is None else Spec.model_validate(spec), known.get("lr"))
    return [(task, made) for task in parent["tasks"]]


def _beginnings(path: Path, sha256: str) -> dict[str, Any]:
    try:
        header = checkpoint.read_header(path)
    except MtlError:
        return {}
    model = header["recipe"]["model"]
    if header["sha256"] != sha256 or len(header["tasks"]) > 1:
        return {}
    task = next(iter(header["tasks"]))
    backbone = model["backbones"].get(task, model["backbone"])
    return {"backbone": backbone, "lr": header["recipe"]["train"]["lr"]}


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested tables as one with dotted keys."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{key}.")
        else:
            found[prefix + key] = value
    return found


def open_all(names: Iterable[str]) -> list[Entry]:
    """The runs that were named.

    :raises UsageError: they have other tasks than the first.
    :raises DataError: their labels mean other things.
    """
    found = [read(find_checkpoint(name)) for name in names]
    for other in found[1:]:
        if set(other.tasks) != set(found[0].tasks):
            raise UsageError(
                f"{other.path} has the tasks {', '.join(other.tasks)}, and {found[0].path} "
                f"{', '.join(found[0].tasks)}",
                hint="compare networks with the same tasks; single-task runs go to --singles",
            )
        if other.settings["data"] != found[0].settings["data"]:
            raise DataError(
                f"{other.path} was trained on {described(other.rows)}, and {found[0].path} on "
                f"{described(found[0].rows)}", hint="compare networks of the same data",
            )  # fmt: skip
        _require_same_labels(found[0], other)
    return found


def _require_same_labels(first: Entry, other: Entry) -> None:
    for task, plan in first.plans.items():
        theirs = other.plans[task]
        if (plan.kind, plan.column) != (theirs.kind, theirs.column):
            raise DataError(
                f"the labels of {task} mean other things: {_meaning(theirs)} in {other.path}, and "
                f"{_meaning(plan)} in {first.path}",
                hint="compare networks that were trained for the same question",
            )


def _meaning(plan: TaskPlan) -> str:
    values = plan.column.plain()
    said = [f"{k} {_short(v)}" for k, v in values.items() if k not in ("kind", "mirror", "groups")]
    return f"{plan.kind} ({', '.join(said)})" if said else plan.kind


def _short(value: Any, shown: int = 4) -> str:
    if not isinstance(value, Sequence) or isinstance(value, str):
        return str(value)
    more = f" … {len(value)} in all" if len(value) > shown else ""
    return " ".join(map(str, value[:shown])) + more


def remarks(entries: Iterable[Entry], method: Method) -> list[str]:
    """What a user should know of the data before believing a comparison."""
    found = []
    for entry in entries:
        found += [f"{entry.path} {change}" for change in changed(entry.rows)]
        if entry.settings["data"] != method.runs[0].settings["data"]:
            found.append(
                f"{entry.path} was trained on {described(entry.rows)}, and "
                f"{method.runs[0].path} on {described(method.runs[0].rows)}"
            )
    return list(dict.fromkeys(found))


def methods(entries: list[Entry]) -> list[Method]:
    """Runs with the same settings are seeds of one method, named by what sets it apart."""
    groups: dict[str, list[Entry]] = {}
    for entry in entries:
        groups.setdefault(repr(sorted(entry.settings.items(), key=str)), []).append(entry)
    firsts = [runs[0] for runs in groups.values()]
    apart = differing(firsts)
    names = [_named(first, apart) for first in firsts]
    return [
        Method(name if names.count(name) == 1 else runs[0].path.parent.name, runs)
        for name, runs in zip(names, groups.values(), strict=True)
    ]


def differing(entries: list[Entry]) -> list[str]:
    """The settings that are not the same in all."""
    keys = dict.fromkeys(key for entry in entries for key in entry.settings)
    return [k for k in keys if len({repr(entry.settings.get(k)) for entry in entries}) > 1]


def _named(entry: Entry, apart: list[str]) -> str:
    words = []
    for key in apart:
        value = entry.settings.get(key)
        if value in (None, ""):
            continue
        short = key.removesuffix(".name").rpartition(".")[2]
        words.append(str(value) if key.endswith(".name") else f"{short}={value}")
    return " ".join(words) or entry.name
