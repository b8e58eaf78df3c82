"""Which rows a network was trained on: known by their sha256, since a folder can change."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mtlcli.data import manifest
from mtlcli.data.manifest import Dataset
from mtlcli.errors import DataError
from mtlcli.io import files
from mtlcli.io.run_dir import RunDir

#: dataset folder → split → sha256 of its CSV; no splits where nothing is known.
Noted = dict[str, dict[str, str]]
_SHOWN = 8  # digits


def noted(checkpoint: Path, folders: Sequence[str]) -> Noted:
    """As the run's ``env.json`` notes it; of a checkpoint without its run, as the folders are now.

    :raises DataError: ``env.json`` is damaged.
    """
    run = RunDir(checkpoint.parent)
    try:
        known: Noted = dict(run.noted().get("data", {}))
    except (ValueError, TypeError) as fault:
        raise run.damaged("environment", run.environment, fault) from None
    return {folder: known.get(str(Path(folder))) or now(folder) for folder in folders}


def fingerprint(dataset: Dataset) -> dict[str, Any]:
    """Columns and checksums of the CSVs as they are now; not where the pictures lie."""
    tables = [dataset.csv(split) for split in ("train", "val", "test")]
    sums = [files.sha256(table) for table in tables if table.is_file()]
    columns = {name: column.plain() for name, column in dataset.columns.items()}
    return {"columns": columns, "tables": sums}


def now(folder: str) -> dict[str, str]:
    """Split → sha256 by the folder's ``dataset.toml``; empty where there is none."""
    try:
        return {name: split.sha256 for name, split in manifest.load(folder).splits.items()}
    except DataError:  # where the rows are needed, that is said
        return {}


def identity(rows: Noted) -> list[str]:
    """Equal for the same rows at different places; the folder itself where no rows are known."""
    return sorted(
        " ".join(f"{name}={sha}" for name, sha in sorted(splits.items())) or folder
        for folder, splits in rows.items()
    )


def changed(rows: Noted) -> list[str]:
    """What is no longer as it was at the training, in words that follow the network's name."""
    found = []
    for folder, splits in rows.items():
        present = now(folder)
        other = [name for name, sha in splits.items() if present and present.get(name) != sha]
        if other:
            found.append(
                f"was trained on other rows of {folder} than lie there now ({', '.join(other)}); "
                "it may have learned from those it is scored on"
            )
    return found


def described(rows: Noted) -> str:
    """``data/utkface (train 1a2b3c4d, val …)``."""
    return " and ".join(
        f"{folder} ({', '.join(f'{n} {sha[:_SHOWN]}' for n, sha in splits.items()) or 'not there'})"
        for folder, splits in rows.items()
    )
