"""Read YAML as YAML 1.2: ``1e-3`` is a number, ``no`` is a word, a key given twice is a fault."""

import re
from typing import Any

import yaml

from mtlcli.errors import UsageError

_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_RESOLVERS = (
    ("tag:yaml.org,2002:bool", r"(?:true|True|TRUE|false|False|FALSE)\Z", "tTfF"),
    ("tag:yaml.org,2002:null", r"(?:~|null|Null|NULL|)\Z", "~nN\0"),
    ("tag:yaml.org,2002:int", r"[-+]?[0-9]+\Z", "-+0123456789"),
    (
        "tag:yaml.org,2002:float",
        r"(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z",
        "-+.0123456789",
    ),
)


class _Loader(_Base):  # type: ignore[misc]
    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, (list, dict)):
                raise yaml.MarkedYAMLError(
                    problem="a key is one word", problem_mark=key_node.start_mark
                )
            if key in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"{key!r} is given twice", problem_mark=key_node.start_mark
                )
            seen.add(key)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)
        return mapping


for _tag, _pattern, _first in _RESOLVERS:
    _Loader.add_implicit_resolver(_tag, re.compile(_pattern), [*_first.replace("\0", ""), ""])
_Loader.add_constructor(
    "tag:yaml.org,2002:int", lambda loader, node: int(loader.construct_scalar(node))
)


def parse(text: str, name: str) -> dict[str, Any]:
    """The document as a dict.

    :raises UsageError: it is not YAML, or not a table of keys and values.
    """
    try:
        document = yaml.load(text, Loader=_Loader)
    except yaml.MarkedYAMLError as fault:
        line = fault.problem_mark.line + 1 if fault.problem_mark else 1
        raise UsageError(f"not valid YAML: {fault.problem}", where=f"{name}:{line}") from None
    except (yaml.YAMLError, ValueError) as fault:
        raise UsageError(f"not valid YAML: {fault}", where=name) from None
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise UsageError("a recipe is a table of keys and values", where=name)
    return document
