"""What a dataset folder lacks is said before an hour is spent on it."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from mtlcli.io.column import Column
from mtlcli.workflows.prepare import prepare
from mtlcli.workflows.prepare_gaps import empty_splits, missing_classes

COLUMNS = {
    "mood": Column("classification", ("calm", "glad", "cross")),
    "age": Column("age", low=1, high=9),
}


def frame(*moods: str, age: str = "3") -> pd.DataFrame:
    return pd.DataFrame({"mood": list(moods), "age": [age] * len(moods)})


def test_nothing_lacks() -> None:
    whole = frame("calm", "glad", "cross", "")
    frames = {"train": whole, "val": frame("calm"), "test": frame("glad")}
    assert [*empty_splits(frames), *missing_classes(frames, COLUMNS)] == []


def test_empty_splits_are_named_with_what_follows() -> None:
    found = list(empty_splits({"train": frame("calm")}))
    assert [text.partition(":")[0] for text in found] == ["no row is in val", "no row is in test"]


def test_classes_that_never_occur_or_not_in_train() -> None:
    frames = {"train": frame("calm", ""), "val": frame("glad")}
    assert list(missing_classes(frames, COLUMNS)) == [
        "mood: no row is of the class cross",
        "mood: no row of train is of the class glad, but others are",
    ]


def test_attributes_are_looked_at_one_by_one() -> None:
    columns = {"worn": Column("attributes", ("hat", "tie", "ring", "scarf"))}

    def gaps(*cells: str) -> list[str]:
        frames = {"train": pd.DataFrame({"worn": cells}), "val": pd.DataFrame({"worn": ["1111"]})}
        return list(missing_classes(frames, columns))

    assert gaps("0101", "1010", "") == []
    assert gaps("010?", "110?", "?10?", "") == [
        "worn: no row of train has ring, scarf",
        "worn: no row of train lacks tie, scarf",
    ]
    assert len(gaps("", "")) == 2


def test_a_column_without_a_label() -> None:
    frames = {"train": frame("calm", "glad", "cross", age="")}
    assert list(missing_classes(frames, COLUMNS)) == ["age: not one row has a label"]


def test_many_names_are_cut_short() -> None:
    names = tuple(f"c{k}" for k in range(20))
    (text,) = missing_classes({"train": frame("c0")}, {"mood": Column("classification", names)})
    assert text.endswith("c8 and 11 others")


@pytest.mark.parametrize("limit", [None, 3])
def test_prepare_warns_unless_it_is_a_try_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], limit: int | None
) -> None:
    for number in range(6):
        folder = tmp_path / "raw" / "train" / str(number % 2)
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 8, 3), number * 9, np.uint8)).save(folder / f"{number}.png")
    prepare("fer2013", tmp_path / "raw", tmp_path / "made", options={}, limit=limit, workers=1)
    told = capsys.readouterr().err
    assert "no row is in test" in told
    assert ("no row is of the class fear, happiness" in told) == (limit is None)
