"""The single-task networks that a method is held against: found among the runs, or named.

A fair one is what the printed ``mtl train-single`` line would train: the same rows, as many epochs
in all, and the settings that :func:`mtlcli.recipe.load.only` leaves of the method's recipe. Of a
fused network the backbones begin as its parents did, with their weights; its own learning rate is
that of a fine-tuning, and not asked of a network that is trained from the start.
"""

import shlex
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from mtlcli import console, registry
from mtlcli.errors import MtlError
from mtlcli.io.run_dir import RunDir, find_all, find_checkpoint
from mtlcli.recipe import load
from mtlcli.recipe.schema import Recipe, Spec
from mtlcli.workflows.compare_runs import APART, Entry, Method, flat, read
from mtlcli.workflows.run_data import described
from mtlcli.workflows.task_plan import TaskPlan

#: what must be the same, or the single-task network is not a fair one.
_STRICT = ("input.", "augment.", "train.", "model.backbone.", "tasks.")
#: of networks put together from several; and the length, which the epochs in all stand for.
_NOT_ALONE = ("aggregator.", "gradients", "train.fusion_lr", "train.epochs", "train.steps")
_LR, _WEIGHTS = "train.lr", "model.backbone.weights"


@dataclass(frozen=True)
class Difference:
    """One setting that is not as it should be.

    :param fair: whether the network may be held against the method all the same.
    """

    key: str
    found: Any
    expected: Any
    fair: bool

    def __str__(self) -> str:
        return f"{self.key} ({_said(self.found)}, not {_said(self.expected)})"


def _said(value: Any) -> str:
    return "none" if value in (None, "") else str(value)


