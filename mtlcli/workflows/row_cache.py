"""The rows' sums of a network, kept beside its checkpoint: a second comparison reads them."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from mtlcli import __version__, console
from mtlcli.data.manifest import Dataset
from mtlcli.engine.row_scores import RowScores, RowSums
from mtlcli.errors import DataError, MissingError
from mtlcli.io import files, state

_FORMAT = 1


def place(checkpoint: Path, split: str) -> Path:
    """Where they lie: ``best-test.rows`` beside ``best.st``."""
    return checkpoint.with_name(f"{checkpoint.stem}-{split}.rows")


def key(
    header: Mapping[str, Any], datasets: Sequence[Dataset], split: str, how: Sequence[str]
) -> str:
    """What the sums depend on, as one line; another key makes them worthless.

    The network by the sha256 of its tensors, with its recipe and label names; the rows by that of
    the CSVs' bytes as they lie there now. That a picture has changed under its old name is not
    seen.

    :param how: further words, such as device and precision.
    """
    asked = json.dumps([header["recipe"], header["tasks"], header["margin"]], sort_keys=True)
    rows = [
        f"{dataset.root}:{files.sha256(dataset.csv(split))}" if dataset.csv(split).is_file() else ""
        for dataset in datasets
    ]
    look = hashlib.sha256(asked.encode()).hexdigest()
    parts = [str(_FORMAT), __version__, header["sha256"], look, split, *rows, *how]
    return " ".join(parts)


def read(checkpoint: Path, split: str, key: str) -> dict[str, RowScores] | None:
    """Task → its rows' sums; None where there are none, or of another network or other rows."""
    try:
        held = state.load(place(checkpoint, split))
    except MissingError:
        return None
    except DataError as fault:
        console.detail(f"scored anew: {fault.what}")
        return None
    if held.get("key") != key:
        console.detail(f"scored anew: {checkpoint} or its rows have changed")
        return None
    return {
        task: RowScores(held["index"], {name: _sums(one) for name, one in states.items()})
        for task, states in held["tasks"].items()
    }


def write(checkpoint: Path, split: str, key: str, found: Mapping[str, RowScores]) -> None:
    """Keep them; where nothing can be written, the next comparison scores again."""
    index = next(iter(found.values())).index
    tasks = {
        task: {name: vars(sums) | {"shape": list(sums.shape)} for name, sums in one.states.items()}
        for task, one in found.items()
    }
    try:
        state.save(place(checkpoint, split), {"key": key, "index": index, "tasks": tasks})
    except DataError as fault:
        console.detail(f"the rows' scores are not kept: {fault.what}")


def _sums(held: Mapping[str, Any]) -> RowSums:
    return RowSums(**{**held, "shape": torch.Size(held["shape"])})
