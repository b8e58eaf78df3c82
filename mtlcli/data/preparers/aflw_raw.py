"""AFLW's annotations: ``aflw.sqlite`` as published, or three CSVs exported from it."""

import csv
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from mtlcli.data.preparers import poses, raw_lines
from mtlcli.errors import DataError

#: table → its columns; the CSVs have the same.
_TABLES = {
    "Faces": ("face_id", "file_id"),
    "FacePose": ("face_id", "roll", "pitch", "yaw"),
    "FaceRect": ("face_id", "x", "y", "w", "h"),
}
_CSVS = {"Faces": "faceid.csv", "FacePose": "facepose.csv", "FaceRect": "facerect.csv"}
_PLACES = ("", "data/", "aflw/", "aflw/data/", "aflw-db/aflw/data/")
_LANDMARKS = ("NoseCenter", "LeftEyeCenter", "RightEyeCenter")
_CLEAR = 0.35  # radians of yaw, from which the nose stands clearly to a side

#: face → the cells that a table has of it, without the face's number.
Cells = dict[str, tuple[str, ...]]


@dataclass
class Annotations:
    """The tables, as text.

    :param faces: face → name of its picture; with folders where the database says so.
    :param poses: face → roll, pitch and yaw in radians.
    :param rects: face → x, y, width and height in pixels.
    :param double: what a table says twice of one face, and differently.
    """

    faces: dict[str, str] = field(default_factory=dict)
    poses: Cells = field(default_factory=dict)
    rects: Cells = field(default_factory=dict)
    double: dict[str, str] = field(default_factory=dict)

    def put(self, table: str, rows: Iterable[Sequence[object]]) -> None:
        """Take the rows of a table; the first is the face's number."""
        target: Cells = {"FacePose": self.poses, "FaceRect": self.rects}.get(table, {})
        for number, *values in rows:
            face = _text(number)
            cells = tuple(map(_text, values))
            if target.setdefault(face, cells) != cells:
                self.double[face] = f"{table} has two different rows of it"
        if table == "Faces":
            self.faces = {face: cells[0] for face, cells in target.items()}


def _text(value: object) -> str:
    return "" if value is None else str(value).strip()


def find(root: Path) -> tuple[Path | None, list[Path]]:
    """The database and the three CSVs, as far as they are there; one place for all three."""
    bases = [root / place for place in _PLACES]
    database = next((b / "aflw.sqlite" for b in bases if (b / "aflw.sqlite").is_file()), None)
    for base in bases:
        paths = [base / name for name in _CSVS.values()]
        if all(path.is_file() for path in paths):
            return database, paths
    return database, []


def from_csvs(paths: Sequence[Path]) -> Annotations:
    """The three CSVs in the order faces, poses, rectangles; a header may be left out.

    :raises DataError: one cannot be read, or lacks a column.
    """
    found = Annotations()
    for (table, columns), path in zip(_TABLES.items(), paths, strict=True):
        found.put(table, _csv_rows(path, columns))
    return found


def _csv_rows(path: Path, columns: Sequence[str]) -> Iterator[list[str]]:
    rows = [
        [cell.strip() for cell in row] for row in csv.reader(t for _, t in raw_lines.read(path))
    ]
    header = [name.lower() for name in rows[0]] if rows else []
    places = list(range(len(columns)))
    if header and not header[0].isdigit():
        missing = [name for name in columns if name not in header]
        if missing:
            raise DataError(
                f"the CSV lacks the column {missing[0]!r}", where=path,
                hint=f"its columns are: {', '.join(columns)}",
            )  # fmt: skip
        places, rows = [header.index(name) for name in columns], rows[1:]
    for row in rows:
        yield [row[place] if place < len(row) else "" for place in places]


def from_database(path: Path) -> Annotations:
    """The tables of ``aflw.sqlite``, opened for reading alone.

    :raises DataError: it is no such database.
    """
    found = Annotations()
    try:
        with closing(_opened(path)) as database:
            for table, columns in _TABLES.items():
                found.put(table, database.execute(f"SELECT {', '.join(columns)} FROM {table}"))
            rows = database.execute("SELECT file_id, filepath FROM FaceImages").fetchall()
    except sqlite3.Error as fault:
        raise DataError(
            f"this is not the database of AFLW: {fault}", where=path, hint="fetch it anew"
        ) from fault
    places = {_text(file): _text(path) for file, path in rows}
    found.faces = {face: places.get(file) or file for face, file in found.faces.items()}
    return found


def _opened(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)
    database.execute("PRAGMA trusted_schema = OFF")
    return database


def positive_is_left(path: Path) -> bool | None:
    """Whether the nose points to the picture's left edge where yaw is positive.

    By the landmarks of heads that are turned clearly; None where there are too few.
    """
    names = ", ".join(f"'{name}'" for name in _LANDMARKS)
    try:
        with closing(_opened(path)) as database:
            kinds = dict(database.execute(
                f"SELECT descr, feature_id FROM FeatureCoordTypes WHERE descr IN ({names})"
            ))  # fmt: skip
            rows = database.execute(
                "SELECT p.yaw, n.x, (l.x + r.x) / 2.0 FROM FacePose p"
                " JOIN FeatureCoords n ON n.face_id = p.face_id AND n.feature_id = ?"
                " JOIN FeatureCoords l ON l.face_id = p.face_id AND l.feature_id = ?"
                " JOIN FeatureCoords r ON r.face_id = p.face_id AND r.feature_id = ?"
                f" WHERE abs(p.yaw) > {_CLEAR}",
                [kinds.get(name) for name in _LANDMARKS],
            )  # fmt: skip
            sides = [(yaw > 0) == (nose < eyes) for yaw, nose, eyes in rows if nose != eyes]
    except (sqlite3.Error, TypeError):  # a database without landmarks says nothing
        return None
    return poses.by_landmarks(sides)
