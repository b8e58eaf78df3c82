"""What a dataset folder lacks that training or scoring will ask for, in plain words."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from mtlcli.data import manifest
from mtlcli.io.column import ABSENT, PRESENT, Column

if TYPE_CHECKING:
    import pandas as pd

_NEEDED = {
    "train": "nothing can be trained on it",
    "val": "training, which chooses its best checkpoint there, will refuse it",
    "test": "mtl eval has no rows to score; it can be told to take --split val",
}
_MOST = 8  # names in one warning


def empty_splits(frames: Mapping[str, "pd.DataFrame"]) -> Iterator[str]:
    """A sentence for every split without a row."""
    for split in manifest.SPLITS:
        if split not in frames:
            yield f"no row is in {split}: {_NEEDED[split]}"


def missing_classes(
    frames: Mapping[str, "pd.DataFrame"], columns: Mapping[str, Column]
) -> Iterator[str]:
    """A sentence for every column of which no row, or no row of train, has all the classes; of
    attributes for those that train never, or always, shows."""
    for name, column in columns.items():
        given = {split: set(frame[name]) - {""} for split, frame in frames.items()}
        whole = set().union(*given.values())
        if not whole:
            yield f"{name}: not one row has a label"
            continue
        if column.dense:
            continue
        if column.kind == "attributes":
            yield from _one_sided(name, column, given.get("train", whole))
            continue
        never = [one for one in column.classes if one not in whole]
        if never:
            yield f"{name}: no row is of the class {_few(never)}"
        untaught = [one for one in column.classes if one in whole - given.get("train", whole)]
        if untaught:
            yield f"{name}: no row of train is of the class {_few(untaught)}, but others are"


def _one_sided(name: str, column: Column, cells: set[str]) -> Iterator[str]:
    """Attributes of which the rows of train show only one side, or neither."""
    signs = [set(found) for found in zip(*cells, strict=True)] or [set()] * len(column.classes)
    for sign, verb in ((PRESENT, "has"), (ABSENT, "lacks")):
        without = [one for one, s in zip(column.classes, signs, strict=True) if sign not in s]
        if without:
            yield f"{name}: no row of train {verb} {_few(without)}"


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST} others" if len(names) > _MOST else ""
    return ", ".join(names[:_MOST]) + more
