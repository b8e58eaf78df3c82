"""What a checkpoint, run, dataset folder or recipe holds, from headers alone: no torch."""

import contextlib
from pathlib import Path
from typing import Any

from mtlcli.data import manifest
from mtlcli.errors import MissingError, UsageError
from mtlcli.io import checkpoint
from mtlcli.io.column import Column
from mtlcli.io.run_dir import RunDir, find_all, find_checkpoint, find_run
from mtlcli.recipe import library, load


def here() -> dict[str, Any]:
    """What the current folder offers: checkpoints, runs, dataset folders."""
    return {
        "checkpoints": [str(p) for p in sorted(Path().glob(f"*{checkpoint.SUFFIX}"))],
        "runs": {run.path.name: _status(run.status()) for run in find_all()},
        "datasets": [str(p.parent) for p in sorted(Path().glob("data/*/dataset.toml"))],
    }


def _status(status: dict[str, Any]) -> str:
    return f"{status.get('state')}, {', '.join(status.get('tasks', []))}"


def look(what: str) -> dict[str, Any]:
    """What ``what`` holds.

    :raises UsageError: it is none of the four.
    """
    if (Path(what) / "dataset.toml").is_file():
        return _dataset(manifest.load(what))
    if Path(what).suffix not in library.SUFFIXES:
        with contextlib.suppress(MissingError):
            return _checkpoint(find_checkpoint(what))
        with contextlib.suppress(MissingError):
            return _run(find_run(what))
    return _recipe(what)


def _run(run: RunDir) -> dict[str, Any]:
    """A run that has no checkpoint yet."""
    status = run.status()
    return {
        "run": str(run.path),
        "state": status.get("state", "unknown"),
        "epochs": status.get("epoch", 0),
        "tasks": status.get("tasks", []),
    }


def _recipe(what: str) -> dict[str, Any]:
    try:
        library.find(what)
    except UsageError:
        raise UsageError(
            f"{what} is neither a checkpoint, nor a run, a dataset folder or a recipe",
            hint="`mtl info` lists what is here, `mtl recipes ls` the recipes",
        ) from None
    loaded = load.load(what)
    return {"recipe": loaded.name, "path": str(loaded.path)} | loaded.recipe.plain()


def _dataset(dataset: manifest.Dataset) -> dict[str, Any]:
    return {
        "dataset": dataset.name,
        "pictures": f"{dataset.root} ({dataset.images or 'any'})",
        "rows": {name: split.rows for name, split in dataset.splits.items()},
        "columns": {name: _column(c) for name, c in dataset.columns.items()},
        "licence": dataset.licence or "not stated",
        "sources": list(dataset.sources),
    }


def _column(column: Column) -> str:
    if column.classes:
        return f"{column.kind}: {', '.join(column.classes)}"
    span = ""
    if column.low is not None and column.high is not None:
        span = f" {column.low:g}..{column.high:g}"
    return f"{column.kind}{span} {column.unit}".rstrip()


def _frames(look_at: dict[str, Any]) -> str:
    frames = look_at.get("frames", 1)
    return "" if frames == 1 else f", clips of {frames} frames ({look_at['sampling']})"


def _checkpoint(path: Path) -> dict[str, Any]:
    header = checkpoint.read_header(path)
    model, look_at = header["recipe"]["model"], header["recipe"]["input"]
    fused = model["architecture"]["name"] == "fused"
    tasks = {
        name: _column(Column.from_plain(task["column"])) for name, task in header["tasks"].items()
    }
    return {
        "checkpoint": str(path),
        "name": header["name"],
        "sha256": header["sha256"],
        "bytes": path.stat().st_size,
        "architecture": model["architecture"]["name"],
        "backbones": {
            name: (model["backbones"].get(name) or model["backbone"])["name"] for name in tasks
        },
        "fusion": model["fusion"]["name"] if fused and len(tasks) > 1 else "none",
        "tasks": tasks,
        "input": f"{look_at['size']}×{look_at['size']}, margin {header['margin']:g}"
        + _frames(look_at),
        "epochs": header.get("epochs", 0),
        "budget": header.get("budget", 0),
        "parents": {p["name"]: f"{p['path']}, {p['epochs']} epochs" for p in header["parents"]},
        "scores": header["scores"],
        "data": header["recipe"]["data"],
    }
