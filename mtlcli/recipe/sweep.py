"""Read a sweep: a file, or a grid over one recipe typed on the command line; no torch.

Precedence, the strongest first: seed > command line > point of the grid > changes of the row >
changes of the sweep > recipe.
"""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mtlcli import registry
from mtlcli.errors import UsageError
from mtlcli.recipe import library, load
from mtlcli.recipe.places import Source, place
from mtlcli.recipe.schema import Recipe
from mtlcli.recipe.sweep_schema import Point, RowSpec, SingleSpec, SweepSpec, contradictions


@dataclass(frozen=True)
class Sweep:
    """A checked sweep.

    :param typed: changes from the command line, over every recipe.
    """

    name: str
    path: Path
    spec: SweepSpec
    typed: tuple[str, ...] = ()

    @property
    def baseline(self) -> str:
        """The row that Δm is relative to; empty: none."""
        singles = [name for name, row in self.spec.rows.items() if row.singles]
        return self.spec.baseline or next(iter(singles), "")

    def row(self, name: str, point: Point, seed: int) -> Recipe:
        """The recipe of a row with ``recipe``."""
        row = self.spec.rows[name]
        return self._load(row.recipe, [*row.changes, *point.changes], seed)

    def single(self, task: str, seed: int, changes: Sequence[str] = ()) -> Recipe:
        """The recipe of a single-task network.

        :param changes: those of a row.
        :raises UsageError: it has not this one task.
        """
        spec = self.spec.singles[task]
        recipe = self._load(spec.recipe, [*spec.changes, *changes], seed)
        if list(recipe.tasks) != [task]:
            raise UsageError(
                f"singles.{task}: {spec.recipe} has the tasks {', '.join(recipe.tasks) or 'none'}",
                hint=f"name a recipe with the one task {task}",
            )
        return recipe

    def _load(self, name: str, changes: Sequence[str], seed: int) -> Recipe:
        path = library.find(name, beside=self.path)
        every = [*self.spec.changes, *changes, *self.typed, f"train.seed={seed}"]
        return load.load(str(path), every).recipe


def find(name: str) -> Path:
    """A sweep's file or a recipe's, by path or by shipped name; of equal names the sweep.

    :raises UsageError: there is none.
    """
    here = any(Path(name + suffix).is_file() for suffix in ("", *library.SUFFIXES))
    known = library.sweeps()
    return known[name] if name in known and not here else library.find(name)


def open_sweep(
    name: str, changes: Sequence[str] = (), seeds: Sequence[int] = (), init: str = ""
) -> Sweep:
    """The sweep of a file; for a recipe, the grid that ``KEY=V1,V2`` makes of it.

    :param changes: over every recipe of the sweep, ``KEY=VALUE``.
    :param seeds: instead of the file's.
    :param init: for a recipe: the checkpoint to start from.
    :raises UsageError: every fault found, each with file, line and key.
    """
    path = find(name)
    source = load.read(path)
    title = library.title(path).removeprefix(library.SHELF)
    given = {"seeds": list(seeds)} if seeds else {}
    if "rows" not in source.values:
        row = {"recipe": str(path), "init": init, **_grid(changes)}
        values = {"rows": {title.rpartition("/")[2]: row}, **given}
        return Sweep(title, path, _checked(Source("", values)))
    if init:
        raise UsageError("--init is for a grid over one recipe", hint="set `init` in the row")
    spec = _checked(replace(source, values={**source.values, **given}))
    _refuse_clash(spec, changes)
    return Sweep(title, path, spec, tuple(changes))


def _grid(changes: Sequence[str]) -> dict[str, Any]:
    """``KEY=V1,V2`` → grid, ``KEY=V`` → changes; the values are TOML, else text."""
    grid: dict[str, list[Any]] = {}
    single = []
    for change in changes:
        key, equals, text = change.partition("=")
        values = _values(text)
        if equals and len(values) > 1:
            grid[key.strip()] = values
        else:
            single.append(change)
    return {"changes": single, "grid": grid}


def _values(text: str) -> list[Any]:
    try:
        return list(tomllib.loads(f"v = [{text}]")["v"])
    except tomllib.TOMLDecodeError:
        return (
            [text] if text.lstrip().startswith(("[", "{")) else [_one(t) for t in text.split(",")]
        )


def _one(text: str) -> Any:
    try:
        return tomllib.loads(f"v = {text}")["v"]
    except tomllib.TOMLDecodeError:
        return text.strip()


def _refuse_clash(spec: SweepSpec, changes: Sequence[str]) -> None:
    for change in changes:
        key = change.partition("=")[0].strip()
        for name, row in spec.rows.items():
            if key in row.grid:
                raise UsageError(
                    f"{key} is in the grid of the row {name!r}",
                    hint="change the file's grid; what is typed holds for every row",
                )


def _checked(source: Source) -> SweepSpec:
    try:
        spec = SweepSpec.model_validate(source.values)
    except ValidationError as fault:
        faults = {_key(error): _explain(error) for error in fault.errors()}
    else:
        faults = contradictions(spec)
    if faults:
        lines = [place(key, [source]) + text for key, text in faults.items()]
        raise UsageError("\n".join(lines), hint="docs/sweeps.md explains every key of a sweep")
    return spec


def _key(error: Any) -> str:
    return ".".join(map(str, error["loc"]))


def _explain(error: Any) -> str:
    key = _key(error)
    if error["type"] != "extra_forbidden":
        return f"{key}: {error['msg'].removeprefix('Value error, ')}, not {error['input']!r}"
    first, depth = error["loc"][0], len(error["loc"])
    model = SweepSpec if depth == 1 else SingleSpec if first == "singles" else RowSpec
    return f"{key} is unknown; {registry.suggest(str(error['loc'][-1]), list(model.model_fields))}"
