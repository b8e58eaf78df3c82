"""Which runs are to be compared: seeds of one method, and the single-task runs they are held to."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mtlcli.errors import DataError, UsageError
from mtlcli.io import checkpoint
from mtlcli.io.run_dir import RunDir, find_all, find_checkpoint
from mtlcli.workflows.run_data import Noted, changed, described, identity, noted

#: what does not make two runs different methods.
_APART = ("about", "train.seed", "train.workers", "train.tensorboard", "train.save_minutes",
          "train.look", "train.max_skipped", "train.score_every")  # fmt: skip
#: what a single-task run must have in common with the network that is held against it.
_ALIKE = ("input.", "augment.", "train.")
#: of the network put together from several, and of no single one.
_OF_FUSION = ("train.fusion_lr", "train.best", "train.lr")


@dataclass(frozen=True)
class Entry:
    """One trained network.

    :param settings: its recipe, flat: ``train.lr`` → value.
    :param budget: epochs that its weights were trained for, in parents and in the run.
    :param rows: dataset folder → split → sha256 of its CSV, as of the training; see
        :mod:`mtlcli.workflows.run_data`.
    """

    path: Path
    name: str
    tasks: tuple[str, ...]
    settings: dict[str, Any]
    seed: int
    budget: int
    columns: dict[str, Any]
    rows: Noted = field(default_factory=dict)


@dataclass(frozen=True)
class Method:
    """Runs that differ in their seed alone."""

    name: str
    runs: list[Entry]


def read(path: Path) -> Entry:
    """What a checkpoint says of itself."""
    header = checkpoint.read_header(path)
    recipe = header["recipe"]
    settings = {k: v for k, v in flat(recipe).items() if k not in _APART}
    parents = [parent["name"] for parent in header.get("parents", [])]
    rows = noted(path, recipe["data"])
    settings["data"] = identity(rows)  # the rows, wherever they lie
    settings["from"] = " + ".join(sorted(parents)) if parents else ""
    return Entry(
        path, header["name"], tuple(header.get("order", header["tasks"])), settings,
        recipe["train"]["seed"], int(header.get("budget", 0)),
        {task: plan["column"] for task, plan in header["tasks"].items()}, rows,
    )  # fmt: skip


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
    return found


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


def singles(method: Method, named: Iterable[str]) -> tuple[dict[str, list[Entry]], list[str]]:
    """The single-task networks of every task, by seed of the method; and what is missing.

    :param named: given by the user; else all runs are looked through.
    """
    given = [read(find_checkpoint(name)) for name in named]
    if not given:
        given = [read(run.best) for run in find_all() if _is_single(run)]
    first = method.runs[0]
    found: dict[str, list[Entry]] = {}
    missing = []
    for task in first.tasks:
        fit = [e for e in given if e.tasks == (task,) and (named or _fair(e, first))]
        if fit:
            found[task] = [
                next((e for e in fit if e.seed == run.seed), fit[0]) for run in method.runs
            ]
        else:
            missing.append(command(first, task) + _other_data(given, first, task))
    return found, missing


def _other_data(given: list[Entry], first: Entry, task: str) -> str:
    """A remark behind the command, where only the data keep a network from being the one."""
    near = [e for e in given if e.tasks == (task,) and _fair(e, first, any_data=True)]
    if not near:
        return ""
    return f"  # {near[0].path} has the same settings, on {described(near[0].rows)}"


def _is_single(run: RunDir) -> bool:
    return run.status().get("state") == "done" and len(run.status().get("tasks", [])) == 1


def _fair(single: Entry, entry: Entry, *, any_data: bool = False) -> bool:
    """Same rows and settings, and as many epochs in all."""
    keys = [
        k for k in entry.settings
        if k.startswith(_ALIKE) and k not in (*_OF_FUSION, "train.epochs", "train.steps")
    ]  # fmt: skip
    return (
        (any_data or single.settings["data"] == entry.settings["data"])
        and single.budget == entry.budget
        and single.settings.get("model.backbone.name") == entry.settings.get("model.backbone.name")
        and all(single.settings.get(k) == entry.settings[k] for k in keys)
    )


def command(entry: Entry, task: str) -> str:
    """The line that trains the single-task network a comparison lacks."""
    recipe = entry.path.parent / "recipe.toml"
    source = str(recipe) if recipe.is_file() else "RECIPE"
    return (
        f"mtl train-single {source} --task {task} train.epochs={entry.budget} "
        f"train.seed={entry.seed}"
    )
