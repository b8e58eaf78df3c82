"""The rows of a split as a recipe takes them, and where they stand when one cannot be read."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from mtlcli.data.manifest import Dataset
from mtlcli.errors import DataError
from mtlcli.io.column import Column
from mtlcli.workflows.checks import HIDDEN, Ready, TaskPlan
from mtlcli.workflows.class_lists import unlabel_others

if TYPE_CHECKING:
    import pandas as pd


def read(ready: Ready, split: str) -> "list[pd.DataFrame]":
    """The rows of every dataset, without the classes that the recipe leaves out."""
    return [_taught(ready, dataset, dataset.read(split)) for dataset in ready.datasets]


def _taught(ready: Ready, dataset: Dataset, frame: "pd.DataFrame") -> "pd.DataFrame":
    for plan in ready.tasks:
        spec, own = ready.recipe.tasks.get(plan.name), dataset.columns.get(plan.source)
        if spec is None or spec.classes != "common":
            continue
        if own is not None:
            frame = unlabel_others(frame, plan.source, own, plan.column)
        if plan.source + HIDDEN in frame:
            frame = unlabel_others(frame, plan.source + HIDDEN, _known(ready, plan), plan.column)
    return frame


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
