"""Which columns of a CSV are labels, of what kind they are, and how their cells are written."""

import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from math import ceil, floor

from mtlcli import catalog, console
from mtlcli.data.preparers.csv_table import Row, Table, missing, number
from mtlcli.errors import DataError, UsageError
from mtlcli.io.column import Column
from mtlcli.registry import suggest

_SIGNS = ("-1", "1")
_WORDS = {"none", "null"}
_NAMED = 3  # columns in one remark
_FEW = 20  # different whole numbers, up to which they are taken for classes
_AGES = (0, 120)
_RANGE = re.compile(r"\(?\s*(\d{1,3})\s*[;,–-]\s*(\d{1,3})\s*\)?")
_NO_LABEL = re.compile(r"(|id|index|idx|unnamed: \d+|url|person_[xy][01])\Z")


@dataclass(frozen=True)
class Labels:
    """One label column: what it holds, and the cell of every row in its final form."""

    column: Column
    cells: list[str]


def parse_kinds(text: str) -> dict[str, str]:
    """``age=regression,gender=classification`` → column → kind.

    :raises UsageError: not of this form, or an unknown kind.
    """
    kinds: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, sign, kind = (side.strip() for side in part.partition("="))
        if not sign:
            raise UsageError(f"--kinds takes column=kind, not {part!r}", hint="--kinds age=age")
        if kind not in catalog.TASKS:
            raise UsageError(
                f"--kinds {part}: there is no kind {kind!r}",
                hint=suggest(kind, list(catalog.TASKS)),
            )
        kinds[name] = kind
    return kinds


def find(table: Table, taken: Set[str | None], kinds: Mapping[str, str]) -> dict[str, Labels]:
    """The columns that look like labels: not taken by something else, no identifier, and neither
    the same in all rows nor a different text in most."""
    found = {}
    for name in table.header:
        if name in kinds:
            found[name] = make(table, name, kinds[name])
        elif name not in taken and not _NO_LABEL.match(name.lower()):
            given = [cell for cell in _whole(_cells(table, name)) if cell]
            if _varies(given):
                found[name] = make(table, name, None)
    return found


def _varies(given: Sequence[str]) -> bool:
    different = len(set(given))
    texts = any(_years(cell) is None for cell in given)
    return different > 1 and not (texts and different > _FEW and 2 * different > len(given))


def make(table: Table, name: str, kind: str | None) -> Labels:
    """The labels of one column.

    :param kind: None finds it out: ``age`` for a column called age with years (or ranges of years)
        from 0 to 120, ``regression`` for numbers, ``classification`` for texts and for few
        different whole numbers.
    :raises DataError: a cell is not of the kind (file, line, column), or there are fewer than two
        classes.
    """
    rows = table.rows
    cells = _cells(table, name)
    kind = kind or _infer(name, [cell for cell in cells if cell])
    if kind not in {"age", "regression"}:
        cells = _whole(cells)
        classes = sorted(set(cells) - {""}, key=_order) if kind == "classification" else []
        if kind == "classification" and len(classes) < 2:
            raise DataError(
                f"fewer than two classes of {name}: {', '.join(classes) or 'no row has a label'}",
                where=table.path,
                hint="leave it out of --labels and --kinds; a blank cell is no class",
            )
        return Labels(Column(kind, classes=tuple(classes)), cells)
    cells = [
        _as_number(table, row, name, c) if c else "" for row, c in zip(rows, cells, strict=True)
    ]
    values = [float(cell) for cell in cells if cell] or [0.0]
    low, high = min(values), max(values)
    if kind == "age":
        return Labels(Column(kind, low=floor(low), high=ceil(high), unit="years"), cells)
    return Labels(Column(kind, low=low, high=high), cells)


def tell_doubtful(labels: Mapping[str, Labels]) -> None:
    """Say which columns have a class that might have been meant as "no label"."""
    labels = {name: one for name, one in labels.items() if one.column.kind == "classification"}
    signed = [name for name, one in labels.items() if one.column.classes == _SIGNS]
    if signed:
        console.info(
            f"{_few(signed)}: there are 1 and -1 and no 0, so -1 is a class and not a missing label"
        )
    for name, one in labels.items():
        words = [c for c in one.column.classes if c.lower() in _WORDS]
        if words:
            console.info(f"{name}: {words[0]!r} is a class; a blank cell is a missing label")


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _cells(table: Table, name: str) -> list[str]:
    """A column whose missing cells are empty: blank ones; ``none`` beside numbers, since it may be
    a class beside texts; -1, but not beside other negative numbers, nor beside nothing but 1."""
    cells = [row.cells[name] for row in table.rows]
    given = [cell for cell in cells if not missing(cell)]
    numbers = {number(cell) for cell in given}
    signed = numbers == {-1, 1} or any(n is not None and n < 0 and n != -1 for n in numbers)
    words = _WORDS if any(_years(cell) is None for cell in given) else set()

    def means_nothing(cell: str) -> bool:
        return (missing(cell) and cell.lower() not in words) or (number(cell) == -1 and not signed)

    return ["" if means_nothing(cell) else cell for cell in cells]


def _years(cell: str) -> float | None:
    """A number, or the middle of a range such as ``25;32`` or ``(25, 32)``."""
    found = _RANGE.fullmatch(cell)
    return (int(found[1]) + int(found[2])) / 2 if found else number(cell)


def _infer(name: str, given: Sequence[str]) -> str:
    years = [_years(cell) for cell in given]
    if name.lower() == "age" and all(y is not None and _AGES[0] <= y <= _AGES[1] for y in years):
        return "age"
    numbers = [number(cell) for cell in given]
    if any(value is None for value in numbers):
        return "classification"
    whole = all(value is not None and value.is_integer() for value in numbers)
    return "classification" if whole and len(set(numbers)) <= _FEW else "regression"


def _whole(cells: list[str]) -> list[str]:
    """``1.0`` → ``1``, as programs write whole numbers where some are missing."""
    numbers = [number(cell) for cell in cells if cell]
    if not all(value is not None and value.is_integer() for value in numbers):
        return cells
    return [str(int(float(cell))) if cell else "" for cell in cells]


def _order(name: str) -> tuple[float, str]:
    value = number(name)
    return (float("inf") if value is None else value), name


def _as_number(table: Table, row: Row, name: str, cell: str) -> str:
    value = _years(cell)
    if value is None:
        raise table.fault(
            row, name, f"{cell!r} is not a number", hint=f"--kinds {name}=classification"
        )
    return str(int(value)) if value.is_integer() else str(value)
