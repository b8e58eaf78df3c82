"""Binary columns of a user's CSV, merged into one column of attributes."""

from collections.abc import Mapping, Sequence

from mtlcli import console
from mtlcli.data.preparers.attribute_cells import cell
from mtlcli.data.preparers.csv_labels import Labels
from mtlcli.data.preparers.csv_table import Row, Table, missing, number
from mtlcli.errors import DataError, UsageError
from mtlcli.io.column import GAP, Column

NAME = "attributes"
_YES = {"1", "true", "yes", "y", "t", "present"}
_NO = {"0", "false", "no", "n", "f", "absent"}


def parse(text: str) -> dict[str, str]:
    """``smile,hat`` or ``mouth:smile,lips;worn:hat`` → attribute → its group, "" for none.

    :raises UsageError: no name, one twice, or groups for some only.
    """
    found: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.split(";"))):
        group, sign, names = part.rpartition(":")
        for name in filter(None, (name.strip() for name in names.split(","))):
            if name in found:
                raise UsageError(f"--attributes names {name!r} twice")
            found[name] = group.strip()
        if sign and not group.strip():
            raise UsageError(f"--attributes {part!r} has no group before the colon", hint=_HINT)
    if not found:
        raise UsageError("--attributes names no column", hint=_HINT)
    alone = [name for name, group in found.items() if not group]
    if alone and len(alone) < len(found):
        raise UsageError(f"--attributes gives {alone[0]!r} no group, and others one", hint=_HINT)
    return found


_HINT = '--attributes smile,hat or --attributes "mouth:smile,lips;worn:hat"'


def make(table: Table, groups: Mapping[str, str]) -> Labels:
    """The merged column; a blank cell, NaN, ``?`` or -1 beside zeros is a gap.

    :param groups: attribute (a column of the table) → its group.
    :raises DataError: a column is not there, or a cell says neither yes nor no (line and column).
    """
    names = [table.require(name) for name in groups]
    if NAME in table.header and NAME not in names:
        raise DataError(
            f"there is a column {NAME!r} already, and the merged one is called so",
            where=f"{table.path}, line 1", hint="rename the column of the CSV",
        )  # fmt: skip
    signed = _signed(table, names)
    cells = []
    for row in table.rows:
        values = [_value(table, row, name, signed=signed) for name in names]
        cells.append(cell(values) if any(value is not None for value in values) else "")
    own = tuple(groups.values()) if all(groups.values()) else ()
    return Labels(Column(NAME, classes=tuple(names), groups=own), cells)


def _signed(table: Table, names: Sequence[str]) -> bool:
    """Whether -1 says no: where there is no 0, as in CelebA's files."""
    found = {number(row.cells[name]) for row in table.rows for name in names}
    if -1 not in found or 0 in found:
        return False
    console.info("the attributes hold 1 and -1 and no 0, so -1 is taken for no")
    return True


def _value(table: Table, row: Row, name: str, *, signed: bool) -> bool | None:
    """Yes, no, or a gap."""
    text = row.cells[name]
    value = number(text)
    if missing(text) or text == GAP or (value == -1 and not signed):
        return None
    if value == 1 or text.lower() in _YES:
        return True
    if value in (0, -1) or text.lower() in _NO:
        return False
    raise table.fault(
        row, name, f"{text!r} is neither yes nor no",
        hint="write 1 or 0, and leave what is not known blank",
    )  # fmt: skip
