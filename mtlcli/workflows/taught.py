"""The cells that each task is taught, of datasets that name its classes in their own ways."""

from pathlib import Path
from typing import TYPE_CHECKING

from mtlcli.data.manifest import Dataset
from mtlcli.errors import DataError
from mtlcli.io.column import Column
from mtlcli.workflows.checks import Ready, TaskPlan
from mtlcli.workflows.class_lists import in_order, unlabel_others

if TYPE_CHECKING:
    import pandas as pd


def cells_of(plan: TaskPlan) -> str:
    """What the column of a task's own cells is called; two tasks may read one column."""
    return f"tasks.{plan.name}"


def as_taught(ready: Ready, dataset: Dataset, split: str) -> "pd.DataFrame":
    """The rows of a split, and beside their columns the cells that each task is taught.

    :raises DataError: there is no such split, or a cell of attributes cannot be read.
    """
    frame = dataset.read(split)
    whole = [plan for plan in ready.tasks if not plan.column.dense]
    own = {
        cells_of(plan): _cells(ready, plan, dataset, frame, dataset.csv(split))
        for plan in whole
        if plan.source in frame.columns
    }
    return frame.assign(**own)


def _cells(
    ready: Ready, plan: TaskPlan, dataset: Dataset, frame: "pd.DataFrame", table: Path
) -> list[str]:
    own, spec = dataset.columns.get(plan.source), ready.recipe.tasks.get(plan.name)
    if own is not None and plan.kind == "attributes":
        return _in_order(frame[plan.source].tolist(), plan, own, table)
    if own is not None and spec is not None and spec.classes == "common":
        frame = unlabel_others(frame, plan.source, own, plan.column)
    cells: list[str] = frame[plan.source].tolist()
    return cells


def _in_order(cells: list[str], plan: TaskPlan, own: Column, table: Path) -> list[str]:
    try:
        return in_order(cells, own, plan.column)
    except DataError as fault:
        where = f"{table}, {fault.where}"
        raise DataError(f"{plan.name}: {fault.what}", where=where, hint=fault.hint) from None
