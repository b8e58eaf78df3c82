"""NYUv2's small files: the official split, and the maps from its own classes to 40 and to 13.

40 classes: Gupta, Arbeláez, Malik, CVPR 2013; 13 classes: Couprie et al., ICLR 2013.
"""

import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mtlcli.errors import DataError, MissingError
from mtlcli.io import files

IGNORE = 255
_UNREADABLE = (OSError, ValueError, TypeError, LookupError, NotImplementedError, zlib.error)
#: what these files are called, and where they are had.
SPLITS, MAP_40, MAP_13 = "splits.mat", "classMapping40.mat", "class13Mapping.mat"
ADDRESSES = {
    SPLITS: "http://horatio.cs.nyu.edu/mit/silberman/indoor_seg_sup/splits.mat",
    MAP_40: "https://github.com/ankurhanda/nyuv2-meta-data",
    MAP_13: "https://github.com/ankurhanda/nyuv2-meta-data",
}
#: the names, for label pictures that come without these files.
NAMES = {
    "40": (
        "wall", "floor", "cabinet", "bed", "chair", "sofa", "table", "door", "window", "bookshelf",
        "picture", "counter", "blinds", "desk", "shelves", "curtain", "dresser", "pillow", "mirror",
        "floor mat", "clothes", "ceiling", "books", "refridgerator", "television", "paper", "towel",
        "shower curtain", "box", "whiteboard", "person", "night stand", "toilet", "sink", "lamp",
        "bathtub", "bag", "otherstructure", "otherfurniture", "otherprop",
    ),
    "13": (
        "bed", "books", "ceiling", "chair", "floor", "furniture", "objects", "picture", "sofa",
        "table", "tv", "wall", "window",
    ),
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Classes:
    """The classes of a label, and how they follow from those of the labelled dataset.

    :param table: ``[1 + 894] uint8``: own class (0: unlabelled) to the index among ``names``;
        255 is unlabelled.
    :param digest: of the files that it was read from.
    """

    names: tuple[str, ...]
    table: np.ndarray
    digest: str


def find(root: Path, name: str) -> Path | None:
    """A file in the folder, or one folder below."""
    places = [root / name, *sorted(root.glob(f"*/{name}"))]
    return next((place for place in places if place.is_file()), None)


def require(root: Path, name: str) -> Path:
    """As :func:`find`.

    :raises DataError: it is not there, and where it is had.
    """
    path = find(root, name)
    if path is None:
        raise DataError(
            f"{name} is missing (a few kB)", where=root,
            hint=f"fetch it from {ADDRESSES[name]} and put it there",
        )  # fmt: skip
    return path


def read_splits(path: Path) -> dict[int, str]:
    """Number of a picture, from 1 → ``train`` or ``test``.

    :raises DataError: the file is another one.
    """
    content = _load(path)
    found: dict[int, str] = {}
    for split in ("train", "test"):
        numbers = _numbers(content, f"{split}Ndxs", path)
        twice = sorted(found.keys() & set(numbers))
        if twice:
            raise DataError(f"picture {twice[0]} is in train and in test", where=path)
        if min(numbers) < 1:
            raise DataError(f"{split}Ndxs names a picture {min(numbers)}", where=path)
        found |= dict.fromkeys(numbers, split)
    return found


def read_classes(root: Path, count: str) -> Classes:
    """The 40 or 13 classes, by the maps in a folder.

    :param count: ``40`` or ``13``.
    :raises DataError: a map is missing, or another file.
    """
    path = require(root, MAP_40)
    content = _load(path)
    table = np.array([0, *_numbers(content, "mapClass", path)])
    names = _texts(content.get("className"), path)
    digest = files.sha256(path)[:12]
    if count == "13":
        path = require(root, MAP_13)
        further, names = _further(path)
        _within(table, len(further) - 1, path)
        table = further[table]
        digest += files.sha256(path)[:12]
    _within(table, len(names), path)
    return Classes(names, np.where(table == 0, IGNORE, table - 1).astype(np.uint8), digest)


def _further(path: Path) -> tuple[np.ndarray, tuple[str, ...]]:
    """The map from 40 classes to 13, 0 included, and the names of these."""
    struct = _load(path).get("classMapping13")
    if not isinstance(struct, np.ndarray) or struct.size != 1 or struct.dtype.names is None:
        raise _another(path, "classMapping13")
    parts = {name: struct[name].item() for name in struct.dtype.names}
    table = np.array([0, *_numbers(parts, "labels13", path)])
    return table, _texts(parts.get("classNames"), path)


def _within(table: np.ndarray, count: int, where: Path) -> None:
    if not 0 <= table.min() <= table.max() <= count:
        raise DataError(f"the map leads to a class {table.max()} of {count}", where=where)


def _load(path: Path) -> dict[str, Any]:
    try:
        from scipy.io import loadmat
        from scipy.io.matlab import MatReadError
    except ImportError:
        raise MissingError(
            f"reading {path.name} needs scipy", hint="pip install 'mtlcli[nyuv2]'"
        ) from None
    try:
        content: dict[str, Any] = loadmat(path)
    except (*_UNREADABLE, MatReadError) as fault:
        raise DataError(
            f"{path.name} cannot be read: {fault}", where=path,
            hint=f"fetch it anew from {ADDRESSES.get(path.name, 'its source')}",
        ) from fault  # fmt: skip
    return content


def _another(path: Path, key: str) -> DataError:
    return DataError(f"this is not NYUv2's {path.name}: it has no proper {key!r}", where=path)


def _numbers(content: dict[str, Any], key: str, path: Path) -> list[int]:
    values = content.get(key)
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "uif" or not values.size:
        raise _another(path, key)
    return [int(value) for value in values.ravel()]


def _texts(cells: Any, path: Path) -> tuple[str, ...]:
    try:
        texts = tuple(cell.item() for cell in cells.ravel())
    except (AttributeError, ValueError) as fault:
        raise _another(path, "list of class names") from fault
    if not all(isinstance(text, str) for text in texts):
        raise _another(path, "list of class names")
    return texts
