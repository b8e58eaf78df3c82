"""Yes and no in many spellings become one column; what is neither is named with its place."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtlcli.data.preparers import csv_attributes, csv_table
from mtlcli.data.preparers.csv import Csv
from mtlcli.errors import DataError, UsageError
from mtlcli.io.column import Column
from mtlcli.tasks.attributes import Attributes

SPELT = {
    "1": ["1", "1.0", "True", "yes", "Y", "present"],
    "0": ["0", "0.0", "FALSE", "no", "n", "absent"],
    "?": ["", "?", "nan", "None", "-1"],
}


def _table(folder: Path, text: str) -> csv_table.Table:
    path = folder / "t.csv"
    path.write_text(text)
    return csv_table.read(path)


@settings(derandomize=True, deadline=None, max_examples=50)
@given(st.data())
def test_every_spelling_is_read(tmp_path_factory: pytest.TempPathFactory, data: Any) -> None:
    cells = data.draw(st.lists(st.text("01?", min_size=3, max_size=3), min_size=1, max_size=6))
    rows = [["x", *(data.draw(st.sampled_from(SPELT[c])) for c in cell)] for cell in cells]
    rows.append(["x", "0", "0", "0"])  # a zero, so that -1 is a gap
    text = "image,a,b,c\n" + "\n".join(map(",".join, rows)) + "\n"
    table = _table(tmp_path_factory.mktemp("t"), text)
    made = csv_attributes.make(table, dict.fromkeys("abc", ""))
    assert made.cells == ["" if cell == "???" else cell for cell in cells] + ["000"]
    assert made.column == Column("attributes", classes=("a", "b", "c"))
    labels = Attributes("attributes", made.column).encode(made.cells)
    assert labels.values.shape == (len(cells) + 1, 3)


def test_minus_one_says_no_where_there_is_no_zero(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = _table(tmp_path, "image,a,b\nx,1,-1\ny,-1,\n")
    assert csv_attributes.make(table, {"a": "", "b": ""}).cells == ["10", "0?"]
    assert "-1 is taken for no" in capsys.readouterr().err


@pytest.mark.parametrize("cell", ["2", "maybe", "0.5", "11"])
def test_a_cell_that_says_neither_is_named_with_its_place(tmp_path: Path, cell: str) -> None:
    table = _table(tmp_path, f"image,a,b\nx,1,0\ny,1,{cell}\n")
    with pytest.raises(DataError, match=f"'{cell}' is neither yes nor no") as caught:
        csv_attributes.make(table, {"a": "", "b": ""})
    assert str(caught.value.where).endswith("line 3, column 'b'")


def test_names_and_groups_are_parsed() -> None:
    assert csv_attributes.parse("smile, hat") == {"smile": "", "hat": ""}
    assert csv_attributes.parse("mouth:smile,lips; worn: hat") == {
        "smile": "mouth", "lips": "mouth", "hat": "worn",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (" , ", "names no column"),
        ("a,b,a", "'a' twice"),
        ("mouth:smile;hat", "'hat' no group"),
        (":smile", "no group before the colon"),
    ],
)
def test_names_that_cannot_be_are_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        csv_attributes.parse(text)


TEXT = "image,smile,hat,age\na.jpg,1,0,30\nb.jpg,,1,40\n"


def _csv(folder: Path, text: str = TEXT) -> Path:
    for name in ("a.jpg", "b.jpg"):
        (folder / name).touch()
    path = folder / "t.csv"
    path.write_text(text)
    return path


def test_attributes_stand_beside_the_other_labels(tmp_path: Path) -> None:
    made = Csv(_csv(tmp_path), tmp_path, attributes="mouth:smile;worn:hat")
    items = made.scan().items
    assert [item.labels for item in items] == [
        {"attributes": "10", "age": "30"}, {"attributes": "?1", "age": "40"},
    ]  # fmt: skip
    assert made.columns()["attributes"].groups == ("mouth", "worn")
    assert made.settings()["attributes"] == {"smile": "mouth", "hat": "worn"}
    alone = Csv(_csv(tmp_path), tmp_path, attributes="smile,hat", labels="age")
    alone.scan()
    assert list(alone.columns()) == ["attributes", "age"]


def test_attributes_alone_are_enough(tmp_path: Path) -> None:
    made = Csv(_csv(tmp_path, "image,smile\na.jpg,1\nb.jpg,0\n"), tmp_path, attributes="smile")
    assert made.scan().items[0].labels == {"attributes": "1"}


def test_a_column_that_is_not_there_or_called_so_already_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no column 'smle'") as caught:
        Csv(_csv(tmp_path), tmp_path, attributes="smle").scan()
    assert caught.value.hint == "did you mean smile?"
    text = TEXT.replace(",age", ",attributes")
    with pytest.raises(DataError, match="a column 'attributes' already"):
        Csv(_csv(tmp_path, text), tmp_path, attributes="smile,hat").scan()
