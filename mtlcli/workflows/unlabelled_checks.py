"""What a recipe's completion and batches need, seen before torch is imported."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from mtlcli import console, registry
from mtlcli.errors import UsageError
from mtlcli.io import checkpoint
from mtlcli.io.column import Column
from mtlcli.io.run_dir import find_checkpoint
from mtlcli.recipe.schema import PARTS, Recipe, UnlabelledSpec
from mtlcli.workflows.task_plan import TaskPlan


def check(recipe: Recipe, tasks: Sequence[TaskPlan], datasets: int) -> None:
    """See that the recipe's completion, its teacher and its batches fit its tasks and data.

    :param datasets: how many the rows come from.
    :raises UsageError, MissingError, DataError: they do not.
    """
    if recipe.batches.mix != "shuffled" and datasets < 2:
        raise UsageError(
            f"batches.mix = {recipe.batches.mix!r} is about several datasets, and the tasks' "
            f"labels are in {datasets}",
            hint="leave out [batches], or name more folders in data",
        )
    if recipe.batches.norms == "per_dataset" and recipe.train.sync_bn:
        raise UsageError(
            'batches.norms = "per_dataset" keeps statistics that train.sync_bn would mix',
            hint="leave out one of the two",
        )
    name = recipe.completion.name
    if name == PARTS["completion"]:
        return
    for task in tasks:
        _refuse_unfit_kind(name, task)
        _warn_of_unreachable(recipe, task)
    _refuse_unfit_teacher(recipe, tasks)


def _refuse_unfit_kind(name: str, task: TaskPlan) -> None:
    answers = registry.attribute("task kind", task.kind, "answers", "")
    if not answers:
        raise UsageError(
            f"completion = {name!r} cannot complete the task {task.name!r} of kind {task.kind}",
            hint='it completes classes, ages and numbers; set completion = "none"',
        )
    if answers == "values" and registry.attribute("completion", name, "needs_classes", True):
        raise UsageError(
            f"completion = {name!r} reads classes, and the task {task.name!r} predicts a number",
            hint='set completion = "distill" or "none"',
        )


def _warn_of_unreachable(recipe: Recipe, task: TaskPlan) -> None:
    """A completion with a threshold that not even a perfect answer for an age can reach."""
    if task.kind != "age":
        return
    completion, given = recipe.completion, task.options
    threshold = _option("completion", completion.name, completion.options, "threshold") or 0.0
    surest = _surest_year(_option("task kind", "age", given, "spread"))
    if surest < threshold:
        console.warn(
            f"task {task.name!r} will hardly be completed: completion = {completion.name!r} asks "
            f"for a probability of {threshold:g}, and a perfect answer gives {surest:.2f} to the "
            "right year. Completions without a threshold take ages: softmatch or freematch"
        )


def _option(kind: str, name: str, given: dict[str, Any], option: str) -> Any:
    """The value of a part's option, or None where the part has no such option."""
    defaults = {known.name: known.default for known in registry.options(kind, name)}
    return given.get(option, defaults.get(option))


def _surest_year(spread: float) -> float:
    """The largest probability in the label distribution of an age: a normal over whole years."""
    if spread == 0:
        return 1.0
    return 1 / sum(math.exp(-(year**2) / (2 * spread**2)) for year in range(-100, 101))


def _refuse_unfit_teacher(recipe: Recipe, tasks: Sequence[TaskPlan]) -> None:
    teacher = recipe.unlabelled.teacher
    online = registry.attribute("completion", recipe.completion.name, "online", False)
    if online and teacher != "snapshot":
        raise UsageError(
            f"completion = {recipe.completion.name!r} takes the network's own answers, and "
            "unlabelled.teacher names another teacher",
            hint="leave out unlabelled.teacher",
        )
    every = recipe.unlabelled.every
    if online and every != UnlabelledSpec.model_fields["every"].default:
        raise UsageError(
            f"completion = {recipe.completion.name!r} asks the network at every step, and "
            f"unlabelled.every = {every} is about teachers",
            hint="leave out unlabelled.every",
        )
    if teacher == "ema" and not recipe.train.ema:
        raise UsageError(
            'unlabelled.teacher = "ema" is the average of the weights, and train.ema is 0',
            hint="set train.ema=0.999 (less for a short training)",
        )
    if isinstance(teacher, tuple):
        _refuse_unfit_checkpoints(teacher, tasks)


def _refuse_unfit_checkpoints(teachers: Sequence[str], tasks: Sequence[TaskPlan]) -> None:
    """Names travel, numbers never: another order of the same classes is no difference."""
    found = {name: checkpoint.read_header(find_checkpoint(name))["tasks"] for name in teachers}
    known = [task for answered in found.values() for task in answered]
    if sorted(known) != sorted(task.name for task in tasks):
        raise UsageError(
            f"the teachers answer for {', '.join(known)}, and the recipe's tasks are "
            f"{', '.join(task.name for task in tasks)}",
            hint="unlabelled.teacher names one checkpoint per task",
        )
    for task in tasks:
        teacher = next(name for name, answered in found.items() if task.name in answered)
        theirs = _of_header(found[teacher][task.name])
        ours = _meaning(task.kind, task.column, task.options)
        if theirs != ours:
            raise UsageError(
                f"the teacher {teacher} answers for {task.name!r} with {theirs}, and the recipe's "
                f"task is {ours}",
                hint="train the teacher with the classes or the range of this recipe, or set "
                'unlabelled.teacher = "snapshot"',
            )


def _of_header(plain: Mapping[str, Any]) -> str:
    return _meaning(plain["kind"], Column.from_plain(plain["column"]), plain["options"])


def _meaning(kind: str, column: Column, options: Mapping[str, Any]) -> str:
    """What the outputs of a task stand for; equal words are equal outputs, up to their order."""
    if kind == "age":
        first, last = column.years(options.get("low"), options.get("high"))
        return f"{kind}, {first} to {last} years"
    if column.classes:
        return f"{kind}, {', '.join(sorted(column.classes))}"
    if column.low is None or column.high is None:
        return kind
    return f"{kind}, {column.low:g} to {column.high:g}"
