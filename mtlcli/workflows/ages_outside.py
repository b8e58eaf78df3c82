"""Ages that a task leaves out, since its range of years is narrower than the labels'."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from mtlcli import console
from mtlcli.workflows.task_plan import TaskPlan


def warn(tasks: Sequence[TaskPlan], path: Path, found: Mapping[str, Mapping[str, int]]) -> None:
    """Say how many labelled rows of a split an age task takes for unlabelled.

    :param found: label column → the labels in its cells, and in how many.
    """
    for task in tasks:
        if task.kind != "age":
            continue
        low, high = task.column.years(task.options.get("low"), task.options.get("high"))
        ages = [(_age(cell), count) for cell, count in found.get(task.source, {}).items()]
        # what is no number equals nothing, and is refused where labels are read
        total = sum(count for age, count in ages if age == age)
        outside = sum(count for age, count in ages if age < low or age > high)
        if outside:
            console.warn(
                f"{path}: {outside} of {total} ages lie outside {low}..{high}, the range of task "
                f"{task.name!r}; it takes those rows for unlabelled. "
                f"tasks.{task.name}.low and .high change the range"
            )


def _age(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return float("nan")
