"""The raw files of IMDB-Clean and IMDB-WIKI: where they lie, and the rows of the three CSVs."""

import csv
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from mtlcli.data.preparers.base import Bad
from mtlcli.errors import DataError

Box = tuple[int, int, int, int]

#: our split → the annotations of IMDB-Clean.
CSVS = {
    "train": "imdb_train_new.csv",
    "val": "imdb_valid_new.csv",
    "test": "imdb_test_new.csv",
}
POSE = ("head_roll", "head_yaw", "head_pitch")
HEADER = ("filename", "age", "gender", "x_min", "y_min", "x_max", "y_max", *POSE)

_CSV_FOLDERS = ("", "csvs")
_MAT_FILES = ("imdb.mat", "imdb/imdb.mat", "data/imdb/imdb.mat")
_PICTURE_FOLDERS = ("imdb", "data/imdb", "")
_SUBJECT = re.compile(r"(?:^|/)(nm\d+)_")


@dataclass(frozen=True)
class Row:
    """One annotated face.

    :param filename: ``NN/nm….jpg``, NN the last two digits of the subject's number.
    :param age: years; None where unknown.
    :param gender: ``F``, ``M`` or nothing.
    :param box: ``(x_min, y_min, x_max, y_max)`` in pixels, half-open; the CSVs name the last pixel.
    :param pose: roll, yaw and pitch of the head in degrees, as they stand in the CSV.
    """

    filename: str
    age: int | None
    gender: str
    box: Box
    split: str = ""
    group: str = ""
    pose: tuple[str, ...] = ()


@dataclass(frozen=True)
class Raw:
    """What was found below ``root``.

    :param pictures: the folder of 00 … 99, relative to the root; ``.`` for the root itself.
    :param csvs: split → CSV.
    """

    pictures: PurePosixPath
    csvs: dict[str, Path] = field(default_factory=dict)
    mat: Path | None = None


def find_csvs(root: Path) -> dict[str, Path]:
    """The CSVs that are there, in the root or in ``csvs``."""
    found = {}
    for split, name in CSVS.items():
        here = [root / folder / name for folder in _CSV_FOLDERS if (root / folder / name).is_file()]
        if here:
            found[split] = here[0]
    return found


def find(root: Path) -> Raw | None:
    """The raw files below ``root``; None where the pictures or all annotations are missing.

    :raises DataError: one or two of the three CSVs are missing, or only ``imdb_crop`` is there.
    """
    csvs = find_csvs(root)
    mat = next((root / name for name in _MAT_FILES if (root / name).is_file()), None)
    pictures = next((PurePosixPath(f) for f in _PICTURE_FOLDERS if _holds_pictures(root / f)), None)
    if pictures is None and _holds_pictures(root / "imdb_crop"):
        raise DataError(
            "imdb_crop holds faces that are cut out already, and the boxes belong to the whole "
            "pictures", where=root / "imdb_crop", hint="fetch imdb_0.tar to imdb_9.tar instead",
        )  # fmt: skip
    if pictures is None or not (csvs or mat):
        return None
    absent = [name for split, name in CSVS.items() if split not in csvs]
    if csvs and absent:
        raise DataError(f"{' and '.join(absent)} must lie beside the other CSVs", where=root)
    return Raw(pictures, csvs, mat)


def _holds_pictures(folder: Path) -> bool:
    return folder.is_dir() and any(
        len(entry.name) == 2 and entry.name.isdecimal() and entry.is_dir()
        for entry in folder.iterdir()
    )


def subject(filename: str) -> str:
    """The subject's number in IMDb, such as ``nm0000313``; nothing where the name has none."""
    found = _SUBJECT.search(filename)
    return found[1] if found else ""


def read_csvs(csvs: dict[str, Path]) -> tuple[list[Row], list[Bad]]:
    """The rows of the CSVs, train first, each in its own order; those that make no sense apart.

    :raises DataError: a CSV cannot be read, or lacks a column.
    """
    rows: list[Row] = []
    bad: list[Bad] = []
    for split in CSVS:
        outcomes = list(_read(csvs[split], split))
        rows += [one for one in outcomes if isinstance(one, Row)]
        bad += [one for one in outcomes if isinstance(one, Bad)]
    return rows, bad


def _read(path: Path, split: str) -> Iterator[Row | Bad]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            _require_columns(path, reader.fieldnames or ())
            for cells in reader:
                yield _row({key: cells[key] or "" for key in HEADER if key in cells}, split)
    except (UnicodeDecodeError, csv.Error) as fault:
        raise DataError(f"the CSV cannot be read: {fault}", where=path) from None


def _require_columns(path: Path, names: Collection[str]) -> None:
    missing = [name for name in HEADER[:7] if name not in names]
    if missing:
        raise DataError(
            f"the CSV lacks the columns {', '.join(missing)}", where=path,
            hint="take the CSV of IMDB-Clean itself, not a page or a git-lfs pointer in its place",
        )  # fmt: skip


def _row(cells: dict[str, str], split: str) -> Row | Bad:
    name = cells["filename"]
    fault = unsafe(name) or _foreign(cells)
    if fault:
        return Bad(name, fault)
    try:
        left, top, right, bottom = (int(float(cells[side])) for side in HEADER[3:7])
        age = int(float(cells["age"])) if cells["age"] else None
    except (ValueError, OverflowError):
        return Bad(name, "its age or box is no number")
    pose = tuple(cells.get(angle, "") for angle in POSE)
    box = (left, top, right + 1, bottom + 1)
    return Row(name, age, cells["gender"], box, split, subject(name), pose)


def unsafe(name: str) -> str:
    """Why a file name must not be followed; nothing where it may."""
    path = PurePosixPath(name)
    if not name or path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name:
        return "its file name leaves the folder of the pictures"
    return ""


def _foreign(cells: dict[str, str]) -> str:
    if cells["gender"] not in ("F", "M", ""):
        return "its gender is neither F nor M nor empty"
    return "" if cells["gender"] or cells["age"] else "neither its age nor its gender is known"
