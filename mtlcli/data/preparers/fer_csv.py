"""``fer2013.csv``: a picture of 48 × 48 grey pixels per line, written as numbers."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mtlcli.errors import DataError

SIDE = 48
#: how FER2013 calls the splits → how they are called here.
USAGES = {"Training": "train", "PublicTest": "val", "PrivateTest": "test"}
_COLUMNS = ("emotion", "pixels", "usage")


@dataclass(frozen=True)
class Line:
    """Where a picture stands in the file, and what is said of it.

    :param start: offset of the line in bytes.
    :param length: of the line in bytes.
    """

    number: int
    start: int
    length: int
    emotion: str
    usage: str


def lines(path: Path) -> Iterator[Line | str]:
    """The rows in their order, without their pixels; one that is malformed is its reason.

    :raises DataError: the file cannot be read, or has other columns.
    """
    try:
        with path.open("rb") as stream:
            header = stream.readline()
            places = _places(path, header)
            start = len(header)
            for number, line in enumerate(stream, 2):
                if line.strip():
                    yield _line(number, start, line, places)
                start += len(line)
    except OSError as fault:
        raise DataError(f"the CSV cannot be read: {fault.strerror}", where=path) from fault


def _places(path: Path, header: bytes) -> dict[str, int]:
    names = [name.strip().lower() for name in _cells(header.removeprefix(b"\xef\xbb\xbf"))]
    missing = [name for name in _COLUMNS if name not in names]
    if missing:
        raise DataError(
            f"the CSV lacks the column {missing[0]!r}", where=path,
            hint="take fer2013.csv itself: emotion,pixels,Usage",
        )  # fmt: skip
    return {name: names.index(name) for name in _COLUMNS}


def _cells(line: bytes) -> list[str]:
    return next(csv.reader([line.decode("ascii", "replace").strip()]), [])


def _line(number: int, start: int, line: bytes, places: dict[str, int]) -> Line | str:
    cells = _cells(line)
    if len(cells) <= max(places.values()):
        return "the line is cut off"
    usage = cells[places["usage"]].strip()
    if usage not in USAGES:
        return f"Usage is none of {', '.join(USAGES)}: {usage[:20]!r}"
    return Line(number, start, len(line), cells[places["emotion"]].strip(), usage)


def pixels(path: Path, start: int, length: int) -> np.ndarray:
    """The picture of a line, ``[48, 48] uint8``.

    :raises DataError: it is not 2304 numbers from 0 to 255, or all of them are equal.
    """
    with path.open("rb") as stream:
        places = _places(path, stream.readline())
        stream.seek(start)
        cells = _cells(stream.read(length))
    try:
        values = np.array(cells[places["pixels"]].split(), np.int64)
    except (ValueError, IndexError, OverflowError):
        raise DataError("its pixels are no whole numbers") from None
    if values.size != SIDE * SIDE:
        raise DataError(f"it has {values.size} pixels, not {SIDE * SIDE}")
    if values.min() < 0 or values.max() > 255:
        raise DataError("its pixels are not within 0 to 255")
    if values.min() == values.max():
        raise DataError("the picture is blank: all of its pixels are equal")
    return values.astype(np.uint8).reshape(SIDE, SIDE)
