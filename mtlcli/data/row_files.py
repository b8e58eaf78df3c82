"""The files of a split's rows, in a form that worker processes share without copying it."""

import os
from collections.abc import Sequence

import numpy as np

from mtlcli.data import maps
from mtlcli.errors import DataError
from mtlcli.io.column import Column


class Paths:
    """Many paths in one buffer."""

    def __init__(self, paths: Sequence[str]) -> None:
        encoded = [os.fsencode(path) for path in paths]
        self._text = b"".join(encoded)
        self._ends = np.cumsum([0, *map(len, encoded)], dtype=np.int64)

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, index: int) -> str:
        return os.fsdecode(self._text[self._ends[index] : self._ends[index + 1]])


class MapFiles:
    """One dense task's labels: a file per row.

    :param paths: one per row; empty where the row is unlabelled.
    :param column: how the files are stored.
    """

    def __init__(self, paths: Sequence[str], column: Column) -> None:
        self.column = column
        self.present = np.array([bool(path) for path in paths])
        self._paths = Paths(paths)

    def __len__(self) -> int:
        return len(self._paths)

    def path(self, index: int) -> str:
        """Where the label of a row lies."""
        return self._paths[index]

    def read(self, index: int, height: int, width: int) -> np.ndarray:
        """The label of a row whose picture has this height and width; blank where it has none.

        :raises DataError: the file cannot be used, or has another size.
        """
        if not self.present[index]:
            return maps.blank(self.column, height, width)
        values = maps.read_map(self.path(index), self.column)
        high, wide = values.shape[:2]
        if (high, wide) != (height, width):
            raise DataError(maps.wrong_size(self.path(index), (wide, high), (width, height)))
        return values
