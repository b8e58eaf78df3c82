"""The cells that each task is taught, of datasets that name its classes in their own ways."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mtlcli.data.manifest import Dataset
from mtlcli.errors import DataError
from mtlcli.io.column import Column
from mtlcli.workflows.checks import HIDDEN, Ready
from mtlcli.workflows.class_lists import in_order, unlabel_others
from mtlcli.workflows.task_plan import TaskPlan

if TYPE_CHECKING:
    import pandas as pd


def cells_of(plan: TaskPlan) -> str:
    """What the column of a task's own cells is called; two tasks may read one column."""
    return f"tasks.{plan.name}"


def read(ready: Ready, split: str) -> "list[pd.DataFrame]":
    """The rows of every dataset, and beside their columns the cells that each task is taught.

    :raises DataError: there is no such split, or a cell of attributes cannot be read.
    """
    return [_taught(ready, dataset, split) for dataset in ready.datasets]


def _taught(ready: Ready, dataset: Dataset, split: str) -> "pd.DataFrame":
    frame = dataset.read(split)
    whole = [plan for plan in ready.tasks if not plan.column.dense]
    for plan in whole:
        if _common(ready, plan) and plan.source + HIDDEN in frame:
            frame = unlabel_others(frame, plan.source + HIDDEN, _known(ready, plan), plan.column)
    own = {
        cells_of(plan): _cells(ready, plan, dataset, frame, dataset.csv(split))
        for plan in whole
        if plan.source in frame.columns
    }
    return frame.assign(**own)


def _cells(
    ready: Ready, plan: TaskPlan, dataset: Dataset, frame: "pd.DataFrame", table: Path
) -> list[str]:
    own = dataset.columns.get(plan.source)
    if own is not None and plan.kind == "attributes":
        return _in_order(frame[plan.source].tolist(), plan, own, table)
    if own is not None and _common(ready, plan):
        frame = unlabel_others(frame, plan.source, own, plan.column)
    cells: list[str] = frame[plan.source].tolist()
    return cells


def _common(ready: Ready, plan: TaskPlan) -> bool:
    """Whether the task learns those classes alone that all datasets have."""
    spec = ready.recipe.tasks.get(plan.name)
    return spec is not None and spec.classes == "common"


def _in_order(cells: list[str], plan: TaskPlan, own: Column, table: Path) -> list[str]:
    try:
        return in_order(cells, own, plan.column)
    except DataError as fault:
        where = f"{table}, {fault.where}"
        raise DataError(f"{plan.name}: {fault.what}", where=where, hint=fault.hint) from None


def _known(ready: Ready, plan: TaskPlan) -> Column:
    """The task's column with the classes of all datasets: hidden labels may be of any."""
    sources = (plan.source, plan.source + HIDDEN)
    columns = [d.columns[name] for d in ready.datasets for name in sources if name in d.columns]
    names = dict.fromkeys(name for column in columns for name in column.classes)
    return replace(plan.column, classes=tuple(names))


@contextmanager
def named(ready: Ready, split: str) -> Iterator[None]:
    """Inside, a cell that cannot be read is said with the tables that it may stand in.

    :raises DataError: with their paths in front of its own place.
    """
    try:
        yield
    except DataError as fault:
        tables = " or ".join(str(dataset.csv(split)) for dataset in ready.datasets)
        where = ", ".join(filter(None, [tables, fault.where]))
        raise DataError(fault.what, where=where, hint=fault.hint) from None
