"""Recipes for data that have none: one per label column, written into the dataset folder."""

import re
from collections.abc import Mapping
from pathlib import Path

from mtlcli.io import files
from mtlcli.io.column import Column
from mtlcli.io.toml import dumps

BASE = "own/base"
DENSE = "own/dense"
CLIPS = "own/clips"
#: a head for the features of own/dense, at a sixteenth of the picture's size.
_HEAD = {"head": "lfov", "width": 256, "rate": 6}


def path_of(folder: Path, column: str) -> Path:
    """Where the recipe of a label column lies."""
    return folder / f"train-{re.sub(r'[^A-Za-z0-9_.-]+', '-', column)}.toml"


def write(folder: Path, columns: Mapping[str, Column], *, clips: bool = False) -> None:
    """Write a recipe per column; one that is there already may have been edited, and stays.

    :param clips: whether the rows are clips.
    """
    for column, held in columns.items():
        path = path_of(folder, column)
        if path.exists():
            continue
        task = re.sub(r"\W", "_", column)
        task = task if task.isidentifier() else f"task_{task}"
        named = {"column": column} if task != column else {}
        recipe = {
            "extends": DENSE if held.dense else CLIPS if clips else BASE,
            "about": f"{column} of {folder.name}",
            "data": str(folder),
            "tasks": {task: named | (_HEAD if held.dense else {})},
        }
        files.write_text(path, dumps(recipe))
