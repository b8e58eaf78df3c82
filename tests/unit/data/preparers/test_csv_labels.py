"""Which columns are labels, of what kind, and how their cells are written."""

from pathlib import Path

import pytest

from mtlcli.data.preparers import csv_labels, csv_table
from mtlcli.errors import DataError, UsageError
from mtlcli.io.column import Column


def _labels(
    folder: Path, name: str, cells: list[str], kind: str | None = None
) -> csv_labels.Labels:
    rows = "".join(f'{k}.jpg,"{cell}"\n' for k, cell in enumerate(cells))
    (folder / "t.csv").write_text(f"image,{name}\n{rows}")
    return csv_labels.make(csv_table.read(folder / "t.csv"), name, kind)


@pytest.mark.parametrize(
    ("name", "cells", "column", "written"),
    [
        ("gender", ["M", "F", ""], Column("classification", ("F", "M")), ["M", "F", ""]),
        ("smile", ["1", "0", "-1"], Column("classification", ("0", "1")), ["1", "0", ""]),
        ("stars", ["10.0", "9.0", "nan"], Column("classification", ("9", "10")), ["10", "9", ""]),
        ("Age", ["7", "64", "-1"], Column("age", low=7, high=64, unit="years"), ["7", "64", ""]),
        ("age", ["25;32", "(0, 2)", "60-100", "8"], Column("age", low=1, high=80, unit="years"),
         ["28.5", "1", "80", "8"]),
        ("age", ["1.5", "2.5"], Column("age", low=1, high=3, unit="years"), ["1.5", "2.5"]),
        ("age", ["130", "0.5"], Column("regression", low=0.5, high=130), ["130", "0.5"]),
        ("yaw", ["-1", "0.5", "-12.25"], Column("regression", low=-12.25, high=0.5),
         ["-1", "0.5", "-12.25"]),
        ("Smiling", ["-1", "1", "-1.0", ""], Column("classification", ("-1", "1")),
         ["-1", "1", "-1", ""]),
        ("glasses", ["none", "sun", "NULL", "nan", ""],
         Column("classification", ("NULL", "none", "sun")), ["none", "sun", "NULL", "", ""]),
        ("stars", ["none", "3", "4"], Column("classification", ("3", "4")), ["", "3", "4"]),
        ("age", ["(25, 32)", "None", "8"], Column("age", low=8, high=29, unit="years"),
         ["28.5", "", "8"]),
        ("score", [str(k) for k in range(25)], Column("regression", low=0, high=24),
         [str(k) for k in range(25)]),
    ],
)  # fmt: skip
def test_kinds_are_found(
    tmp_path: Path, name: str, cells: list[str], column: Column, written: list[str]
) -> None:
    found = _labels(tmp_path, name, cells)
    assert (found.column, found.cells) == (column, written)


def test_a_given_kind_is_taken(tmp_path: Path) -> None:
    assert _labels(tmp_path, "age", ["7", "64"], "regression").column.kind == "regression"
    assert _labels(tmp_path, "age", ["7", "64"], "classification").column.classes == ("7", "64")


def test_a_cell_that_is_no_number_names_its_place(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"'old' is not a number\n.*line 3, column 'age'"):
        _labels(tmp_path, "age", ["7", "old"], "age")


def test_columns_that_are_no_labels_are_passed_over(tmp_path: Path) -> None:
    rows = "".join(f"{k},{k}.jpg,name{k},{'MF'[k % 2]},same,{k % 3}\n" for k in range(50))
    (tmp_path / "t.csv").write_text(f"id,image,name,gender,constant,group\n{rows}")
    table = csv_table.read(tmp_path / "t.csv")
    assert list(csv_labels.find(table, {"image", "group"}, {})) == ["gender"]
    assert set(csv_labels.find(table, {"image", "group"}, {"id": "regression"})) == {"id", "gender"}


@pytest.mark.parametrize("cells", [["7", "-1", "7.0"], ["none", "", "-1"]])
def test_a_task_of_one_class_is_no_task(tmp_path: Path, cells: list[str]) -> None:
    with pytest.raises(DataError, match="fewer than two classes of stars"):
        _labels(tmp_path, "stars", cells, "classification")
    table = csv_table.read(tmp_path / "t.csv")
    assert csv_labels.find(table, {"image"}, {}) == {}


def test_classes_that_look_like_missing_labels_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    signed = {
        name: _labels(tmp_path, name, ["-1", "1"]) for name in ("Bald", "Male", "Smiling", "Young")
    }
    worn = _labels(tmp_path, "glasses", ["none", "sun"])
    plain = _labels(tmp_path, "smile", ["0", "1", "-1"])
    csv_labels.tell_doubtful({"smile": plain})
    assert capsys.readouterr().err == ""
    csv_labels.tell_doubtful({**signed, "glasses": worn})
    told = " ".join(capsys.readouterr().err.split())
    assert "Bald, Male, Smiling and 1 more: there are 1 and -1 and no 0, so -1 is a class" in told
    assert "glasses: 'none' is a class" in told


def test_kinds_are_parsed() -> None:
    assert csv_labels.parse_kinds("age = age, smile=classification,") == {
        "age": "age", "smile": "classification",
    }  # fmt: skip


@pytest.mark.parametrize(("text", "word"), [("age", "column=kind"), ("a=regresion", "regression")])
def test_wrong_kinds_are_refused(text: str, word: str) -> None:
    with pytest.raises(UsageError, match=word):
        csv_labels.parse_kinds(text)
