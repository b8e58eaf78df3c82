"""The list files of NDDR-CNN: ``{training,testing}_{seg,normal_mask}.txt``.

A line is ``/img/0003.png /seg/0003.png``: paths that begin at the data folder; without a space, it
is a picture without that label.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from mtlcli.data.preparers.base import Item
from mtlcli.errors import DataError
from mtlcli.io import files

#: split → how these files call it, column → how they call it.
SPLITS = {"train": "training", "test": "testing"}
COLUMNS = {"seg": "seg", "normals": "normal_mask"}

Line = tuple[str, str]


def find(root: Path) -> dict[tuple[str, str], Path]:
    """The list files in a folder or in ``list/`` below it, by split and column."""
    names = {(s, c): f"{split}_{column}.txt" for s, split in SPLITS.items()
             for c, column in COLUMNS.items()}  # fmt: skip
    places = {key: (root / "list" / name, root / name) for key, name in names.items()}
    found = {key: next((p for p in two if p.is_file()), None) for key, two in places.items()}
    return {key: path for key, path in found.items() if path is not None}


def read(lists: dict[tuple[str, str], Path]) -> list[Item]:
    """The rows of all lists; every label that has no list is unlabelled.

    :raises DataError: a line is malformed, named twice, or differs between the lists of one split.
    """
    items: list[Item] = []
    seen: dict[str, str] = {}
    for split in SPLITS:
        paths = {column: lists[split, column] for column in COLUMNS if (split, column) in lists}
        lines = {column: _lines(path) for column, path in paths.items()}
        _require_same(list(paths.values()), list(lines.values()))
        for number, (image, _) in enumerate(next(iter(lines.values()), []), 1):
            where = f"{next(iter(paths.values()))}, line {number}"
            if image in seen:
                raise DataError(f"{image} is listed before, in {seen[image]}", where=where)
            seen[image] = where
            labels = {column: lines[column][number - 1][1] for column in lines}
            items.append(Item(image, labels, split=split))
    return items


def _lines(path: Path) -> list[Line]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as fault:
        raise DataError(f"the list cannot be read: {fault}", where=path) from fault
    lines = text.rstrip().split("\n") if text.strip() else []
    return [_line(line, f"{path}, line {number}") for number, line in enumerate(lines, 1)]


def _line(line: str, where: str) -> Line:
    fields = [_path(field, where) for field in line.split()]
    if not 1 <= len(fields) <= 2:
        raise DataError(
            f"a line has an image and a label with one space between, not {line.strip()!r}",
            where=where,
        )  # fmt: skip
    return fields[0], fields[1] if len(fields) == 2 else ""


def _path(field: str, where: str) -> str:
    path = field.lstrip("/")
    if not path or ".." in PurePosixPath(path).parts:
        raise DataError(f"{field!r} is no path below the data folder", where=where)
    return path


def _require_same(paths: Sequence[Path], lists: Sequence[Sequence[Line]]) -> None:
    """The lists of one split name the same pictures in the same order."""
    if len(lists) < 2:
        return
    one, two = ([image for image, _ in lines] for lines in lists)
    if one == two:
        return
    shorter = min(len(one), len(two))
    at = next((k for k in range(shorter) if one[k] != two[k]), shorter)
    first, second = (names[at] if at < len(names) else "nothing" for names in (one, two))
    raise DataError(
        f"the two lists name other pictures: {second} here, {first} in {paths[0].name}",
        where=f"{paths[1]}, line {at + 1}",
        hint="line by line both lists name the same picture; a line without a label has no space",
    )


def write(folder: Path, items: Sequence[Item], splits: Iterable[str]) -> None:
    """Write the lists of the labels that there are; ``val`` is part of the training, as it was
    before it was cut.

    :raises DataError: they cannot be written.
    """
    chosen = ["test" if split == "test" else "train" for split in splits]
    for column, label in COLUMNS.items():
        if not any(item.labels.get(column) for item in items):
            continue
        for split, word in SPLITS.items():
            rows = [item for item, own in zip(items, chosen, strict=True) if own == split]
            lines = (_written(item.image, item.labels.get(column, "")) for item in rows)
            files.write_text(folder / f"{word}_{label}.txt", "".join(lines))


def _written(image: str, label: str) -> str:
    return f"/{image} /{label}\n" if label else f"/{image}\n"
