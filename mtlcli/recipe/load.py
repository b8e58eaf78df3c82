"""Read a recipe: file over ``extends`` over defaults, ``key=value`` over all; then check it all.

Precedence, stated once: command line > recipe > the recipe it extends > defaults of the schema.
"""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mtlcli import registry
from mtlcli.errors import UsageError
from mtlcli.recipe import library, overrides
from mtlcli.recipe.overrides import merge as merge
from mtlcli.recipe.places import Source, place
from mtlcli.recipe.schema import PARTS, Recipe, TaskSpec, as_part, as_parts
from mtlcli.recipe.strict_yaml import parse as parse_yaml

_HINT = "`mtl recipes show demo/nddr --resolved` shows every key with its value"
_WORDS = {
    "model_type": "a table of keys and values is needed",
    "dict_type": "a table of keys and values is needed",
    "missing": "is needed",
}


@dataclass(frozen=True)
class Loaded:
    """A checked recipe, its name (for the run folder) and its file."""

    recipe: Recipe
    name: str
    path: Path | None


def load(name: str, changes: Sequence[str] = ()) -> Loaded:
    """The recipe of a name or path, with ``key=value`` changes.

    :raises UsageError: every fault found, each with file, line and key.
    """
    path = library.find(name)
    sources = [*_typed(changes), read(path)]
    parent = sources[-1].values.get("extends")
    if parent:
        sources.append(read(library.find(str(parent), beside=path)))
        if sources[-1].values.get("extends"):
            raise UsageError(f"{parent} itself extends another recipe; one level only", where=path)
    return Loaded(_checked(sources), library.title(path), path)


def only(recipe: Recipe, task: str) -> Recipe:
    """The single-task experiment inside one of several tasks: same data, input and training.

    :raises UsageError: it has no such task.
    """
    if task not in recipe.tasks:
        raise UsageError(
            f"the recipe has no task {task!r}", hint=registry.suggest(task, list(recipe.tasks))
        )
    plain = recipe.plain()
    model = {"backbone": plain["model"]["backbones"].get(task, plain["model"]["backbone"])}
    best = plain["train"]["best"] if plain["train"]["best"].startswith(f"{task}.") else ""
    alone = {
        "data": plain["data"], "input": plain["input"], "augment": plain["augment"],
        "tasks": {task: plain["tasks"][task]}, "model": model,
        "train": {**plain["train"], "best": best},
    }  # fmt: skip
    return from_plain(alone)


def from_plain(values: Mapping[str, Any], changes: Sequence[str] = ()) -> Recipe:
    """The recipe inside a checkpoint or a run, with ``key=value`` changes.

    :raises UsageError: every fault found.
    """
    return _checked([*_typed(changes), Source("", deepcopy(dict(values)))])


def _typed(changes: Sequence[str]) -> list[Source]:
    return [Source("command line", overrides.parse(change)) for change in reversed(changes)]


def read(path: Path) -> Source:
    """The values of a file, TOML or YAML, with what is needed to point at a key.

    :raises UsageError: it cannot be read, or is neither.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        raise UsageError(f"the file cannot be read: {fault}", where=path) from None
    parse = parse_yaml if path.suffix in (".yaml", ".yml") else _parse_toml
    return Source(str(path), parse(text, str(path)), text, parse)


def _parse_toml(text: str, name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as fault:
        raise UsageError(f"not valid TOML: {fault}", where=name) from None


def _checked(sources: Sequence[Source]) -> Recipe:
    """Types, unknown keys, names of parts and their options, names of tasks.

    :param sources: the strongest first.
    """
    values: Mapping[str, Any] = reduce(merge, [source.values for source in reversed(sources)])
    faults: dict[str, str] = {}
    try:
        recipe = Recipe.model_validate(values)
    except ValidationError as fault:
        faults = {_key(error): _explain(error) for error in fault.errors()}
    faults |= {key: text for found in _parts(values) for key, text in found.items()}
    faults |= _unknown_tasks(values)
    if faults:
        lines = [place(key, sources) + text for key, text in faults.items()]
        raise UsageError("\n".join(lines), hint=_HINT)
    return recipe


def _key(error: Any) -> str:
    return ".".join(map(str, error["loc"]))


def _explain(error: Any) -> str:
    key = _key(error)
    if error["type"] == "extra_forbidden":
        return f"{key} is unknown; {registry.suggest(str(error['loc'][-1]), _siblings(error))}"
    text = _WORDS.get(error["type"], error["msg"].removeprefix("Value error, "))
    known = isinstance(error["input"], dict) or error["input"] is None
    found = "" if known else f", not {error['input']!r}"
    return f"{key}: {text}{found}"


def _siblings(error: Any) -> list[str]:
    model: Any = Recipe
    for part in error["loc"][:-1]:
        model = model.model_fields[part].annotation
    return list(model.model_fields)


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _parts(values: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """The faults of every part that is named; a spec of the wrong form is the schema's matter."""
    model = _table(values.get("model"))
    for kind in PARTS:
        top = kind in ("weighting", "aggregator", "completion")
        home, where = (values, kind) if top else (model, f"model.{kind}")
        if kind in home:
            yield _part_faults(kind, where, as_part(home[kind], PARTS[kind]), "name")
    for task, spec in _table(model.get("backbones")).items():
        yield _part_faults("backbone", f"model.backbones.{task}", as_part(spec), "name")
    for name, task in _table(values.get("tasks")).items():
        yield _part_faults("task kind", f"tasks.{name}", task, "kind")
    penalties = as_parts(values.get("regularisers", ()))
    for index, spec in enumerate(penalties if isinstance(penalties, list) else ()):
        yield _part_faults("regulariser", f"regularisers.{index}", spec, "name")


def _part_faults(kind: str, where: str, spec: Any, key: str) -> dict[str, str]:
    options = dict(_table(spec))
    name = options.pop(key, None)
    if kind == "task kind":
        for own in TaskSpec.model_fields:
            options.pop(own, None)
    if not isinstance(name, str) or not name:
        return {}
    return registry.faults(kind, name, options, where)


def _unknown_tasks(values: Mapping[str, Any]) -> dict[str, str]:
    tasks = list(_table(values.get("tasks")))
    named = {f"loss.{task}": task for task in _table(values.get("loss"))}
    backbones = _table(_table(values.get("model")).get("backbones"))
    named |= {f"model.backbones.{task}": task for task in backbones}
    best = _table(values.get("train")).get("best")
    if isinstance(best, str) and best:
        named["train.best"] = best.partition(".")[0]
    return {
        key: f"{key}: there is no task {task!r}; {registry.suggest(str(task), tasks)}"
        for key, task in named.items()
        if task not in tasks
    }
