"""From a name in a recipe to an object: look up, check the options, call.

In a plug-in's constructor, what stands before ``*`` comes from the program, what stands after it is
what a recipe may set. The options are read from the source text, so a wrong one is refused without
importing the module (and torch). Their annotations may use builtins, ``Literal``, ``Path`` and the
ranges that are defined here.
"""

import ast
import difflib
import importlib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from annotated_types import Ge, Gt, Le

from mtlcli import catalog
from mtlcli.errors import UsageError

if TYPE_CHECKING:
    from pydantic import BaseModel

Count = Annotated[int, Ge(0)]
NonNegative = Annotated[float, Ge(0)]
Positive = Annotated[float, Gt(0)]
Fraction = Annotated[float, Ge(0), Le(1)]
_NAMES = {
    "Literal": Literal, "Path": Path, "Any": Any,
    "Count": Count, "NonNegative": NonNegative, "Positive": Positive, "Fraction": Fraction,
}  # fmt: skip


@dataclass(frozen=True)
class Option:
    """One keyword-only parameter of a plug-in's constructor."""

    name: str
    annotation: Any
    default: Any
    required: bool
    help: str = ""


def suggest(name: str, known: list[str], otherwise: str = "") -> str:
    """The hint for an unknown name: the nearest known one, or all of them.

    :param otherwise: what to say in place of all of them, where they are too many.
    """
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]}?"
    return otherwise or "known: " + ", ".join(sorted(known))


def locate(kind: str, name: str) -> str:
    """The "module:Class" of ``name``.

    :raises UsageError: the name is not in the catalog.
    """
    table = catalog.KINDS[kind]
    if name not in table:
        raise UsageError(f"there is no {kind} called {name!r}", hint=suggest(name, list(table)))
    return table[name]


@cache
def _class_node(target: str) -> ast.ClassDef:
    module, _, class_name = target.partition(":")
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise LookupError(f"catalog.py names {target}, and there is no module {module}")
    for node in ast.parse(Path(spec.origin).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef) and node.name == class_name:
            return node
    raise LookupError(f"catalog.py names {target}, and {module} has no such class")


def _literal(node: ast.expr | None) -> Any:
    return None if node is None else ast.literal_eval(node)


def _annotation(node: ast.expr | None) -> Any:
    if node is None:
        return Any
    return eval(compile(ast.Expression(node), "<annotation>", "eval"), dict(_NAMES))  # our source


def _param_help(doc: str | None) -> dict[str, str]:
    """``:param name: text`` of a docstring, each joined to one line."""
    found: dict[str, str] = {}
    current = ""
    for line in (doc or "").splitlines():
        text = line.strip()
        if text.startswith(":param "):
            current, _, rest = text.removeprefix(":param ").partition(":")
            found[current] = rest.strip()
        elif text.startswith(":") or not text:
            current = ""
        elif current:
            found[current] += " " + text
    return found


def options(kind: str, name: str) -> list[Option]:
    """What a recipe (or, for a dataset, the command line) may set of this plug-in."""
    node = _class_node(locate(kind, name))
    init = next(
        (f for f in node.body if isinstance(f, ast.FunctionDef) and f.name == "__init__"), None
    )
    if init is None:
        return []
    text = _param_help(ast.get_docstring(node))
    return [
        Option(
            arg.arg, _annotation(arg.annotation), _literal(default), default is None,
            text.get(arg.arg, ""),
        )
        for arg, default in zip(init.args.kwonlyargs, init.args.kw_defaults, strict=True)
    ]  # fmt: skip


def attribute(kind: str, name: str, attribute: str, default: Any = None) -> Any:
    """A literal that the plug-in's class body assigns, read from its source text."""
    for node in _class_node(locate(kind, name)).body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if isinstance(target, ast.Name) and target.id == attribute:
            return _literal(getattr(node, "value", None))
    return default


def summary(kind: str, name: str) -> str:
    """The first line of the plug-in's docstring."""
    return (ast.get_docstring(_class_node(locate(kind, name))) or "").partition("\n")[0]


@cache
def _model(kind: str, name: str) -> "type[BaseModel]":
    from pydantic import ConfigDict, create_model

    fields: dict[str, Any] = {
        o.name: (o.annotation, ... if o.required else o.default) for o in options(kind, name)
    }
    config = ConfigDict(extra="forbid", allow_inf_nan=False, protected_namespaces=())
    return create_model(name, __config__=config, **fields)


def faults(kind: str, name: str, given: Mapping[str, Any], where: str = "") -> dict[str, str]:
    """What is wrong with the given options: key → one line; empty if nothing is.

    :param where: prefix of the keys, such as ``model.fusion``.
    """
    from pydantic import ValidationError

    if name not in catalog.KINDS[kind]:
        prefix = f"{where}: " if where else ""
        hint = suggest(name, list(catalog.KINDS[kind]))
        return {where: f"{prefix}there is no {kind} called {name!r}; {hint}"}
    try:
        _model(kind, name).model_validate(dict(given))
    except ValidationError as fault:
        known = [o.name for o in options(kind, name)]
        found = {}
        for error in fault.errors():
            key = ".".join([where, *map(str, error["loc"])]).strip(".")
            if error["type"] == "extra_forbidden":
                near = suggest(str(error["loc"][-1]), known) if known else "it has no options"
                found[key] = f"{key} is unknown to the {kind} {name}; {near}"
            else:
                found[key] = f"{key}: {error['msg']}, not {error['input']!r}"
        return found
    return {}


def check(kind: str, name: str, given: Mapping[str, Any], where: str = "") -> dict[str, Any]:
    """The given options, converted to their types.

    :param where: prefix of the key in messages, such as ``model.fusion``.
    :raises UsageError: an unknown name, unknown options, or values of the wrong type.
    """
    found = faults(kind, name, given, where)
    if found:
        raise UsageError("\n".join(found.values()))
    made = _model(kind, name).model_validate(dict(given))
    return {key: getattr(made, key) for key in given}


def load(kind: str, name: str) -> Any:
    """The class itself; imports its module."""
    module, _, class_name = locate(kind, name).partition(":")
    return getattr(importlib.import_module(module), class_name)


def build(kind: str, name: str, *args: Any, options: Mapping[str, Any], where: str = "") -> Any:
    """Check the options, then call the constructor as ``cls(*args, **options)``."""
    return load(kind, name)(*args, **check(kind, name, options, where))
