"""Read a recipe: file over ``extends`` over defaults, ``key=value`` over all; then check everything.

Precedence, stated once: command line > recipe > the recipe it extends > defaults of the schema.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from mtlcli import registry
from mtlcli.errors import UsageError
from mtlcli.recipe import library
from mtlcli.recipe.schema import Recipe, Spec
from mtlcli.recipe.strict_yaml import parse as parse_yaml


@dataclass(frozen=True)
class Loaded:
    """A checked recipe, its name (for the run folder) and its file."""

    recipe: Recipe
    name: str
    path: Path | None


def load(name: str, overrides: Sequence[str] = ()) -> Loaded:
    """The recipe of a name or path, with ``key=value`` overrides.

    :raises UsageError: every fault found, each with file, line and key.
    """
    path = library.find(name)
    text = _read_text(path)
    values = _parse(text, path)
    parent = values.get("extends")
    if parent:
        below = library.find(str(parent))
        inherited = _parse(_read_text(below), below)
        if inherited.get("extends"):
            raise UsageError(f"{parent} itself extends another recipe; one level only", where=path)
        values = merge(inherited, values)
    return Loaded(check(values, overrides, source=(path, text)), library.title(path), path)


def from_plain(values: Mapping[str, Any], overrides: Sequence[str] = ()) -> Recipe:
    """The recipe inside a checkpoint or a run, with ``key=value`` overrides."""
    return check(deepcopy(dict(values)), overrides)


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        raise UsageError(f"the recipe cannot be read: {fault}", where=path) from None


def _parse(text: str, path: Path) -> dict[str, Any]:
    if path.suffix in (".yaml", ".yml"):
        return parse_yaml(text, str(path))
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as fault:
        raise UsageError(f"not valid TOML: {fault}", where=path) from None


def merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """``above`` over ``below``, table by table."""
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        merged[key] = merge(old, value) if both else value  # type: ignore[arg-type]
    return merged


def apply(values: dict[str, Any], override: str) -> dict[str, Any]:
    """``a.b=1`` into the values; the right side is read as TOML, else as text."""
    key, equals, text = override.partition("=")
    if not equals or not key.strip():
        raise UsageError(
            f"{override!r} is not of the form key=value", hint="for example train.epochs=5"
        )
    try:
        value: Any = tomllib.loads(f"v = {text}")["v"]
    except tomllib.TOMLDecodeError:
        value = text
    nested: dict[str, Any] = {}
    inner = nested
    *path, last = key.strip().split(".")
    for part in path:
        inner[part] = inner = {}
    inner[last] = value
    return merge(values, nested)


def check(
    values: dict[str, Any], overrides: Sequence[str] = (), source: tuple[Path, str] | None = None
) -> Recipe:
    """Values to a recipe; types, unknown keys, names of parts and their options are checked."""
    for override in overrides:
        values = apply(values, override)
    try:
        recipe = Recipe.model_validate(values)
    except ValidationError as fault:
        lines = [_explain(error, source) for error in fault.errors()]
        raise UsageError("\n".join(dict.fromkeys(lines)), hint=_HINT) from None
    faults = _faulty_parts(recipe, source)
    if faults:
        raise UsageError("\n".join(faults), hint=_HINT)
    return recipe


_HINT = "`mtl recipes show utkface/nddr --resolved` shows every key with its value"


def _explain(error: Any, source: tuple[Path, str] | None) -> str:
    loc = [str(part) for part in error["loc"]]
    key = ".".join(loc)
    if error["type"] == "extra_forbidden":
        message = f"{key} is unknown; {registry.suggest(loc[-1], _siblings(loc))}"
    else:
        text = error["msg"].removeprefix("Value error, ")
        message = f"{key}: {text}" if key else text
        if not isinstance(error["input"], (dict, BaseModel)):
            message += f", not {error['input']!r}"
    return _place(loc, source) + message


def _siblings(loc: list[str]) -> list[str]:
    model: Any = Recipe
    for part in loc[:-1]:
        field = model.model_fields.get(part) if hasattr(model, "model_fields") else None
        model = field.annotation if field else model
    return list(getattr(model, "model_fields", {}))


def _place(loc: Sequence[str], source: tuple[Path, str] | None) -> str:
    if source is None or not loc:
        return ""
    path, text = source
    line = line_of(text, loc)
    return f"{path}:{line}: " if line else f"{path}: "


def line_of(text: str, loc: Sequence[str]) -> int | None:
    """The line of a key in TOML or YAML text: the last of its parts, below all the others."""
    wanted = list(loc)
    for number, line in enumerate(text.splitlines(), 1):
        header = re.match(r"\s*\[([^\[\]]+)\]\s*(#.*)?$", line)
        if header:
            parts = [p.strip(" \"'") for p in header.group(1).split(".")]
            wanted = list(loc)[len(parts) :] if list(loc)[: len(parts)] == parts else []
            if not wanted and parts == list(loc):
                return number
            continue
        while wanted and re.search(rf"(?:^|[\s{{,.\"]){re.escape(wanted[0])}\"?\s*[=:.]", line):
            wanted = wanted[1:]
            if not wanted:
                return number
    return None


def _faulty_parts(recipe: Recipe, source: tuple[Path, str] | None) -> list[str]:
    parts: list[tuple[str, str, Spec]] = [
        ("backbone", "model.backbone", recipe.model.backbone),
        ("fusion", "model.fusion", recipe.model.fusion),
        ("architecture", "model.architecture", recipe.model.architecture),
        ("weighting", "weighting", recipe.weighting),
    ]
    parts += [("backbone", f"model.backbones.{t}", s) for t, s in recipe.model.backbones.items()]
    faults = []
    for kind, where, spec in parts:
        faults += _fault_of(kind, where, spec.name, spec.options, source)
    for name, task in recipe.tasks.items():
        if task.kind:
            faults += _fault_of("task kind", f"tasks.{name}", task.kind, task.options, source)
    return faults


def _fault_of(
    kind: str, where: str, name: str, options: dict[str, Any], source: tuple[Path, str] | None
) -> list[str]:
    try:
        registry.check(kind, name, options, where)
    except UsageError as fault:
        hint = f"; {fault.hint}" if fault.hint else ""
        return [_place(where.split("."), source) + fault.what + hint]
    return []
