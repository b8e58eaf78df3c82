"""A task of a recipe, resolved against its datasets; no torch."""

from dataclasses import dataclass
from typing import Any

from mtlcli.io.column import Column


@dataclass(frozen=True)
class TaskPlan:
    """A task, resolved against the datasets: everything needed to build it again."""

    name: str
    kind: str
    source: str
    column: Column
    options: dict[str, Any]

    def plain(self) -> dict[str, Any]:
        """As plain values, for a checkpoint's header."""
        return {
            "kind": self.kind,
            "source": self.source,
            "column": self.column.plain(),
            "options": self.options,
        }

    @classmethod
    def from_plain(cls, name: str, values: dict[str, Any]) -> "TaskPlan":
        """The inverse of :meth:`plain`."""
        column = Column.from_plain(values["column"])
        return cls(name, values["kind"], values["source"], column, values["options"])
