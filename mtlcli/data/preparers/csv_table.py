"""A CSV of unknown origin: its cells with their line numbers, and what its columns are called."""

import csv
import itertools
import math
from dataclasses import dataclass
from pathlib import Path

from mtlcli.errors import DataError
from mtlcli.registry import suggest

IMAGE_NAMES = ("image", "file_name", "filename", "img_name", "path")
SPLIT_NAME = "split"
GROUP_NAMES = ("group", "subject", "identity", "clip")
#: each four columns of a box, and whether the last two are its width and height.
BOX_NAMES: tuple[tuple[tuple[str, str, str, str], bool], ...] = (
    (("x_min", "y_min", "x_max", "y_max"), False),
    (("xmin", "ymin", "xmax", "ymax"), False),
    (("face_x0", "face_y0", "face_x1", "face_y1"), False),
    (("x0", "y0", "x1", "y1"), False),
    (("x1", "y1", "x2", "y2"), False),
    (("x", "y", "w", "h"), True),
    (("x", "y", "width", "height"), True),
)
_NOTHING = {"", "nan", "none", "null"}

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Row:
    """One row: its cells, stripped, by the column's name; and where it ends in the file."""

    line: int
    cells: dict[str, str]


@dataclass(frozen=True)
class Table:
    """A CSV, read whole."""

    path: Path
    header: list[str]
    rows: list[Row]

    def named(self, names: tuple[str, ...]) -> str | None:
        """The first column called so, in capitals or not."""
        lower = {name.lower(): name for name in reversed(self.header)}
        return next((lower[name] for name in names if name in lower), None)

    def require(self, name: str) -> str:
        """The name of an existing column.

        :raises DataError: there is none.
        """
        if name not in self.header:
            raise DataError(
                f"there is no column {name!r}", where=self.path, hint=suggest(name, self.header)
            )
        return name

    def roles(self, group: str = "") -> "Roles":
        """Which columns are the picture, the split, the group and the box.

        :param group: the column of the group, where it is not called like one.
        :raises DataError: no column names the pictures, or there is none called ``group``.
        """
        image = self.named(IMAGE_NAMES)
        if image is None:
            raise DataError(
                f"no column names the pictures; there are: {', '.join(self.header)}",
                where=f"{self.path}, line 1",
                hint=f"call it one of: {', '.join(IMAGE_NAMES)}",
            )
        chosen = self.require(group) if group else self.named(GROUP_NAMES)
        return Roles(image, self.named((SPLIT_NAME,)), chosen, *self._box())

    def _box(self) -> tuple[tuple[str, ...], bool]:
        for names, sized in BOX_NAMES:
            found = [self.named((name,)) for name in names]
            columns = tuple(name for name in found if name is not None)
            if len(columns) == 4:
                return columns, sized
        return (), False

    def fault(self, row: Row, column: str, what: str, hint: str | None = None) -> DataError:
        """An error that names file, line and column."""
        return DataError(what, where=f"{self.path}, line {row.line}, column {column!r}", hint=hint)


@dataclass(frozen=True)
class Roles:
    """The columns that are no labels.

    :param box: four columns, or none.
    :param sized: the last two of the box are its width and height.
    """

    image: str
    split: str | None
    group: str | None
    box: tuple[str, ...]
    sized: bool


def read(path: Path) -> Table:
    """Read a CSV; commas, semicolons or tabs.

    :raises DataError: it is missing, is not UTF-8, has no rows, or a row has too many cells.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            first = stream.readline()
            stream.seek(0)
            reader = csv.reader(stream, delimiter=max(",;\t", key=first.count), strict=True)
            header = [name.strip() for name in next(reader, [])]
            lines = [(reader.line_num, cells) for cells in reader if any(cells)]
    except UnicodeDecodeError as fault:
        raise DataError(f"the CSV is not UTF-8: {fault.reason}", where=path) from None
    except csv.Error as fault:
        raise DataError(f"the CSV cannot be read: {fault}", where=path) from None
    except OSError as fault:
        raise DataError(f"cannot read the CSV: {fault.strerror}", where=path) from None
    _check_shape(path, header, lines)
    pairs = itertools.zip_longest
    rows = [
        Row(line, {name: cell.strip() for name, cell in pairs(header, cells, fillvalue="")})
        for line, cells in lines
    ]
    return Table(path, header, rows)


def _check_shape(path: Path, header: list[str], lines: list[tuple[int, list[str]]]) -> None:
    twice = sorted({name for name in header if name and header.count(name) > 1})
    if twice:
        raise DataError(f"two columns are called {twice[0]!r}", where=f"{path}, line 1")
    if not lines:
        raise DataError("the CSV has no rows below its header", where=path)
    for line, cells in lines:
        if len(cells) > len(header):
            raise DataError(
                f"{len(cells)} cells, but the header has {len(header)}",
                where=f"{path}, line {line}",
                hint="put quotes around cells that hold the separator",
            )


def missing(cell: str) -> bool:
    """Whether a cell is blank or says that there is no value."""
    return cell.lower() in _NOTHING


def number(cell: str) -> float | None:
    """The finite number that a cell holds; None where it holds none."""
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def read_box(table: Table, row: Row, roles: Roles) -> Box | None:
    """The box of a row, in whole pixels; None where all of it is blank or -1.

    :raises DataError: a side is no number, or the box is empty (file, line, column).
    """
    cells = [row.cells[name] for name in roles.box]
    if all(missing(cell) or number(cell) == -1 for cell in cells):
        return None
    sides = [number(cell) for cell in cells]
    for name, cell, side in zip(roles.box, cells, sides, strict=True):
        if side is None:
            raise table.fault(row, name, f"a side of a box is a number, not {cell!r}")
    left, top, right, bottom = (side for side in sides if side is not None)
    if roles.sized:
        right, bottom = left + right, top + bottom
    if right <= left or bottom <= top:
        raise table.fault(row, roles.box[2], f"the box {', '.join(cells)} is empty")
    return round(left), round(top), round(right), round(bottom)
