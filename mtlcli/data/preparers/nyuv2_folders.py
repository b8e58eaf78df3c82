"""NYUv2 as it was exported for NDDR-CNN: ``nyu_train_val/{img,seg,normal_mask}/0001.png``."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from mtlcli.data import decode, maps
from mtlcli.data.preparers import nyuv2_lists, nyuv2_meta
from mtlcli.data.preparers.base import Bad, Item
from mtlcli.data.preparers.nyuv2_normals import require_facing
from mtlcli.errors import DataError
from mtlcli.io.column import Column

_FOLDERS = {"seg": "seg", "normals": "normal_mask"}
_IMAGES = "img"


def find(root: Path) -> bool:
    """Whether the folder holds exported pictures or list files."""
    return bool(nyuv2_lists.find(root)) or _base(root) is not None


def scan(root: Path) -> list[Item]:
    """The rows: of the list files where there are some, else of the folders and ``splits.mat``.

    There is no list of scenes, but their pictures follow one another: pictures of one split whose
    numbers do are one group, which is one scene or several whole ones.

    :raises DataError: a list is malformed, ``splits.mat`` is missing, or nothing is there.
    """
    lists = nyuv2_lists.find(root)
    items = nyuv2_lists.read(lists) if lists else _listed(root)
    items = [replace(one, labels={k: v for k, v in one.labels.items() if v}) for one in items]
    if not any(item.labels for item in items):
        raise DataError("no picture has a label", where=root)
    return _grouped(items)


def digest(root: Path, items: Sequence[Item]) -> str:
    """What tells changed labels from those of an earlier run."""
    labels = [root / cell for item in items for cell in item.labels.values()]
    size = sum(path.stat().st_size for path in labels if path.is_file())
    return f"{len(labels)} files, {size} bytes"


def check_axes(root: Path, items: Sequence[Item]) -> None:
    """See on a few pictures that the normals have the axes they should.

    :raises DataError: they have others.
    """
    cells = [item.labels["normals"] for item in items if "normals" in item.labels]
    column = Column("normals", encoding="normals")
    require_facing(root, cells, lambda cell: maps.read_map(root / cell, column))


def check(root: Path, item: Item, columns: Mapping[str, Column]) -> Item | Bad:
    """See that a picture and its labels can be used."""
    path = root / item.image
    try:
        size = decode.open_rgb(path).size
    except DataError as fault:
        return Bad(item.image, fault.what)
    for name, cell in item.labels.items():
        reason = _fault(root / cell, columns[name], size)
        if reason:
            what, _, details = reason.partition(":")  # reasons are counted by what is before it
            return Bad(item.image, f"{name}, {what}: {cell}" + (f",{details}" if details else ""))
    return item


def _fault(path: Path, column: Column, size: tuple[int, int]) -> str:
    try:
        height, width = maps.read_map(path, column).shape[:2]
    except DataError as fault:
        return fault.what
    if (width, height) == size:
        return ""
    return f"another size than the picture: {width} x {height} against {size[0]} x {size[1]}"


def _base(root: Path) -> Path | None:
    places = (root / "nyu_train_val", root)
    return next((place for place in places if (place / _IMAGES).is_dir()), None)


def _listed(root: Path) -> list[Item]:
    base = _base(root)
    assert base is not None  # asked by find
    splits = nyuv2_meta.read_splits(nyuv2_meta.require(root, nyuv2_meta.SPLITS))
    below = base.relative_to(root)
    labels = {c: {p.name for p in (base / f).glob("*.png")} for c, f in _FOLDERS.items()}
    items = []
    for path in sorted((base / _IMAGES).glob("*.png")):
        split = splits.get(_number(path.name) or 0)
        if split:
            found = {c: str(below / _FOLDERS[c] / path.name)
                     for c, names in labels.items() if path.name in names}  # fmt: skip
            items.append(Item(str(below / _IMAGES / path.name), found, split=split))
    return items


def _number(name: str) -> int | None:
    stem = PurePosixPath(name).stem
    return int(stem) if re.fullmatch(r"[0-9]{1,6}", stem) else None


def _grouped(items: Sequence[Item]) -> list[Item]:
    numbers = [_number(item.image) for item in items]
    split_of = {n: i.split for n, i in zip(numbers, items, strict=True) if n is not None}
    groups = runs(split_of)
    return [
        item if number is None else replace(item, group=groups[number])
        for item, number in zip(items, numbers, strict=True)
    ]


def runs(split_of: Mapping[int, str]) -> dict[int, str]:
    """Number → the stretch of numbers that it stands in, all of one split."""
    stretches: list[list[int]] = []
    for number in sorted(split_of):
        last = stretches[-1][-1] if stretches else None
        if last is not None and number == last + 1 and split_of[number] == split_of[last]:
            stretches[-1].append(number)
        else:
            stretches.append([number])
    return {n: f"{whole[0]:04d}-{whole[-1]:04d}" for whole in stretches for n in whole}
