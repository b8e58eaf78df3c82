"""Recipes for data that have none: one per label column, written into the dataset folder."""

import re
from collections.abc import Iterable
from pathlib import Path

from mtlcli.io import files
from mtlcli.io.toml import dumps

BASE = "own/base"


def path_of(folder: Path, column: str) -> Path:
    """Where the recipe of a label column lies."""
    return folder / f"train-{re.sub(r'[^A-Za-z0-9_.-]+', '-', column)}.toml"


def write(folder: Path, columns: Iterable[str]) -> None:
    """Write a recipe per column; one that is there already may have been edited, and stays."""
    for column in columns:
        path = path_of(folder, column)
        if path.exists():
            continue
        task = re.sub(r"\W", "_", column)
        task = task if task.isidentifier() else f"task_{task}"
        recipe = {
            "extends": BASE,
            "about": f"{column} of {folder.name}",
            "data": str(folder),
            "tasks": {task: {"column": column} if task != column else {}},
        }
        files.write_text(path, dumps(recipe))
