"""What a label column holds: written in ``dataset.toml``, carried by every checkpoint."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

#: in a cell of attributes: the attribute is there, it is not, nobody knows.
PRESENT, ABSENT, GAP = "1", "0", "?"
#: the value of ``mirror`` for a number whose sign a mirror image changes.
NEGATE = "negate"


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
    :param mirror: what a mirror image does to the label in a cell: pairs of classes (or of
        attributes) that change places, such as left and right, or ``negate`` for a number. Empty:
        nothing.
    :raises ValueError: ``mirror`` does not fit the column.
    """

    kind: str
    classes: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    unit: str = ""
    ignore: int | None = None
    encoding: str = ""
    groups: tuple[str, ...] = ()
    mirror: tuple[tuple[str, str], ...] | str = ()

    def __post_init__(self) -> None:
        fault = self._misfit()
        if fault:
            raise ValueError(f"mirror = {self.mirror!r}: {fault}")

    def _misfit(self) -> str:
        if not self.mirror:
            return ""
        if self.encoding:
            return "a label per pixel is mirrored with its picture"
        if isinstance(self.mirror, str):
            number = self.mirror == NEGATE and not self.classes
            return "" if number else f"pairs of classes, or {NEGATE!r} for a number"
        if any(len(pair) != 2 for pair in self.mirror):
            return "two classes make a pair"
        names = [name for pair in self.mirror for name in pair]
        unknown = [name for name in names if name not in self.classes]
        if unknown:
            return f"there is no class {unknown[0]!r}"
        return "a class is in one pair at most" if len(set(names)) < len(names) else ""

    @property
    def dense(self) -> bool:
        """Whether a label is a picture, whose path stands in the cell."""
        return bool(self.encoding)

    def mirrored(self, cells: Sequence[str]) -> list[str]:
        """The cells as they are right for the mirror images; empty ones stay empty.

        A cell that is no number, where one is wanted, stays as it is; so does one of attributes
        that has not a character for each.
        """
        if isinstance(self.mirror, str):
            return [_negated(cell) for cell in cells] if self.mirror else list(cells)
        swap = {a: b for pair in self.mirror for a, b in (pair, pair[::-1])}
        if self.kind == "attributes":
            places = [self.classes.index(swap.get(name, name)) for name in self.classes]
            return [_permuted(cell, places) for cell in cells]
        return [swap.get(cell, cell) for cell in cells]

    def years(self, low: int | None = None, high: int | None = None) -> tuple[int, int]:
        """The first and the last year of a distribution over ages; 1 to 100 where nothing is known.

        :param low: in place of the column's own, as ``high``.
        """
        first = self.low if low is None else low
        last = self.high if high is None else high
        return int(1 if first is None else first), int(100 if last is None else last)

    def plain(self) -> dict[str, Any]:
        """As plain values, without what is not set."""
        return {k: v for k, v in asdict(self).items() if v not in (None, "", ())}

    @classmethod
    def from_plain(cls, values: Mapping[str, Any]) -> "Column":
        """The inverse of :meth:`plain`."""
        mirror = values.get("mirror", ())
        if not isinstance(mirror, str):
            mirror = tuple(tuple(pair) for pair in mirror)
        listed = {name: tuple(values.get(name, ())) for name in ("classes", "groups")}
        return cls(**{**values, **listed, "mirror": mirror})


def _permuted(cell: str, places: Sequence[int]) -> str:
    return "".join([cell[i] for i in places]) if len(cell) == len(places) else cell


def _negated(cell: str) -> str:
    try:
        return repr(-float(cell)) if cell else ""
    except ValueError:
        return cell
