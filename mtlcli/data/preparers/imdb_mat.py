"""``imdb.mat`` of IMDB-WIKI (Rothe, Timofte, Van Gool, IJCV 2018), with the usual filters.

Age is the year of the photograph less the year of birth; boxes are those of the authors' detector.
"""

import math
import zlib
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from mtlcli.data.preparers.imdb_raw import Box, Row, subject, unsafe
from mtlcli.errors import DataError, MissingError

_FIELDS = (
    "dob", "photo_taken", "full_path", "gender", "face_score", "second_face_score", "name",
    "face_location",
)  # fmt: skip
_UNREADABLE = (OSError, ValueError, TypeError, LookupError, NotImplementedError, zlib.error)
_AGES = range(101)
_MATLAB_EPOCH = 366  # days between Matlab's day 0 and Python's
_GENDERS = {0.0: "F", 1.0: "M"}


def read(path: Path) -> tuple[list[Row], dict[str, int]]:
    """The faces that pass the filters, and how many each filter left out.

    :raises MissingError: scipy is not installed.
    :raises DataError: the file cannot be read, or is another one.
    """
    rows: list[Row] = []
    left_out: Counter[str] = Counter()
    for record in _records(path):
        reason = _refused(record)
        if reason:
            left_out[reason] += 1
        else:
            rows.append(_row(record))
    return rows, dict(left_out)


def _records(path: Path) -> Iterator[dict[str, Any]]:
    table = _load(path)
    try:
        columns = [table[field].item().ravel() for field in _FIELDS]
        yield from (
            dict(zip(_FIELDS, values, strict=True)) for values in zip(*columns, strict=True)
        )
    except (ValueError, TypeError, AttributeError, LookupError) as fault:
        raise DataError(f"this is not the imdb.mat of IMDB-WIKI: {fault}", where=path) from None


def _load(path: Path) -> Any:
    try:
        from scipy.io import loadmat
        from scipy.io.matlab import MatReadError
    except ImportError:
        raise MissingError(
            "reading imdb.mat needs scipy", hint="pip install 'mtlcli[mat]'"
        ) from None
    try:
        return loadmat(path, squeeze_me=True)["imdb"]
    except (*_UNREADABLE, MatReadError) as fault:
        raise DataError(
            f"imdb.mat cannot be read: {fault}", where=path, hint="fetch it anew; it may be cut off"
        ) from fault


def _refused(record: dict[str, Any]) -> str:
    """Why a face is left out; the first filter that holds counts."""
    if not all(map(math.isfinite, [record["face_score"], *record["face_location"]])):
        return "no face was found in the picture"
    if not math.isnan(record["second_face_score"]):
        return "a second face is in the picture"
    if float(record["gender"]) not in _GENDERS:
        return "the gender is unknown"
    if _age(record) not in _AGES:
        return "the age is not within 0..100"
    return unsafe(str(record["full_path"]))


def _age(record: dict[str, Any]) -> int:
    day = min(max(int(record["dob"]) - _MATLAB_EPOCH, 1), date.max.toordinal())
    return int(record["photo_taken"]) - date.fromordinal(day).year


def _row(record: dict[str, Any]) -> Row:
    filename = str(record["full_path"])
    return Row(
        filename, _age(record), _GENDERS[float(record["gender"])], _box(record["face_location"]),
        group=subject(filename) or str(record["name"]),
    )  # fmt: skip


def _box(corners: Any) -> Box:
    """Matlab counts pixels from 1 and names the last one; half-open from 0 here."""
    left, top, right, bottom = (round(float(value)) for value in corners)
    return left - 1, top - 1, right, bottom
