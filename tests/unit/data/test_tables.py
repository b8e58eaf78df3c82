"""Cells of tables become arrays; what cannot be read is named with its line."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from mtlcli.data.tables import LabelArrays, box_array, label_arrays
from mtlcli.errors import DataError


def numbers(cells: Sequence[str]) -> LabelArrays:
    values = np.array([float(cell) if cell else 0.0 for cell in cells], np.float32)
    return LabelArrays(values, np.array([cell != "" for cell in cells]))


def test_labels_of_several_tables_follow_one_another() -> None:
    frames = [
        pd.DataFrame({"age": ["1", ""]}),
        pd.DataFrame({"image": ["x"]}),
        pd.DataFrame({"age": ["3"]}),
    ]
    labels = label_arrays(frames, "age", numbers)
    assert labels.values.tolist() == [1, 0, 0, 3]
    assert labels.present.tolist() == [True, False, False, True]


def boxes(*rows: tuple[str, str, str, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["x_min", "y_min", "x_max", "y_max"], dtype=str)


def test_boxes() -> None:
    found = box_array(boxes(("1", "2", "3.5", "4"), ("", "", "", "")))
    np.testing.assert_array_equal(found, np.array([[1, 2, 3.5, 4], [np.nan] * 4], np.float32))


def test_a_table_without_boxes_has_none() -> None:
    assert np.isnan(box_array(pd.DataFrame({"image": ["a", "b"]}))).all()


@pytest.mark.parametrize("row", [("1", "2", "three", "4"), ("1", "", "3", "4")])
def test_a_box_that_is_not_four_numbers_is_named(row: tuple[str, str, str, str]) -> None:
    with pytest.raises(DataError, match="not four numbers") as fault:
        box_array(boxes(("1", "2", "3", "4"), row))
    assert "line 3" in str(fault.value)
