"""From the text cells of dataset tables to the arrays that training reads."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from mtlcli.data.manifest import BOX
from mtlcli.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

_HEAD = 2  # the CSV line of the first row


class Labelled(Protocol):
    """One task's labels for all rows: ``values [N, ...]`` and ``present [N] bool``."""

    @property
    def values(self) -> np.ndarray: ...
    @property
    def present(self) -> np.ndarray: ...


#: turns the cells of a label column into labels.
Encoder = Callable[[Sequence[str]], Labelled]


class LabelArrays(NamedTuple):
    """One task's labels over all datasets."""

    values: np.ndarray
    present: np.ndarray


def label_arrays(
    frames: Sequence["pd.DataFrame"], column: str, encode: Encoder,
    *, change: Callable[[list[str]], list[str]] = list,
) -> LabelArrays:  # fmt: skip
    """The labels of all tables one after another; a table without the column is unlabelled.

    :param change: what becomes of the cells of a table before they are encoded.
    """
    parts = [encode(change(cells_of(frame, column))) for frame in frames]
    return LabelArrays(
        np.concatenate([part.values for part in parts]),
        np.concatenate([part.present for part in parts]),
    )


def as_seen(
    label: Labelled, turned: Labelled | None, rows: np.ndarray, mirrored: np.ndarray
) -> np.ndarray:
    """The labels of some rows, ``[B, ...]``, right for those that are seen as mirror images.

    :param turned: the labels of the mirror images, where they differ.
    :param rows: ``[B] int64``.
    :param mirrored: ``[B] bool``.
    """
    found: np.ndarray = label.values[rows]
    if turned is not None:
        found[mirrored] = turned.values[rows[mirrored]]
    return found


def box_array(frame: "pd.DataFrame") -> np.ndarray:
    """The boxes of a table, ``[N, 4] float32``; NaN where a row has none.

    :raises DataError: a box is not four numbers (value and line).
    """
    boxes = np.full((len(frame), len(BOX)), np.nan, np.float32)
    columns = [cells_of(frame, name) for name in BOX]
    for row, texts in enumerate(zip(*columns, strict=True)):
        if any(texts):
            boxes[row] = _box(texts, row)
    return boxes


def cells_of(frame: "pd.DataFrame", column: str) -> list[str]:
    """The cells of a column; empty ones where a table does not have it."""
    return frame[column].tolist() if column in frame.columns else [""] * len(frame)


def _box(texts: Sequence[str], row: int) -> list[float]:
    try:
        return [float(text) for text in texts]
    except ValueError:
        raise DataError(
            f"the box {','.join(texts)!r} is not four numbers",
            where=f"line {row + _HEAD}, columns {','.join(BOX)}",
        ) from None
