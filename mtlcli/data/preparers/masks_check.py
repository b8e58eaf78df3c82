"""See that a picture and its dense labels can be used together."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from mtlcli.data import decode, maps
from mtlcli.data.preparers.base import Bad, Item
from mtlcli.errors import DataError
from mtlcli.io.column import Column


def check_labels(root: Path, item: Item, columns: Mapping[str, Column]) -> Item | Bad:
    """Decode the picture and every label it has; the row, or what is wrong with it.

    :param root: the folder that the paths of the row are relative to.
    """
    try:
        size = decode.open_rgb(root / item.image).size
    except DataError as fault:
        return Bad(item.image, fault.what)
    for name, column in columns.items():
        cell = item.labels.get(name)
        reason = maps.check_map(root / cell, column, size) if cell else None
        if cell and reason:
            return Bad(item.image, explain(reason, name, cell))
    return item


def explain(reason: str, column: str, cell: str) -> str:
    """Of ``label a.png: what: details``, what comes first: reasons are counted by what stands
    before a colon, so neither a file's name nor a number of pixels may."""
    what, colon, details = reason.removeprefix(f"label {Path(cell).name}: ").partition(": ")
    return f"label of {column}, {what}: {cell}{f', {details}' if colon else ''}"


def digest(root: Path, cells: Sequence[str]) -> str:
    """What tells changed labels from those of an earlier run; a missing file counts as empty."""
    sizes = [path.stat().st_size if path.is_file() else 0 for path in map(root.joinpath, cells)]
    return f"{len(sizes)} files, {sum(sizes)} bytes"
