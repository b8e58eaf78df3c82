"""The lines of text files that others wrote: any line ends, a byte order mark, blank lines."""

from collections.abc import Sequence
from math import isfinite
from pathlib import Path

from mtlcli.data.preparers.base import Bad
from mtlcli.errors import DataError

_LARGEST = 1e7  # pixels


def read(path: Path) -> list[tuple[int, str]]:
    """The lines with their numbers from 1, without line ends and blank ones.

    Bytes that are not UTF-8 survive as in file names, so that such a picture is found.

    :raises DataError: the file cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError as fault:
        raise DataError(f"the file cannot be read: {fault.strerror}", where=path) from fault
    lines = enumerate(text.removeprefix("\ufeff").split("\n"), 1)
    return [(number, line.rstrip("\r")) for number, line in lines if line.strip("\r \t\0")]


def bad(path: Path, number: int, reason: str) -> Bad:
    """A line that is left out."""
    return Bad(f"{path.name} line {number}", reason)


def whole(texts: Sequence[str]) -> list[int] | None:
    """Pixels, rounded; None where a text is no number that a picture could have."""
    values = numbers(texts)
    if values is None or any(abs(value) > _LARGEST for value in values):
        return None
    return [round(value) for value in values]


def numbers(texts: Sequence[str]) -> list[float] | None:
    """Finite numbers; None where a text is none."""
    try:
        values = [float(text) for text in texts]
    except ValueError:
        return None
    return values if all(map(isfinite, values)) else None
