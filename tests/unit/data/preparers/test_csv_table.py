"""CSVs of unknown origin: separators, names of columns, boxes; faults name file, line, column."""

from pathlib import Path

import pytest

from mtlcli.data.preparers import csv_table
from mtlcli.errors import DataError


def _table(folder: Path, text: str) -> csv_table.Table:
    path = folder / "t.csv"
    path.write_bytes(text.encode())
    return csv_table.read(path)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_separators_and_the_byte_order_mark(tmp_path: Path, separator: str, mark: str) -> None:
    text = mark + 'Image,age\n"a b.jpg", 3 \r\n\nü.jpg\n'.replace(",", separator)
    table = _table(tmp_path, text)
    assert [row.cells for row in table.rows] == [
        {"Image": "a b.jpg", "age": "3"}, {"Image": "ü.jpg", "age": ""},
    ]  # fmt: skip
    assert table.roles().image == "Image"


def test_lines_are_counted_through_quoted_line_breaks(tmp_path: Path) -> None:
    table = _table(tmp_path, 'image,note\na.jpg,"two\nlines"\nb.jpg,x\n')
    assert [row.line for row in table.rows] == [3, 4]


@pytest.mark.parametrize("name", csv_table.IMAGE_NAMES)
def test_the_picture_has_many_names(tmp_path: Path, name: str) -> None:
    assert _table(tmp_path, f"age,{name}\n1,a.jpg\n").roles().image == name


@pytest.mark.parametrize("name", ["group", "Subject", "identity", "clip"])
def test_the_group_has_many_names(tmp_path: Path, name: str) -> None:
    assert _table(tmp_path, f"image,{name}\na.jpg,1\n").roles().group == name
    assert _table(tmp_path, f"image,who,{name}\na.jpg,1,2\n").roles("who").group == "who"


@pytest.mark.parametrize(
    ("names", "cells", "box"),
    [
        ("x_min,y_min,x_max,y_max", "1,2,11,22", (1, 2, 11, 22)),
        ("face_x0,face_y0,face_x1,face_y1", "1.4,2.6,11,22", (1, 3, 11, 22)),
        ("y2,x1,x2,y1", "22,1,11,2", (1, 2, 11, 22)),
        ("x,y,w,h", "1,2,10,20", (1, 2, 11, 22)),
        ("x,y,width,height", "-1,2,10,20", (-1, 2, 9, 22)),
        ("x_min,y_min,x_max,y_max", "-1,-1,-1,-1", None),
        ("x_min,y_min,x_max,y_max", ",,,", None),
        ("x,y,w", "1,2,3", None),
    ],
)
def test_boxes(tmp_path: Path, names: str, cells: str, box: csv_table.Box | None) -> None:
    table = _table(tmp_path, f"image,{names}\na.jpg,{cells}\n")
    assert csv_table.read_box(table, table.rows[0], table.roles()) == box


@pytest.mark.parametrize(
    ("cells", "column"),
    [("top,2,3,4", "x_min"), ("1,2,,4", "x_max"), ("5,2,5,4", "x_max"), ("1,9,3,4", "x_max")],
)
def test_a_wrong_box_names_its_place(tmp_path: Path, cells: str, column: str) -> None:
    table = _table(tmp_path, f"image,x_min,y_min,x_max,y_max\na.jpg,1,2,3,4\nb.jpg,{cells}\n")
    with pytest.raises(DataError, match=f"t.csv, line 3, column '{column}'"):
        csv_table.read_box(table, table.rows[1], table.roles())


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "no rows"),
        (b"image,age\n", "no rows"),
        (b"image,age\na.jpg,1,2\n", "line 2"),
        (b"image,image\na.jpg,1\n", "two columns"),
        (b"image,name\na.jpg,\xe9\n", "UTF-8"),
        (b'image,age\n"a.jpg,1\n', "cannot be read"),
        (b"picture,age\na.jpg,1\n", "picture, age"),
    ],
)
def test_a_broken_table_is_explained(tmp_path: Path, content: bytes, word: str) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(DataError, match=word):
        csv_table.read(tmp_path / "t.csv").roles()


def test_a_column_that_is_not_there_is_guessed(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="did you mean gender"):
        _table(tmp_path, "image,gender\na.jpg,f\n").require("gendre")
