"""``balancing.csv`` of a run: what sampled steps saw of losses, weights and gradients."""

import csv
import itertools
import math
from collections.abc import Iterable
from pathlib import Path

from mtlcli.engine.descent import Found
from mtlcli.io import files


def append(path: Path, epoch: int, step: int, tasks: Iterable[str], found: Found) -> None:
    """Add a row; cells of absent tasks stay empty.

    Columns: ``epoch`` (counted from 1), ``step``; per task ``loss.``, ``weight.`` (∂F/∂L),
    ``used.`` (the aggregator's), ``norm.`` (of its unweighted gradient); per pair ``cos.a.b``.
    """
    assert found.gram is not None
    names = list(tasks)
    row: dict[str, object] = {"epoch": epoch, "step": step}
    norms = dict(zip(found.losses, found.gram.diagonal().sqrt().tolist(), strict=True))
    values: dict[str, dict[str, float]] = {
        "loss": {task: float(loss) for task, loss in found.losses.items()},
        "weight": found.weights, "used": found.used, "norm": norms,
    }  # fmt: skip
    for word, known in values.items():
        row |= {f"{word}.{task}": _cell(known.get(task, math.nan)) for task in names}
    place = {task: i for i, task in enumerate(found.losses)}
    for a, b in itertools.combinations(names, 2):
        cosine = math.nan
        if a in place and b in place and norms[a] * norms[b] > 0:
            cosine = float(found.gram[place[a], place[b]]) / (norms[a] * norms[b])
        row[f"cos.{a}.{b}"] = _cell(cosine)
    fresh = not path.is_file()
    with path.open("a", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(row))
        if fresh:
            writer.writeheader()
        writer.writerow(row)


def cut(path: Path, step: int) -> None:
    """Drop the rows of steps after ``step``, which a resumed run makes again; torn ones too."""
    if path.is_file():
        header, *rows = path.read_text(encoding="utf-8").splitlines(keepends=True) or [""]
        kept = [row for row in rows if row.endswith("\n") and int(row.split(",")[1]) <= step]
        files.write_text(path, "".join([header, *kept]))


def _cell(value: float) -> str:
    return f"{value:.6g}" if math.isfinite(value) else ""
