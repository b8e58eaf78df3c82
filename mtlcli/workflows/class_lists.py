"""One task over several datasets: its classes and range, and which of their cells it is taught.

Cells hold names, so another order of the same names is no difference; another set of names is one,
and only the recipe can say what is meant by it (``tasks.NAME.classes``). Cells of attributes hold a
character for each name in the order of their own dataset, and are put into the task's order.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from mtlcli.data.manifest import Dataset
from mtlcli.errors import DataError, UsageError
from mtlcli.io.column import ABSENT, GAP, PRESENT, Column
from mtlcli.recipe.values import ClassChoice

if TYPE_CHECKING:
    import pandas as pd


def agreed(task: str, source: str, choice: ClassChoice, having: Sequence[Dataset]) -> Column:
    """The column of a task over all datasets that have it, in the order of the first.

    Its range is that of all of them together.

    :param having: the datasets with the column ``source``; one at least.
    :param choice: what is meant where the classes differ: ``same`` refuses, ``union`` takes all,
        ``common`` those that every dataset has.
    :raises DataError: the classes differ and the recipe does not say what is meant, or they have
        nothing in common, or they are mirrored differently.
    :raises UsageError: a choice where there are no classes to choose from.
    """
    columns = [dataset.columns[source] for dataset in having]
    first = columns[0]
    if choice != "same" and (first.dense or not first.classes):
        raise UsageError(
            f"tasks.{task}.classes = {choice!r} is for classes that stand in cells, and the column "
            f"{source!r} has none", hint=f"leave out tasks.{task}.classes",
        )  # fmt: skip
    for dataset in having[1:]:
        _compare(task, source, having[0], dataset, strict=choice == "same")
    names = list(dict.fromkeys(name for column in columns for name in column.classes))
    if choice == "common":
        names = [name for name in names if all(name in c.classes for c in columns)]
        _require_two(task, names, having)
    low = min((c.low for c in columns if c.low is not None), default=None)
    high = max((c.high for c in columns if c.high is not None), default=None)
    groups = _groups(names, columns)
    made = replace(first, classes=tuple(names), groups=groups, mirror=(), low=low, high=high)
    return _mirrored_alike(task, made, columns)


def _groups(names: Sequence[str], columns: Sequence[Column]) -> tuple[str, ...]:
    """The group of each attribute, by the first dataset that says one; else it is its own."""
    named = [pair for c in reversed(columns) for pair in zip(c.classes, c.groups, strict=False)]
    known = dict(named)
    return tuple(known.get(name, name) for name in names) if known else ()


def _compare(task: str, source: str, one: Dataset, two: Dataset, *, strict: bool) -> None:
    theirs, ours = two.columns[source], one.columns[source]
    if ours.dense and ours.classes != theirs.classes:  # label pictures hold indices, not names
        raise DataError(
            f"task {task!r}: {one.name} and {two.name} have different classes, or another order",
            where=f"{', '.join(ours.classes)} against {', '.join(theirs.classes)}",
            hint="prepare one of them again with the classes of the other",
        )
    if strict and set(ours.classes) != set(theirs.classes):
        raise DataError(
            f"task {task!r}: {one.name} and {two.name} have different classes",
            where="; ".join([*_only(one, two, source), *_only(two, one, source)]),
            hint=f'tasks.{task}.classes = "union" learns all of them; "common" those that every '
            "dataset has, and takes rows of others for unlabelled. Where names differ in spelling "
            "alone, rename them in one dataset.toml and its CSVs",
        )


def _only(one: Dataset, two: Dataset, source: str) -> list[str]:
    extra = [n for n in one.columns[source].classes if n not in two.columns[source].classes]
    return [f"only {one.name} has {', '.join(extra)}"] if extra else []


def _require_two(task: str, names: Sequence[str], having: Sequence[Dataset]) -> None:
    if len(names) < 2:
        raise DataError(
            f"task {task!r}: {', '.join(d.name for d in having)} have {len(names)} class(es) in "
            "common, and two are needed",
            hint=f'tasks.{task}.classes = "union" learns all of them',
        )


def _mirrored_alike(task: str, made: Column, columns: Sequence[Column]) -> Column:
    """The column with what a mirror image does by all datasets; pairs of classes add up."""
    rules = {column.mirror for column in columns}
    if len(rules) == 1 and all(isinstance(rule, str) for rule in rules):
        return replace(made, mirror=rules.pop())
    pairs = [pair for rule in rules if not isinstance(rule, str) for pair in rule]
    whole = {tuple(sorted(pair)): pair for pair in sorted(pairs) if set(pair) <= set(made.classes)}
    try:
        if any(isinstance(rule, str) for rule in rules):
            raise ValueError("not every dataset says that a mirror image changes the sign")
        return replace(made, mirror=tuple(whole.values()))
    except ValueError as fault:
        raise DataError(
            f"task {task!r}: the datasets disagree on mirror images: {fault}",
            hint="make `mirror` of the column the same in every dataset.toml",
        ) from None


def unlabel_others(frame: "pd.DataFrame", source: str, own: Column, kept: Column) -> "pd.DataFrame":
    """The rows, those of classes that the dataset has and the task leaves out unlabelled.

    :param own: the column as the dataset has it.
    :param kept: as the task has it.
    """
    others = set(own.classes) - set(kept.classes)
    if not others:
        return frame
    return frame.assign(**{source: frame[source].mask(frame[source].isin(others), "")})


def in_order(cells: Sequence[str], own: Column, kept: Column) -> list[str]:
    """Cells of attributes, one character each, from a dataset's order to that of the task.

    What the dataset does not tell is a gap; what the task does not have is left out.

    :param own: the column as the dataset has it.
    :param kept: as the task has it.
    :raises DataError: they have no attribute in common, or a cell does not fit ``own`` (its row).
    """
    if own.classes == kept.classes:
        return list(cells)
    places = [own.classes.index(name) if name in own.classes else -1 for name in kept.classes]
    if max(places, default=-1) < 0:
        raise DataError(
            "the dataset tells none of the attributes of the task",
            where=f"{', '.join(own.classes)} against {', '.join(kept.classes)}",
            hint="choose another dataset, or another column: tasks.NAME.column",
        )
    for row, cell in enumerate(cells):
        if cell and (len(cell) != len(own.classes) or set(cell) - {PRESENT, ABSENT, GAP}):
            raise DataError(
                f"{cell!r} is not {len(own.classes)} characters, each {PRESENT}, {ABSENT} or {GAP}",
                where=f"row {row + 2}",  # the header is line 1
            )
    # the gap is the last character, which -1 takes
    return ["".join([(cell + GAP)[i] for i in places]) if cell else "" for cell in cells]
