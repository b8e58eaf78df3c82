"""What a sweep's file may say: rows of a table, each a recipe or a grid over some of its keys."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from mtlcli import registry
from mtlcli.io import toml

#: left out where a value of a grid is named.
_UNSAID = ("model.fusion.", "model.", "train.")
Value = bool | int | float | str | list[Any] | dict[str, Any]
Values = Annotated[tuple[Value, ...], Field(min_length=1)]


def _as_single(value: Any) -> Any:
    return {"recipe": value} if isinstance(value, str) else value


def _flat(value: Any) -> Any:
    """``{seg: {miou: 0.36}}`` → ``{seg.miou: 0.36}``: TOML keys may be written without quotes."""
    return dict(_leaves(value)) if isinstance(value, Mapping) else value


def _leaves(table: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from ((f"{key}.{inner}", leaf) for inner, leaf in _leaves(value))
        else:
            yield str(key), value


class _Strict(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


class SingleSpec(_Strict):
    """A single-task network: the name of its recipe, or a table."""

    recipe: str
    """A recipe with this one task."""
    changes: tuple[str, ...] = ()
    """Changes to it, ``key=value``."""


class RowSpec(_Strict):
    """A row of the table; with a grid, several."""

    recipe: str = ""
    """The network's recipe."""
    singles: bool = False
    """Instead of a recipe: the networks of ``[singles]``, one for each task."""
    continued: bool = False
    """With ``singles``: trained on from where the networks of ``[singles]`` ended."""
    fuse: bool = False
    """Start from the fused networks of ``[singles]``, as the recipe's ``[model]`` says."""
    calibrate: bool = False
    """With ``fuse``: set the fusions' batch statistics from the recipe's first dataset."""
    init: str = ""
    """Start from this checkpoint."""
    changes: tuple[str, ...] = ()
    """Changes to the recipe, ``key=value``."""
    grid: Annotated[dict[str, Values], BeforeValidator(_flat)] = {}
    """Key → values to try; every combination is a row. A table sets several keys at once."""
    published: Annotated[dict[str, float], BeforeValidator(_flat)] = {}
    """``task.metric`` → number of others, in the unit of ``mtl``; shown beside."""

    @property
    def keys(self) -> list[str]:
        """The keys that the row itself changes."""
        return [*(change.partition("=")[0].strip() for change in self.changes), *self.grid]


class SweepSpec(_Strict):
    """Everything about one table of results."""

    about: str = ""
    """One sentence, the heading of the table."""
    seeds: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)] = (0,)
    """Each row is trained with each, and the table gives mean ± sd over them."""
    split: Literal["train", "val", "test"] = "test"
    """What the table shows; points of a grid are chosen on ``val`` in any case."""
    changes: tuple[str, ...] = ()
    """Changes to every recipe, ``key=value``."""
    baseline: str = ""
    """The row that Δm is relative to; left out, the first with ``singles``."""
    columns: tuple[str, ...] = ()
    """``task.metric`` of the table; left out, the leading metrics and the published ones."""
    source: str = ""
    """Where the published numbers come from."""
    note: str = ""
    """Where the measured protocol differs from the published one."""
    singles: dict[str, Annotated[SingleSpec, BeforeValidator(_as_single)]] = {}
    """Task → single-task network: the parents of fused rows, the networks of ``singles`` rows."""
    rows: Annotated[dict[str, RowSpec], Field(min_length=1)]
    """Name → row, in the order of the table."""


@dataclass(frozen=True)
class Point:
    """One combination of a grid's values; without a grid the only one, without a label."""

    label: str = ""
    changes: tuple[str, ...] = ()


def points(row: RowSpec) -> list[Point]:
    """Every combination of the grid's values, the last key changing fastest."""
    made = []
    for values in itertools.product(*row.grid.values()):
        pairs = list(zip(row.grid, values, strict=True))
        label = " ".join(_label(key, value) for key, value in pairs)
        made.append(Point(label, tuple(f"{key}={_text(value)}" for key, value in pairs)))
    return made


def _text(value: Value) -> str:
    return toml.dumps({"v": value}, inline_below=0).removeprefix("v = ").rstrip("\n")


def _label(key: str, value: Value) -> str:
    prefix = next((p for p in _UNSAID if key.startswith(p)), "")
    short = key.removeprefix(prefix)
    if isinstance(value, Mapping):
        named = [f"{short}={value['name']}"] if "name" in value else []
        return " ".join([*named, *(_label(k, v) for k, v in value.items() if k != "name")])
    return f"{short}={value if isinstance(value, str) else _text(value)}"


def contradictions(spec: SweepSpec) -> dict[str, str]:
    """What each key allows and all together do not: key → the fault."""
    faults = {f"rows.{name}": text for name, row in spec.rows.items() if (text := _wrong(row))}
    found = {key: f"{key}: {text}" for key, text in faults.items()}
    if spec.baseline and spec.baseline not in spec.rows:
        known = registry.suggest(spec.baseline, list(spec.rows))
        found["baseline"] = f"baseline: there is no row {spec.baseline!r}; {known}"
    if len(set(spec.seeds)) < len(spec.seeds):
        found["seeds"] = "seeds: one is given twice"
    needing = [n for n, row in spec.rows.items() if row.singles or row.fuse]
    if needing and not spec.singles:
        found["singles"] = f"singles: the row {needing[0]!r} needs a table [singles]"
    return found


def _wrong(row: RowSpec) -> str:
    """Why a row cannot be; empty if it can."""
    given = [key for key in row.keys if row.init and key.startswith("model.")]
    given += [key for key in row.keys if row.fuse and key.startswith("model.backbone")]
    rules = {
        "it needs either `recipe` or `singles = true`": bool(row.recipe) == row.singles,
        "`continued` goes with `singles`": row.continued and not row.singles,
        "`fuse` and `init` go with `recipe`": row.singles and bool(row.fuse or row.init),
        "`fuse` and `init` exclude each other": row.fuse and bool(row.init),
        "`calibrate` goes with `fuse`": row.calibrate and not row.fuse,
        "train.seed is given by `seeds`": "train.seed" in row.keys,
        f"{', '.join(given)}: what the row starts from decides that": bool(given),
    }
    return next((text for text, broken in rules.items() if broken), "")
