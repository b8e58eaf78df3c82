"""Ages that the range of the task leaves out are counted before training, and never silently."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mtlcli.data import manifest
from mtlcli.recipe.load import from_plain
from mtlcli.tasks.age import Age
from mtlcli.workflows import build
from mtlcli.workflows.checks import check

Recipe = Callable[..., dict[str, Any]]


def _folder(folder: Path, ages: list[str], low: int | None, high: int | None) -> str:
    folder.mkdir()
    (folder / "a.png").touch()
    frame = pd.DataFrame({"image": ["a.png"] * len(ages), "age": ages})
    column = {"age": manifest.Column("age", low=low, high=high)}
    whole = manifest.Dataset(folder, folder.name, folder, column)
    manifest.save(whole, {"train": frame, "val": frame.iloc[:2]})
    return str(folder)


def test_ages_of_every_dataset_are_taught(tmp_path: Path, capfd: Any) -> None:
    data = [
        _folder(tmp_path / "adults", ["21", "40", "60"], 21, 60),
        _folder(tmp_path / "children", ["0", "5", "", "90"], 0, 90),
    ]
    ready = check(from_plain({"data": data, "tasks": {"age": {}}}))
    assert capfd.readouterr().err == ""
    task = Age("age", ready.tasks[0].column)
    label = build.make_rows(ready, {"age": task}, "train", train=False).labels["age"]
    assert label.present.astype(int).tolist() == [1, 1, 1, 1, 1, 0, 1]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"low": 4}, ["train.csv: 1 of 6", "4..80", "val.csv: 1 of 2"]),
        ({"high": 60}, ["train.csv: 3 of 6", "0..60"]),
        ({"low": 0, "high": 99}, []),
        ({"kind": "regression"}, []),
    ],
)
def test_ages_outside_the_range_of_the_recipe_are_counted(
    tmp_path: Path, capfd: Any, options: dict[str, Any], said: list[str]
) -> None:
    data = _folder(tmp_path / "d", ["0", "5", "", "61", "70.5", "8", "80"], 0, 80)
    check(from_plain({"data": data, "tasks": {"age": options}}))
    found = capfd.readouterr().err
    assert all(words in found for words in said), found
    assert ("outside" in found) == bool(said)


def test_ages_outside_the_range_of_the_dataset_are_counted_too(tmp_path: Path, capfd: Any) -> None:
    data = _folder(tmp_path / "d", ["0", "5", "120"], None, None)
    check(from_plain({"data": data, "tasks": {"age": {}}}))
    assert "2 of 3" in (found := capfd.readouterr().err) and "1..100" in found


def test_what_is_no_number_is_left_to_the_reading_of_labels(tmp_path: Path, capfd: Any) -> None:
    data = _folder(tmp_path / "d", ["five", "nan", "20"], 0, 80)
    check(from_plain({"data": data, "tasks": {"age": {}}}))
    assert "outside" not in capfd.readouterr().err
