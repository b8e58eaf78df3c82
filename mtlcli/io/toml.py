"""Write TOML: the part of the standard library that is missing (``tomllib`` only reads)."""

import json
import re
from collections.abc import Mapping
from numbers import Integral
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+\Z")


def _quoted(text: str) -> str:
    """A basic string: JSON's escapes are TOML's too, but TOML also wants DEL escaped."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(name: str) -> str:
    return name if _BARE.match(name) else _quoted(name)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(float(value))  # inf and nan are spelt as TOML spells them
    if isinstance(value, Integral):  # NumPy's too
        return str(int(value))
    if isinstance(value, Mapping):
        inner = ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items() if v is not None)
        return "{ " + inner + " }" if inner else "{}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_value(v) for v in value) + "]"
    return _quoted(str(value))


def dumps(document: Mapping[str, Any], *, inline_below: int = 2) -> str:
    """The document as TOML text; ``None`` values are left out.

    :param inline_below: tables nested deeper than this are written on one line.
    """
    lines: list[str] = []

    def table(content: Mapping[str, Any], path: tuple[str, ...]) -> None:
        for key, value in content.items():
            if value is not None and not _is_section(value, path):
                lines.append(f"{_key(key)} = {_value(value)}")
        for key, value in content.items():
            if _is_section(value, path):
                inner = (*path, key)
                lines.extend(["", f"[{'.'.join(map(_key, inner))}]"])
                table(value, inner)

    def _is_section(value: Any, path: tuple[str, ...]) -> bool:
        return isinstance(value, Mapping) and len(path) < inline_below

    table(document, ())
    return "\n".join(lines).strip() + "\n"
