"""What a run has written down of its balancing, read back: columns of numbers, and its settings."""

import csv
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mtlcli.errors import DataError
from mtlcli.io.checkpoint import SUFFIX
from mtlcli.io.run_dir import RunDir

Columns = dict[str, np.ndarray]


def read_samples(run: RunDir) -> Columns:
    """``balancing.csv`` as columns ``[N] float64``, in the order of the steps.

    An empty cell and one that is no finite number are NaN; a row that a crash has cut short does
    not count; of a step that was made twice (restart), the later row does.

    :returns: empty where there is no file or no row.
    :raises DataError: a cell is no number, or there is no column ``step``.
    """
    path = run.balancing
    if not path.is_file():
        return {}
    whole = path.read_text(encoding="utf-8").rpartition("\n")[0]
    columns = numbers(list(csv.DictReader(whole.splitlines())), path)
    if not columns:
        return {}
    if "step" not in columns:
        raise DataError("there is no column step", where=path, hint=f"delete it: {_ONLY_DIAGNOSIS}")
    steps, from_end = np.unique(columns["step"][::-1], return_index=True)
    chosen = len(columns["step"]) - 1 - from_end[~np.isnan(steps)]
    return {name: values[chosen] for name, values in columns.items()}


def read_metrics(run: RunDir) -> Columns:
    """``metrics.csv`` as columns ``[N] float64``; NaN where a cell is empty.

    :raises DataError: a cell is no number.
    """
    return numbers(run.read_metrics(), run.metrics)


def numbers(rows: Sequence[Mapping[str, Any]], path: Path) -> Columns:
    """Rows of text → columns of finite numbers and NaN.

    :raises DataError: a cell is neither empty nor a number.
    """
    names = list(rows[0]) if rows else []
    made = {name: np.array([_number(row[name], name, path) for row in rows]) for name in names}
    return {name: np.where(np.isfinite(values), values, np.nan) for name, values in made.items()}


def _number(text: str | None, column: str, path: Path) -> float:
    try:
        return float(text or "nan")
    except ValueError:
        raise DataError(
            f"the column {column} holds {text!r}, which is no number", where=path,
            hint=f"mend or delete this file: {_ONLY_DIAGNOSIS}",
        ) from None  # fmt: skip


_ONLY_DIAGNOSIS = "curves and diagnosis are made of it, the network is not"


@dataclass(frozen=True)
class Settings:
    """What of a run's recipe matters for its balancing.

    :param weighting: name in the catalog.
    :param aggregator: name in the catalog.
    :param factors: task → the recipe's ``[loss]`` factor, where there is one.
    :param architecture: ``fused``, ``shared``, …
    :param fusion: of a fused network.
    :param epochs: asked for.
    :param steps: asked for; 0: the epochs decide.
    :param recipe: with which the run was started: a recipe, or a checkpoint that carries one.
    :param own: a recipe with every key resolved, the run's own; for verbs that take no checkpoint.
    :param init: the checkpoint it started from, where that is another; empty: none.
    :param overrides: of the recipe, ``KEY=VALUE``.
    """

    weighting: str = "fixed"
    aggregator: str = "sum"
    factors: dict[str, float] = field(default_factory=dict)
    architecture: str = "fused"
    fusion: str = "nddr"
    epochs: int = 0
    steps: int = 0
    recipe: str = "RECIPE"
    own: str = "RECIPE"
    init: str = ""
    overrides: tuple[str, ...] = ()

    @property
    def carried(self) -> bool:
        """Whether the run was started from a checkpoint that carries its recipe."""
        return self.recipe.endswith(SUFFIX)


def read_settings(run: RunDir) -> Settings:
    """From ``recipe.toml`` and ``env.json``; defaults for what is not there.

    :raises DataError: one of them is damaged.
    """
    started = _started(run)
    if not run.recipe.is_file():
        return Settings(**started)
    try:
        recipe = tomllib.loads(run.recipe.read_text(encoding="utf-8"))
    except ValueError as fault:
        raise run.damaged("recipe", run.recipe, fault) from None
    model, train = recipe.get("model", {}), recipe.get("train", {})
    return Settings(
        weighting=_name(recipe, "weighting", "fixed"),
        aggregator=_name(recipe, "aggregator", "sum"),
        factors={task: float(factor) for task, factor in recipe.get("loss", {}).items()},
        architecture=_name(model, "architecture", "fused"),
        fusion=_name(model, "fusion", "nddr"),
        epochs=int(train.get("epochs", 0)),
        steps=int(train.get("steps", 0)),
        **started,
    )


def _name(table: Mapping[str, Any], key: str, default: str) -> str:
    part = table.get(key, default)
    return str(part.get("name", default) if isinstance(part, Mapping) else part)


def _started(run: RunDir) -> dict[str, Any]:
    """How the run was started, by what it has noted; else with its own recipe."""
    noted = run.noted().get("started")
    known = noted if isinstance(noted, Mapping) else {}
    overrides = known.get("overrides")
    named = bool(known.get("recipe")) and isinstance(overrides, list)
    return {
        "recipe": str(known["recipe"]) if named else str(run.recipe),
        "own": str(run.recipe),
        "init": str(known.get("init") or ""),
        "overrides": tuple(map(str, overrides or ())) if named else (),
    }
