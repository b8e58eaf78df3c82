"""``completion.csv`` of a run: how many missing labels each epoch completed, and how rightly."""

import csv
import math
from collections.abc import Mapping
from pathlib import Path

from mtlcli.engine.completer import Asked
from mtlcli.io import files

_HEADER = [
    "epoch", "task", "rows", "kept", "hard", "soft", "right", "right_kept", "teaching",
    "completing", "epoch_seconds",
]  # fmt: skip


def append(
    path: Path, epoch: int, found: Mapping[str, Mapping[str, float]], spent: Asked, seconds: float
) -> None:
    """Add a row per task.

    Columns: ``epoch`` (counted from 1), ``task``, ``rows`` (completed), ``kept`` (the share with a
    hard weight), ``hard`` and ``soft`` (mean weights), ``right`` (share of right answers, for
    numbers the mean error, where hidden labels are known), ``right_kept`` (the same, by hard
    weight), ``teaching`` and ``completing`` (seconds), ``epoch_seconds`` (of the whole epoch).
    """
    fresh = not path.is_file()
    with files.explained(path), path.open("a", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, _HEADER, lineterminator="\n")
        if fresh:
            writer.writeheader()
        for task, values in found.items():
            row: dict[str, object] = {"epoch": epoch, "task": task}
            row |= {name: _cell(value) for name, value in values.items()}
            row["teaching"] = _cell(spent.teaching)
            row["completing"] = _cell(spent.completing)
            writer.writerow(row | {"epoch_seconds": _cell(seconds)})


def cut(path: Path, epoch: int) -> None:
    """Drop the rows of epochs after this many, which a resumed run makes again; torn ones too."""
    if path.is_file():
        header, *rows = path.read_text(encoding="utf-8").splitlines(keepends=True) or [""]
        kept = [row for row in rows if row.endswith("\n") and int(row.split(",")[0]) <= epoch]
        files.write_text(path, "".join([header, *kept]))


def _cell(value: float) -> str:
    return f"{value:.6g}" if math.isfinite(value) else ""
