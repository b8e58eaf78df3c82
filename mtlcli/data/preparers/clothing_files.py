"""The label files of the Clothing Attributes Dataset, found by loose names and checked."""

import math
import re
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mtlcli.errors import DataError, MissingError

_VARIABLE = "GT"
_END = re.compile(r"_?gt\Z", re.IGNORECASE)
_FRONT = re.compile(r"\A(pattern|colou?r|wear(ing)?)(?=.)")
_UNREADABLE = (OSError, ValueError, TypeError, LookupError, NotImplementedError, zlib.error)


def bare(stem: str) -> str:
    """A file's stem without what programs and copies spell differently: ``wearscarf`` → scarf."""
    letters = re.sub(r"[^a-z0-9]", "", _END.sub("", stem).lower())
    return _FRONT.sub("", letters)


def find(folder: Path, known: Mapping[str, tuple[str, ...]]) -> dict[str, Path]:
    """Label → its file.

    :param known: label → the bare stems that its file may have.
    :raises DataError: a label has no file or two.
    """
    files = sorted(folder.glob("*.mat"))
    found: dict[str, Path] = {}
    for name, stems in known.items():
        own = [path for path in files if bare(path.stem) in stems]
        if len(own) > 1:
            both = " and ".join(path.name for path in own)
            raise DataError(f"two files are for {name!r}: {both}", where=folder)
        found |= dict.fromkeys([name], own[0]) if own else {}
    missing = [name for name in known if name not in found]
    if missing:
        rest = [path.name for path in files if path not in found.values()]
        others = f"; not known: {', '.join(rest)}" if rest else ""
        raise DataError(
            f"{len(missing)} of {len(known)} label files are missing, such as {missing[0]}_GT.mat"
            f"{others}", where=folder, hint="unpack labels/ of the dataset whole",
        )  # fmt: skip
    return found


def read(path: Path, values: int, rows: int) -> list[int | None]:
    """One label of every picture, counted from 0; None where there is none.

    :param values: how many there can be: a file holds 1 to ``values``, or NaN.
    :param rows: how many pictures there are.
    :raises MissingError: scipy is not installed.
    :raises DataError: the file cannot be read, has another length, or a value that cannot be.
    """
    table = _load(path)
    try:
        numbers = [float(number) for number in table[_VARIABLE].ravel()]
    except (LookupError, ValueError, TypeError, AttributeError):
        raise DataError(f"there is no matrix of numbers {_VARIABLE!r}", where=path) from None
    if len(numbers) != rows:
        raise DataError(
            f"it has {len(numbers)} labels, and there are {rows} pictures", where=path,
            hint="labels follow the order of the pictures' names; both must be whole",
        )  # fmt: skip
    return [_value(path, row, number, values) for row, number in enumerate(numbers, 1)]


def _value(path: Path, row: int, number: float, values: int) -> int | None:
    if math.isnan(number):
        return None
    if number not in range(1, values + 1):
        raise DataError(f"{number:g} is not 1 to {values}, nor NaN", where=f"{path}, row {row}")
    return int(number) - 1


def _load(path: Path) -> Any:
    try:
        from scipy.io import loadmat
        from scipy.io.matlab import MatReadError
    except ImportError:
        raise MissingError(
            f"reading {path.name} needs scipy", hint="pip install 'mtlcli[mat]'"
        ) from None
    try:
        return loadmat(path)
    except (*_UNREADABLE, MatReadError) as fault:
        raise DataError(f"it cannot be read as a MATLAB file: {fault}", where=path) from None
