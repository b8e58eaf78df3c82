"""What a label column holds: written in ``dataset.toml``, carried by every checkpoint."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


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
    """

    kind: str
    classes: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    unit: str = ""
    ignore: int | None = None
    encoding: str = ""

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
        return cls(**{**values, "classes": tuple(values.get("classes", ()))})
