"""Recipes over recipes: tables are merged key by key, and ``key=value`` is a recipe too."""

import datetime
import tomllib
from collections.abc import Mapping
from typing import Any

from mtlcli.errors import UsageError


def merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """``above`` over ``below``, table by table."""
    return {**below, **{key: _over(below.get(key), value) for key, value in above.items()}}


def _over(old: Any, new: Any) -> Any:
    if new is None and isinstance(old, Mapping):
        return old  # an empty YAML table says nothing
    if not isinstance(new, Mapping):
        return new
    if isinstance(old, str):
        old = {"name": old}  # a part of the catalog without options
    if not isinstance(old, Mapping) or _another_part(old, new):
        return new
    return merge(old, new)


def _another_part(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether ``new`` names another part of the catalog, for which the old options mean nothing."""
    names = old.get("name"), new.get("name")
    return all(isinstance(name, str) for name in names) and names[0] != names[1]


def parse(override: str) -> dict[str, Any]:
    """``a.b=1`` as nested values; the right side is read as TOML, else as text.

    :raises UsageError: it has another form, or a list or table that is not TOML.
    """
    key, equals, text = override.partition("=")
    path = key.strip().split(".")
    if not equals or not all(path):
        raise UsageError(
            f"{override!r} is not of the form key=value", hint="for example train.epochs=5"
        )
    nested: Any = _value(text, override)
    for part in reversed(path):
        nested = {part: nested}
    made: dict[str, Any] = nested
    return made


def _value(text: str, override: str) -> Any:
    try:
        document = tomllib.loads(f"v = {text}")
    except tomllib.TOMLDecodeError:
        if text.lstrip().startswith(("[", "{")):
            raise UsageError(
                f"{override!r}: the value is not TOML",
                hint="""text in lists and tables has quotes: 'data=["a", "b"]'""",
            ) from None
        return text
    value = document.pop("v")
    plain = not document and not isinstance(value, (datetime.date, datetime.time))
    return value if plain else text
