"""What rows teach: classes that a recipe leaves out are unlabelled, hidden ones too."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest

from mtlcli.data import manifest
from mtlcli.data.manifest import Column, Dataset
from mtlcli.errors import DataError
from mtlcli.recipe.load import from_plain
from mtlcli.tasks.classification import Classification
from mtlcli.workflows import taught
from mtlcli.workflows.checks import Ready, check
from mtlcli.workflows.unlabelled import hidden_labels


def _folder(folder: Path, declared: dict[str, tuple[str, ...]], **cells: list[str]) -> str:
    folder.mkdir()
    (folder / "a.png").touch()
    count = len(next(iter(cells.values())))
    frame = pd.DataFrame({"image": ["a.png"] * count, **cells})
    columns = {name: Column("classification", names) for name, names in declared.items()}
    whole = Dataset(folder, folder.name, folder, columns)
    manifest.save(whole, {"train": frame, "val": frame})
    return str(folder)


def _ready(tmp_path: Path, hidden: Sequence[str], *, declared: bool = True) -> Ready:
    """Emotions of three and of two classes, and a dataset whose emotions are hidden."""
    data = [
        _folder(tmp_path / "three", {"emotion": ("a", "b", "c")}, emotion=["a", "c"]),
        _folder(tmp_path / "two", {"emotion": ("b", "a")}, emotion=["b", "a"]),
    ]
    columns = {"pose": ("up", "down")} | ({"emotion_hidden": ("a", "b", "c")} if declared else {})
    cells = {"pose": ["up"] * len(hidden), "emotion_hidden": list(hidden)}
    data += [_folder(tmp_path / "poses", columns, **cells)]
    tasks = {"emotion": {"classes": "common"}, "pose": {}}
    return check(from_plain({"data": data, "tasks": tasks, "completion": "pseudo"}))


def _hidden(ready: Ready) -> tuple[list[int], list[bool]]:
    emotion = Classification("emotion", ready.tasks[0].column)
    labels, known = hidden_labels(ready, {"emotion": emotion, "pose": emotion})["emotion"]
    return labels[known].tolist(), known.tolist()


@pytest.mark.parametrize("declared", [True, False])
def test_a_hidden_label_of_a_class_left_out_is_unknown(tmp_path: Path, declared: bool) -> None:
    ready = _ready(tmp_path, ["c", "b", "", "a"], declared=declared)
    assert ready.tasks[0].column.classes == ("a", "b")
    labels, known = _hidden(ready)
    assert known == [False] * 4 + [False, True, False, True] and labels == [1, 0]
    cells = taught.cells_of(ready.tasks[0])
    assert [frame[cells].tolist() for frame in taught.read(ready, "train")[:2]] == [
        ["a", ""], ["b", "a"],
    ]  # fmt: skip


def test_a_hidden_label_that_no_dataset_knows_is_named_with_its_table(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="typo") as fault:
        _hidden(_ready(tmp_path, ["a", "typo"]))
    assert str(tmp_path / "poses" / "train.csv") in str(fault.value)