@dataclass(frozen=True)
class Baseline:
    """What a method is held against.

    :param rows: for each run of the method, in their order, the networks of all its tasks; empty
        where one is missing.
    :param missing: the lines that train what is missing.
    :param remarks: what a user should know before believing the comparison.
    """

    rows: list[list[Entry]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def candidates(named: Iterable[str]) -> list[Entry]:
    """The networks that were named; else those of all finished single-task runs, newest first.

    :raises MtlError: one that was named cannot be read.
    """
    given = [read(find_checkpoint(name)) for name in named]
    return given or [entry for run in find_all() if (entry := _finished(run)) is not None]


def _finished(run: RunDir) -> Entry | None:
    """None for what is no finished single-task run: it was not asked for by name."""
    try:
        status = run.status()
        alone = status.get("state") == "done" and len(status.get("tasks", [])) == 1
        return read(run.best) if alone else None
    except MtlError as fault:
        console.detail(f"{run.path} is not looked at: {fault.what}")
        return None


def baseline(method: Method, given: list[Entry], *, named: bool) -> Baseline:
    """The single-task networks of a method, for every run those of its seed.

    Where there is none of a seed, one of another stands in, and that is said.

    :param named: by the user, so that they are taken whatever their settings.
    """
    rows: list[list[Entry]] = []
    missing: list[str] = []
    remarks: list[str] = []
    for run in method.runs:
        row = []
        for task in run.tasks:
            fit = [e for e in given if e.tasks == (task,) and (named or _fair(e, run, task))]
            if not fit:
                missing.append(command(run, task) + _other_data(given, run, task))
                continue
            row.append(next((entry for entry in fit if entry.seed == run.seed), fit[0]))
        rows.append(row)
        remarks += [text for entry in row for text in _remarks(entry, run, method.name)]
    once = list(dict.fromkeys(missing))
    return Baseline([] if once else rows, once, list(dict.fromkeys(remarks)))


def _fair(single: Entry, run: Entry, task: str, *, any_data: bool = False) -> bool:
    found = differences(single, run, task)
    return all(one.fair or (any_data and one.key == "data") for one in found)


def _other_data(given: list[Entry], run: Entry, task: str) -> str:
    """A remark behind the command, where only the data keep a network from being the one."""
    near = [e for e in given if e.tasks == (task,) and _fair(e, run, task, any_data=True)]
    if not near:
        return ""
    return f"  # {near[0].path} has the same settings, on {described(near[0].rows)}"


def _remarks(single: Entry, run: Entry, method: str) -> list[str]:
    """What is not as it should be, and is taken all the same."""
    (task,) = single.tasks
    texts = []
    if single.seed != run.seed:
        texts.append(
            f"{method}: no single-task network of {task} has seed {run.seed}; {single.path} of "
            f"seed {single.seed} stands in; train it: {command(run, task)}"
        )
    found = [one for one in differences(single, run, task) if one.key != "data"]
    for fair, words in ((False, "is no fair single-task network"), (True, "differs")):
        listed = ", ".join(str(one) for one in found if one.fair == fair)
        if listed:
            texts.append(f"{method}: {single.path} {words}: {listed}")
    return texts


def differences(single: Entry, run: Entry, task: str) -> list[Difference]:
    """All settings that keep a network from being what ``mtl train-single`` would make of a run's.

    :param task: of the run, and the only one of ``single``.
    """
    ours, theirs = _expected(run, task), _settings(single.recipe, single.plans[task])
    tolerated = {"train.best"}
    if run.begun:
        tolerated.add(_LR)
        if run.begun.get(task) is None or run.begun[task].backbone is None:
            tolerated.add(_WEIGHTS)  # nobody knows what its parent began with
    pairs = [(k, theirs.get(k), ours.get(k)) for k in dict.fromkeys([*ours, *theirs])]
    pairs.append(("epochs in all", single.budget, run.budget))
    strict = (*_STRICT, "epochs in all")
    found = [
        Difference(key, one, two, key in tolerated or not key.startswith(strict))
        for key, one, two in pairs
        if one != two
    ]
    if single.settings["data"] != run.settings["data"]:
        found.append(Difference("data", described(single.rows), described(run.rows), False))
    return found


def _expected(run: Entry, task: str) -> dict[str, Any]:
    """The settings of the fair single-task network, flat."""
    found = _settings(load.only(run.recipe, task), run.plans[task])
    begun = run.begun.get(task)
    if begun is not None and begun.backbone is not None:
        kept = {k: v for k, v in found.items() if not k.startswith("model.backbone.")}
        found = kept | flat(_given("backbone", begun.backbone), "model.backbone.")
    if begun is not None and begun.lr is not None:
        found[_LR] = begun.lr
    return found


def _settings(recipe: Recipe, plan: TaskPlan) -> dict[str, Any]:
    """Those of a single-task recipe, flat; of parts and task the options that are no defaults."""
    task, model = plan.name, recipe.model
    spec = Spec(name=plan.kind, **recipe.tasks[task].options)
    plain = recipe.plain()
    plain["model"] = {
        "backbone": _given("backbone", model.backbones.get(task, model.backbone)),
        # one task: a single network, whatever the architecture is called
        "architecture": _options("architecture", model.architecture),
    }
    labels = {"kind": plan.kind, "column": plan.source, "labels": plan.column.plain()}
    plain["tasks"] = {task: {**_options("task kind", spec), **labels}}
    found = flat(plain)
    return {k: v for k, v in found.items() if k not in (*APART, "data") and not _of_many(k)}


def _of_many(key: str) -> bool:
    return key.startswith(_NOT_ALONE)


def _given(kind: str, spec: Spec) -> dict[str, Any]:
    return {"name": spec.name, **_options(kind, spec)}


def _options(kind: str, spec: Spec) -> dict[str, Any]:
    """The options that say something: those that are not the part's defaults."""
    usual = {option.name: option.default for option in registry.options(kind, spec.name)}
    return {key: v for key, v in spec.options.items() if key not in usual or usual[key] != v}


def command(run: Entry, task: str) -> str:
    """The line that trains the single-task network a comparison lacks."""
    recipe = run.path.parent / "recipe.toml"
    words = ["mtl", "train-single", str(recipe) if recipe.is_file() else "RECIPE", "--task", task]
    words += _as_begun(run, task)
    if run.budget:
        words += ["train.steps=0", f"train.epochs={run.budget}"]
    return shlex.join([*words, f"train.seed={run.seed}"])


def _as_begun(run: Entry, task: str) -> list[str]:
    """Of a fused network: what its recipe does not say, the start of the task's own network."""
    begun, words = run.begun.get(task), []
    if begun is not None and begun.backbone is not None:
        weights = _options("backbone", begun.backbone).get("weights")
        own = f"backbones.{task}" if task in run.recipe.model.backbones else "backbone"
        words += [f"model.{own}.weights={weights}"] if weights else []
    if begun is not None and begun.lr is not None:
        words.append(f"{_LR}={begun.lr:g}")
    return words
