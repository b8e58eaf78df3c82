"""Where a value of a recipe was written: file and line, or the command line."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mtlcli.errors import UsageError

Parse = Callable[[str, str], dict[str, Any]]


@dataclass(frozen=True)
class Source:
    """Some values of a recipe, and where they come from.

    :param name: a path, or ``command line``; empty where there is nothing to say (a checkpoint).
    :param text: the file's content; empty for what is no file.
    :param parse: ``(text, name) -> values``, for a file.
    """

    name: str
    values: Mapping[str, Any]
    text: str = ""
    parse: Parse | None = None

    def place(self, key: Sequence[str]) -> str:
        """``recipe.toml:7: `` for a key, or for the table it should stand in."""
        known = key[: depth(self.values, key)]
        if not (known and self.name):
            return ""
        if self.parse is None:
            return f"{self.name}: "
        return f"{self.name}:{self._line(known, self.parse)}: "

    def _line(self, key: Sequence[str], parse: Parse) -> int:
        """The first line with which the text, read only so far, has the key."""
        lines = self.text.split("\n")
        for end in range(1, len(lines)):
            try:
                values = parse("\n".join(lines[:end]), self.name)
            except UsageError:
                continue  # in the middle of a value of several lines
            if depth(values, key) == len(key):
                return end
        return len(lines)


def depth(values: Any, key: Sequence[str]) -> int:
    """How many parts of a key the nested values have."""
    for count, part in enumerate(key):
        if not isinstance(values, Mapping) or part not in values:
            return count
        values = values[part]
    return len(key)


def place(key: str, sources: Sequence[Source]) -> str:
    """The place of a dotted key in the source that has most of it.

    :param sources: the strongest first.
    """
    parts = key.split(".")
    best = max(sources, key=lambda source: depth(source.values, parts))
    return best.place(parts)
