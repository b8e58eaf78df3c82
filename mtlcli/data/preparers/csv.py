"""Anyone's CSV: a column of pictures, columns of labels, perhaps boxes, groups and splits."""

import os
from pathlib import Path
from typing import Any, ClassVar

from mtlcli import console
from mtlcli.data.preparers import csv_attributes, csv_groups, csv_labels, csv_table
from mtlcli.data.preparers.base import NO_FILE, Bad, Item, Preparer, Scan
from mtlcli.data.preparers.csv_table import Roles, Row, Table
from mtlcli.data.preparers.folder import SPLIT_NAMES
from mtlcli.errors import DataError, UsageError
from mtlcli.io.column import Column


class Csv(Preparer):
    """Your own CSV: a picture and its labels per row, without a line of code.

    The pictures' column is called image, file_name, filename, img_name or path; the paths are
    relative to the CSV, then to ``--images``. A blank cell or -1 is a missing label (-1 beside
    nothing but 1 is a class). A column ``split``, a box (x_min … y_max, face_x0 … face_y1 or x, y,
    w, h) and a group (group, subject, identity or clip) are used where they are there; rows of one
    picture are a group, too.

    :param images: folder of the pictures, where it is not the CSV's own.
    :param labels: the label columns, with commas between; found by themselves when left out.
    :param kinds: kinds that are not to be guessed, such as age=regression,smile=classification.
    :param attributes: columns of yes and no that become one column of attributes: smile,hat or, in
        groups, "mouth:smile,lips;worn:hat".
    :param group: column of the subject, scene or clip; splits never share one.
    """

    title: ClassVar[str] = "your own CSV: a picture and its labels per row"
    needs: ClassVar[str] = "FILE.csv with a column of pictures; --images DIR"
    argument: ClassVar[str] = "FILE.csv"
    examples: ClassVar[tuple[str, ...]] = (
        "faces.csv --images photos", "faces.csv --labels gender,age --kinds age=regression",
    )  # fmt: skip

    def __init__(
        self, root: Path | None, out: Path, *, images: Path | None = None, labels: str = "",
        kinds: str = "", attributes: str = "", group: str = "",
    ) -> None:  # fmt: skip
        super().__init__(root, out)
        self.image_dir = images
        self.wanted = [name.strip() for name in labels.split(",") if name.strip()]
        self.kinds = csv_labels.parse_kinds(kinds)
        self.attributes = csv_attributes.parse(attributes) if attributes else {}
        self.group = group
        self._columns: dict[str, Column] = {}
        self._folder = Path()

    def columns(self) -> dict[str, Column]:
        """What the scan found."""
        return self._columns

    def image_root(self) -> Path:
        """The folder of the CSV, or ``--images``, or the one that holds both."""
        return self._folder

    def raw(self, item: Item) -> Path:
        """The picture."""
        return self._folder / item.image

    def scan(self) -> Scan:
        """Read the CSV and look for every picture.

        :raises DataError: it cannot be read, a cell is wrong (line and column), or no picture is
            there.
        """
        if self.root is None or not self.root.is_file():
            what = f"there is no file {self.root}" if self.root else "no CSV is given"
            raise DataError(what, hint="mtl prepare csv FILE.csv [--images DIR]")
        if self.image_dir is not None and not self.image_dir.is_dir():
            raise UsageError(f"--images {self.image_dir} is not a folder")
        table = csv_table.read(self.root)
        roles = table.roles(self.group)
        labels = self._labels(table, roles)
        csv_labels.tell_doubtful(labels)
        self._columns = {name: one.column for name, one in labels.items()}
        cells = {name: one.cells for name, one in labels.items()}
        found = Scan()
        for index, place in enumerate(self._places(table, roles)):
            row = table.rows[index]
            if place is None:
                found.bad.append(Bad(row.cells[roles.image], NO_FILE))
            else:
                own = {name: column[index] for name, column in cells.items()}
                found.items.append(_item(table, row, roles, place, own))
        found.items = csv_groups.by_picture(found.items, self._folder)
        csv_groups.warn_of_shared(found.items)
        return found

    def _labels(self, table: Table, roles: Roles) -> dict[str, csv_labels.Labels]:
        for name in (*self.wanted, *self.kinds):
            table.require(name)
        merged = {}
        if self.attributes:
            merged = {csv_attributes.NAME: csv_attributes.make(table, self.attributes)}
        if self.wanted:
            own = {n: csv_labels.make(table, n, self.kinds.get(n)) for n in self.wanted}
            return merged | own
        taken = {roles.image, roles.split, roles.group, *roles.box, *self.attributes}
        labels = merged | csv_labels.find(table, taken, self.kinds)
        rest = [name for name in table.header if name and name not in {*labels, *taken}]
        if not labels:
            raise DataError(
                f"no column looks like a label; there are: {', '.join(table.header)}",
                where=table.path, hint="name the label columns: --labels a,b",
            )  # fmt: skip
        if rest:
            console.info(
                f"columns not taken for labels: {', '.join(rest)} (--labels says which are)"
            )
        return labels

    def _places(self, table: Table, roles: Roles) -> list[str | None]:
        """The path of every picture relative to the image root, which is settled here."""
        assert self.root is not None
        bases = [self.root.resolve().parent]
        if self.image_dir is not None:
            bases.append(self.image_dir.resolve())
        found = [_locate(row.cells[roles.image], bases) for row in table.rows]
        used = {base for base, _ in filter(None, found)}
        if not used:
            first = table.rows[0]
            cell = first.cells[roles.image]
            raise table.fault(
                first, roles.image, f"no picture is where the CSV says, such as {cell!r}",
                hint="name the folder that the paths are relative to: --images DIR",
            )  # fmt: skip
        self._folder = Path(os.path.commonpath(used))
        return [None if one is None else _below(self._folder, *one) for one in found]

    def settings(self) -> dict[str, Any]:
        """The CSV and the options given."""
        return {
            "csv": str(self.root), "labels": ",".join(self.wanted) or None,
            "kinds": ",".join(f"{k}={v}" for k, v in self.kinds.items()) or None,
            "attributes": self.attributes or None,
            "group": self.group or None,
        }  # fmt: skip


def _item(table: Table, row: Row, roles: Roles, place: str, labels: dict[str, str]) -> Item:
    return Item(
        place, labels,
        box=csv_table.read_box(table, row, roles),
        group=row.cells[roles.group] if roles.group else "",
        split=_split(table, row, roles.split),
    )  # fmt: skip


def _locate(cell: str, bases: list[Path]) -> tuple[Path, str] | None:
    """Where a picture or clip lies, which may be a folder of frames."""
    # os.path: an endless name, or one with a NUL, is just not there
    return next(((b, cell) for b in bases if cell and os.path.exists(b / cell)), None)


def _below(folder: Path, base: Path, cell: str) -> str:
    """The cell, relative to ``folder`` instead of ``base``; an absolute one stays as it is."""
    if base == folder or Path(cell).is_absolute():
        return cell
    return str(base.relative_to(folder) / cell)


def _split(table: Table, row: Row, column: str | None) -> str:
    cell = row.cells[column] if column else ""
    if not column or csv_table.missing(cell):
        return ""
    if cell.lower() not in SPLIT_NAMES:
        raise table.fault(row, column, f"a split is train, val or test, not {cell!r}")
    return SPLIT_NAMES[cell.lower()]
