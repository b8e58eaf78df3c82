"""What a label column holds: written in ``dataset.toml``, carried by every checkpoint."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

#: in a cell of attributes: the attribute is there, it is not, nobody knows.
PRESENT, ABSENT, GAP = "1", "0", "?"


@dataclass(frozen=True)
class Column:
    """What one label column holds; names travel, numbers never.

    :param kind: a task kind of the catalog, such as ``classification`` or ``age``.
    :param classes: the names, in the order of their indices; the CSV holds names.
    :param low: the smallest value that can occur (ages, in years).
    :param high: the largest one.
    :param unit: of a number, such as ``years``.
    :param ignore: the value of a dense label that stands for "unlabelled".
    :param encoding: how a dense label is stored as PNG: ``index`` (8 bits, an index into
        ``classes``), ``normals`` (RGB) or ``depth`` (16 bits, millimetres). Empty: the cell itself
        is the label.
    :param groups: of attributes: the group of each of ``classes``, as many as those; empty where
        there are none.
    """

    kind: str
    classes: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    unit: str = ""
    ignore: int | None = None
    encoding: str = ""
    groups: tuple[str, ...] = ()

    @property
    def dense(self) -> bool:
        """Whether a label is a picture, whose path stands in the cell."""
        return bool(self.encoding)

    def plain(self) -> dict[str, Any]:
        """As plain values, without what is not set."""
        return {k: v for k, v in asdict(self).items() if v not in (None, "", ())}

    @classmethod
    def from_plain(cls, values: Mapping[str, Any]) -> "Column":
        """The inverse of :meth:`plain`."""
        listed = {name: tuple(values.get(name, ())) for name in ("classes", "groups")}
        return cls(**{**values, **listed})
