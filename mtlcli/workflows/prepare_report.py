"""What ``mtl prepare`` tells at its end: counts per split, labels, faults, the next command."""

import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from mtlcli.data.preparers.base import Bad, Item
from mtlcli.io.column import GAP, PRESENT, Column
from mtlcli.recipe import load

State = Literal["made", "already there", "shard done", "dry run"]


@dataclass(frozen=True)
class Report:
    """The result of one run.

    :param state: what came of it.
    :param rows: split → rows; empty where nothing was assembled.
    :param total: rows that were to be made.
    :param made: rows that this run made itself.
    :param waiting: rows that other shards have still to make.
    :param bad: reason → pictures left out because of a fault.
    :param left_out: reason → rows left out by choice.
    :param labels: column → its kind and what it holds.
    :param next: the command to go on with.
    """

    name: str
    folder: Path
    state: State
    total: int
    rows: dict[str, int] = field(default_factory=dict)
    made: int = 0
    waiting: int = 0
    bad: dict[str, int] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)
    labels: dict[str, dict[str, Any]] = field(default_factory=dict)
    preview: Path | None = None
    seconds: float = 0.0
    next: str = ""

    def plain(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            **asdict(self),
            "folder": str(self.folder),
            "preview": None if self.preview is None else str(self.preview),
            "seconds": round(self.seconds, 3),
        }


def reasons(bad: Iterable[Bad]) -> dict[str, int]:
    """Reason → count, the commonest first; what follows a colon is a detail of one picture."""
    counts = Counter(one.reason.partition(":")[0] for one in bad)
    return dict(counts.most_common())


def summarize(columns: Mapping[str, Column], items: Sequence[Item]) -> dict[str, dict[str, Any]]:
    """Column → kind, number of empty cells, and counts per class or the range and mean.

    Of attributes how often each is there, and how many entries are gaps. Of a dense column, whose
    labels are pictures, how many there are and the names of its classes.
    """
    return {
        name: _summary(c, [i.labels.get(name, "") for i in items]) for name, c in columns.items()
    }


def _summary(column: Column, cells: Sequence[str]) -> dict[str, Any]:
    given = [cell for cell in cells if cell]
    made: dict[str, Any] = {"kind": column.kind, "missing": len(cells) - len(given)}
    if column.dense:
        return {**made, "labels": len(given), "names": list(column.classes)}
    if column.kind == "attributes":
        there = zip(*given, strict=True) if given else ((),) * len(column.classes)
        counted = {n: c.count(PRESENT) for n, c in zip(column.classes, there, strict=True)}
        return {**made, "attributes": counted, "gaps": sum(c.count(GAP) for c in given)}
    if column.classes:
        counts = Counter(given)
        return {**made, "classes": {name: counts[name] for name in column.classes}}
    numbers = _numbers(given)
    if numbers:
        mean = round(sum(numbers) / len(numbers), 2)
        return {**made, "low": min(numbers), "high": max(numbers), "mean": mean}
    return made


def _numbers(cells: Sequence[str]) -> list[float]:
    try:
        return [float(cell) for cell in cells]
    except ValueError:
        return []


def next_command(recipe: str, folder: Path, usual: Path) -> str:
    """How to train on the dataset folder; ``usual`` is where the recipe looks by itself."""
    verb = "train-mtl" if len(load.load(recipe).recipe.tasks) > 1 else "train-single"
    return shlex.join(["mtl", verb, recipe, *([] if folder == usual else [f"data={folder}"])])
